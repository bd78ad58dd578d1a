// Evidence from the real things: directory, backends' words, DNS through this thread's resolver.
#pragma once

#include "checks/evidence.hpp"
#include "gateway/callout_prober.hpp"
#include "gateway/examiner.hpp"
#include "gateway/snapshot.hpp"
#include "relay/learned.hpp"

namespace gatepost::gateway {

/// What the sessions of one thread share of it.
struct EvidenceContext {
  const base::Clock& clock;
  relay::Learned& learned;
  checks::Memory& memory;
  const std::shared_ptr<const Snapshot>& live;  ///< the configuration in force, replaced by reloads
  dns::Resolver& resolver;
  Examiner& examiner;
  const checks::WitnessPtr& resolver_witness;  ///< replaced with `live`
  CalloutProber* prober = nullptr;             ///< null: callouts are answered from memory only
};

class LiveEvidence final : public checks::EvidenceSource {
 public:
  explicit LiveEvidence(const EvidenceContext& context) : context_(context) {}

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
  void impeach(const checks::WitnessPtr& witness, std::string_view why) override {
    context_.examiner.impeach(*witness, why);
  }
  checks::WitnessPtr resolver() const override { return context_.resolver_witness; }
  void callout(const checks::CalloutQuestion& question,
               const std::shared_ptr<checks::Answer<checks::CalloutAnswer>>& answer) override;
  checks::Memory& memory() override { return context_.memory; }
  const checks::Site& site() const override { return context_.live->site; }
  bool ours(std::string_view domain_key) const override { return context_.live->domains.ours(domain_key); }
  base::Instant now() const override { return context_.clock.now(); }
  base::WallTime wall() const override { return context_.clock.wall(); }

 private:
  const EvidenceContext& context_;
};

/// As Learned knows a sender: empty for <>.
std::string learned_key(const smtp::MailFacts& facts);

}  // namespace gatepost::gateway
