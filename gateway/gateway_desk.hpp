// The desk behind the gateway's own sessions: checks decide, the relay delivers, the recorder records.
#pragma once

#include "checks/pipeline.hpp"
#include "gateway/desk.hpp"
#include "gateway/live_evidence.hpp"
#include "relay/delivery.hpp"
#include "telemetry/recorder.hpp"

namespace gatepost::gateway {

/// What the desks of one thread share.
struct DeskContext {
  EvidenceContext evidence;
  state::ChunkPool& chunks;
  relay::Deliverer& deliverer;
  telemetry::Recorder& recorder;
};

class GatewayDesk final : public Desk {
 public:
  explicit GatewayDesk(const DeskContext& context)
      : context_(context), source_(context.evidence), evidence_(source_) {}

  void opened(const smtp::ServerSession& session) override { session_ = &session; }
  smtp::Extensions extensions() const override;
  bool has_room() const override;
  std::size_t memory_share() const override;
  bool memory_exhausted() const override { return context_.chunks.slice().exhausted(); }
  std::optional<smtp::Decision> consult(smtp::Stage stage, bool again) override;
  void when_ready(std::function<void()> call) override;
  base::Millis patience() const override;
  bool give_up() override;
  net::Task<smtp::DeliveryAnswer> deliver(smtp::ServerSession& session, net::Deadline& deadline,
                                          std::function<bool()> client_gone) override;
  void refused(smtp::Stage stage, const smtp::Reply& reply, std::string_view subject) override;
  void transaction_ended(const smtp::TransactionRecord& record, base::Millis duration, bool spilled) override;
  void session_closed(const smtp::HeloFacts& facts, const smtp::SessionTotals& totals, telemetry::Close how,
                      base::Millis duration, std::uint64_t in, std::uint64_t out) override;

 private:
  checks::Pipeline::Consultation ask(smtp::Stage stage);
  void note_message_id();
  void go_on_meanwhile();
  std::string_view client_name() const;
  std::shared_ptr<const relay::Route> route_of(std::span<const smtp::Recipient> recipients) const;
  std::string make_received(const smtp::MailFacts& facts, std::span<const smtp::Recipient> recipients) const;

  const DeskContext& context_;
  LiveEvidence source_;
  checks::Evidence evidence_;
  checks::Verdicts verdicts_;
  const smtp::ServerSession* session_ = nullptr;
  /// What the last delivery came to, for the record of the transaction.
  std::unique_ptr<relay::Delivery> delivery_;
  std::chrono::microseconds delivery_time_{};
  std::string message_id_;                      ///< of the transaction
  smtp::Stage reached_ = smtp::Stage::connect;  ///< of those before RCPT, which go on by themselves
  base::Instant waiting_since_{};               ///< for DNS; zero: nobody waits
  base::Millis waited_{0};                      ///< in the whole session
};

}  // namespace gatepost::gateway
