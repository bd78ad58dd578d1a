// The desk behind the gateway's own sessions: checks decide, the relay delivers, the recorder records.
#pragma once

#include "checks/pipeline.hpp"
#include "gateway/desk.hpp"
#include "gateway/examiner.hpp"
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
  dns::Resolver& resolver;
  Examiner& examiner;
  const checks::WitnessPtr& resolver_witness;  ///< replaced with `live`
};

class GatewayDesk final : public Desk, private checks::EvidenceSource {
 public:
  explicit GatewayDesk(const DeskContext& context) : context_(context), evidence_(*this) {}

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
  // checks::EvidenceSource
  void recipient(const mail::Mailbox& mailbox,
                 const std::shared_ptr<checks::Answer<checks::RecipientAnswer>>& answer) override;
  checks::PastAnswer past(const smtp::RcptFacts& facts) override;
  checks::DnsAnswer dns(const dns::Question& question,
                        const std::shared_ptr<checks::Answer<checks::DnsAnswer>>& answer) override;
  bool suspended(const checks::Witness& witness) const override {
    return context_.examiner.suspended(witness);
  }
  void examine(const checks::WitnessPtr& witness,
               const std::shared_ptr<checks::Answer<checks::Testimony>>& answer) override;
  void impeach(const checks::WitnessPtr& witness, std::string_view why) override;
  checks::WitnessPtr resolver() const override { return context_.resolver_witness; }
  const checks::Site& site() const override { return context_.live->site; }
  bool ours(std::string_view domain_key) const override { return context_.live->domains.ours(domain_key); }
  base::Instant now() const override { return context_.clock.now(); }
  base::WallTime wall() const override { return context_.clock.wall(); }

  checks::Pipeline::Consultation ask(smtp::Stage stage);
  void go_on_meanwhile();
  std::string_view client_name() const;
  std::shared_ptr<const relay::Route> route_of(std::span<const smtp::Recipient> recipients) const;
  std::string make_received(const smtp::MailFacts& facts, std::span<const smtp::Recipient> recipients) const;

  const DeskContext& context_;
  checks::Evidence evidence_;
  checks::Verdicts verdicts_;
  const smtp::ServerSession* session_ = nullptr;
  /// What the last delivery came to, for the record of the transaction.
  std::unique_ptr<relay::Delivery> delivery_;
  std::chrono::microseconds delivery_time_{};
  smtp::Stage reached_ = smtp::Stage::connect;  ///< of those before RCPT, which go on by themselves
  base::Instant waiting_since_{};               ///< for evidence; zero: nobody waits
  base::Millis waited_{0};                      ///< in the whole session
};

}  // namespace gatepost::gateway
