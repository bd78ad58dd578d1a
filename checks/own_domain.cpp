// own_domain: mail that claims to come from us arrives from outside. SPF may allow it; nothing else does.
#include "checks/rule.hpp"

namespace gatepost::checks {
namespace {

using mail::SpfResult;
using smtp::Say;

class OwnDomain final : public Check {
 public:
  explicit OwnDomain(Rule forged) : Check({smtp::Stage::mail}), forged_(forged) {}
  bool depends_on_client() const override { return true; }

  Findings mail(const smtp::MailFacts& facts, Evidence& evidence) const override {
    const auto& domain = facts.sender.domain_key();
    if (facts.null_sender || !forged_.on() || !evidence.ours(domain)) return Findings{std::in_place};
    const auto* spf = evidence.spf(facts, mail::SpfIdentity::mail_from);
    if (spf == nullptr) return std::nullopt;
    if (spf->result == SpfResult::pass) return Findings{std::in_place};
    const auto client = facts.helo.connect.client.address.to_string();
    auto because = "SPF of " + domain + " is " + std::string(mail::name_of(spf->result));
    if (spf->result == SpfResult::temperror) {
      return Findings{
          std::in_place,
          {cannot_know(Say::own_domain_unavailable, {client, domain}, because + ": " + spf->problem)}};
    }
    auto finding = finding_of(forged_, Say::own_domain_forged, {domain, client}, std::move(because));
    finding.rests_on = {evidence.resolver()};
    return Findings{std::in_place, {std::move(finding)}};
  }

 private:
  Rule forged_;
};

class OwnDomainOptions final : public CheckOptions {
 public:
  OwnDomainOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "forged",
             .help = "The sender is in one of our domains, the client is not ours (policy.exempt_clients), "
                     "and the domain's SPF record does not allow it."},
            forged_);
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<OwnDomain>(forged_);
  }

 private:
  Rule forged_ = Rule::reject();
};

}  // namespace

std::unique_ptr<CheckOptions> make_own_domain_options() {
  return std::make_unique<OwnDomainOptions>();
}

}  // namespace gatepost::checks
