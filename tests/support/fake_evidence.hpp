// What checks ask for, from a zone, an empty memory and a clock; tests override what they are about.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "checks/evidence.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_zone.hpp"

namespace gatepost::tests {

/// All recipients exist, no domain is ours, no witness lies, nobody else is asked about senders.
class FakeEvidence : public checks::EvidenceSource {
 public:
  using RecipientKind = directory::DomainTable::Answer::Kind;

  explicit FakeEvidence(FakeZone in = {}, std::size_t octets = std::size_t{1} << 20)
      : zone(std::move(in)), remembered(std::make_unique<checks::Memory>(clock, state::Origin{}, octets)) {}

  void recipient(const mail::Mailbox&,
                 const std::shared_ptr<checks::Answer<checks::RecipientAnswer>>& answer) override {
    answer->set({RecipientKind::found, "inside", true});
  }
  checks::PastAnswer past(const smtp::RcptFacts&) override { return {}; }
  checks::DnsAnswer dns(const dns::Question& question,
                        const std::shared_ptr<checks::Answer<checks::DnsAnswer>>& answer) override {
    ++dns_asked;
    auto said = std::make_shared<const dns::Answer>(zone.answer(question));
    if (!late_dns) return said;
    later.push_back([answer, said] { answer->set(said); });
    return nullptr;
  }
  bool suspended(const checks::Witness&) const override { return false; }
  void examine(const checks::WitnessPtr&,
               const std::shared_ptr<checks::Answer<checks::Testimony>>& answer) override {
    answer->set({true, {}});
  }
  void impeach(const checks::WitnessPtr&, std::string_view) override {}
  checks::WitnessPtr resolver() const override { return resolver_; }
  void callout(const checks::CalloutQuestion&,
               const std::shared_ptr<checks::Answer<checks::CalloutAnswer>>&) override {}
  checks::Memory& memory() override { return *remembered; }
  const checks::Site& site() const override { return own_site; }
  bool ours(std::string_view) const override { return false; }
  base::Instant now() const override { return clock.now(); }
  base::WallTime wall() const override { return clock.wall(); }

  /// What was asked until now is answered.
  void answer_now() {
    for (const auto& call : std::exchange(later, {})) call();
  }

  FakeClock clock;
  FakeZone zone;
  std::unique_ptr<checks::Memory> remembered;
  checks::Site own_site;
  bool late_dns = false;  ///< DNS answers only when answer_now() is called
  int dns_asked = 0;
  std::vector<std::function<void()>> later;

 private:
  checks::WitnessPtr resolver_ =
      std::make_shared<const checks::Witness>(checks::Witness{"the resolver", {}, {}});
};

}  // namespace gatepost::tests
