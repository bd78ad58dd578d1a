// The desk behind the gateway's own sessions: checks decide, the relay delivers, the recorder records.
#pragma once

#include "checks/pipeline.hpp"
#include "gateway/desk.hpp"
#include "gateway/snapshot.hpp"
#include "relay/delivery.hpp"
#include "relay/learned.hpp"
#include "telemetry/recorder.hpp"

namespace gatepost::gateway {

/// What the desks of one thread share.
struct DeskContext {
  const base::Clock& clock;
  relay::Learned& learned;
  state::ChunkPool& chunks;
  relay::Deliverer& deliverer;
  telemetry::Recorder& recorder;
  const std::shared_ptr<const Snapshot>& live;  ///< the configuration in force, replaced by reloads
};

class GatewayDesk final : public Desk, private checks::EvidenceSource {
 public:
  explicit GatewayDesk(const DeskContext& context) : context_(context), evidence_(*this) {}

  void opened(const smtp::ServerSession& session) override { session_ = &session; }
  smtp::Extensions extensions() const override;
  bool has_room() const override;
  std::size_t memory_share() const override;
  bool memory_exhausted() const override { return context_.chunks.slice().exhausted(); }
  std::optional<smtp::Decision> consult(smtp::Stage stage, const smtp::ServerSession& session,
                                        bool again) override;
  void when_ready(std::function<void()> call) override { evidence_.when_answered(std::move(call)); }
  net::Task<smtp::DeliveryAnswer> deliver(smtp::ServerSession& session, net::Deadline& deadline,
                                          std::function<bool()> client_gone) override;
  void refused(smtp::Stage stage, const smtp::Reply& reply, std::string_view subject) override;
  void transaction_ended(const smtp::TransactionRecord& record, base::Millis duration, bool spilled) override;
  void session_closed(const smtp::HeloFacts& facts, const smtp::SessionTotals& totals, telemetry::Close how,
                      base::Millis duration, std::uint64_t in, std::uint64_t out) override;

 private:
  // checks::EvidenceSource
  void recipient(const mail::Mailbox& mailbox,
                 const std::shared_ptr<checks::Answer<checks::RecipientAnswer>>& answer) override;
  checks::PastAnswer past(const smtp::RcptFacts& facts) override;

  std::shared_ptr<const relay::Route> route_of(std::span<const smtp::Recipient> recipients) const;
  std::string make_received(const smtp::MailFacts& facts, std::span<const smtp::Recipient> recipients) const;

  const DeskContext& context_;
  checks::Evidence evidence_;
  checks::Verdicts verdicts_;
  const smtp::ServerSession* session_ = nullptr;
  /// What the last delivery came to, for the record of the transaction.
  std::unique_ptr<relay::Delivery> delivery_;
  std::chrono::microseconds delivery_time_{};
};

}  // namespace gatepost::gateway
