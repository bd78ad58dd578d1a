// sender_domain: could anybody answer? The sender's domain must exist and have mail servers, or an address,
// that can be reached (RFC 5321 5.1, RFC 7505).
#include <algorithm>

#include "checks/rule.hpp"

namespace gatepost::checks {
namespace {

using dns::Type;
using smtp::Say;

struct Rules {
  Rule unknown = Rule::reject();
  Rule null_mx = Rule::reject();
  Rule unroutable = Rule::reject();
};

bool any_reachable(const dns::Answer& answer) {
  return std::any_of(answer.addresses.begin(), answer.addresses.end(),
                     [](const base::IpAddress& address) { return address.scope() == base::Scope::global; });
}

/// What the addresses of some hosts come to.
struct Reach {
  bool pending = false;
  bool reachable = false;
  bool any = false;       ///< there are addresses at all
  std::string failure;    ///< of a lookup
  std::string addresses;  ///< for people
};

Reach reach_of(const std::vector<std::string>& hosts, dns::Lookup& dns) {
  Reach reach;
  for (const auto& host : hosts) {
    for (const auto type : {Type::a, Type::aaaa}) {
      const auto* answer = dns.lookup({host, type});
      if (answer == nullptr) {
        reach.pending = true;
        continue;
      }
      if (answer->failed()) reach.failure = host + ": " + answer->why;
      reach.any = reach.any || answer->found();
      reach.reachable = reach.reachable || any_reachable(*answer);
      for (const auto& address : answer->addresses)
        reach.addresses += (reach.addresses.empty() ? "" : ", ") + address.to_string();
    }
  }
  return reach;
}

class SenderDomain final : public Check {
 public:
  explicit SenderDomain(const Rules& rules) : Check({smtp::Stage::mail}), rules_(rules) {}

  Findings mail(const smtp::MailFacts& facts, Evidence& evidence) const override {
    const auto& domain = facts.sender.domain_key();
    // Bounces have no sender, and an address literal is its own mail server.
    if (facts.null_sender || domain.empty() || domain.starts_with('[')) return Findings{std::in_place};
    const auto* exchanges = evidence.lookup({domain, Type::mx});
    if (exchanges == nullptr) return std::nullopt;
    if (exchanges->failed()) return unavailable(domain, exchanges->why);
    if (exchanges->outcome == dns::Outcome::no_name)
      return found(rules_.unknown, Say::sender_domain_unknown, domain, "no such domain", evidence);
    std::vector<std::string> hosts;
    for (const auto& exchange : exchanges->exchanges) {
      if (!exchange.host.empty() && hosts.size() < most_hosts) hosts.push_back(exchange.host);
    }
    if (exchanges->found() && hosts.empty())
      return found(rules_.null_mx, Say::sender_domain_null_mx, domain, "null MX", evidence);
    if (hosts.empty()) return by_addresses({domain}, domain, "no MX", evidence);
    // As a rule the first address of the first host settles it.
    const auto* first = evidence.lookup({hosts.front(), Type::a});
    if (first == nullptr) return std::nullopt;
    if (any_reachable(*first)) return Findings{std::in_place};
    return by_addresses(hosts, domain, "MX " + hosts.front(), evidence);
  }

 private:
  static constexpr std::size_t most_hosts = 10;

  Findings by_addresses(const std::vector<std::string>& hosts, const std::string& domain, std::string what,
                        Evidence& evidence) const {
    const auto reach = reach_of(hosts, evidence);
    if (reach.reachable) return Findings{std::in_place};
    if (reach.pending) return std::nullopt;
    if (!reach.failure.empty()) return unavailable(domain, reach.failure);
    if (!reach.any && hosts.front() == domain)
      return found(rules_.unknown, Say::sender_domain_unknown, domain, "neither MX nor address", evidence);
    what += reach.any ? ", addresses " + reach.addresses : ", which has no address";
    return found(rules_.unroutable, Say::sender_domain_unroutable, domain, std::move(what), evidence);
  }

  static Findings unavailable(const std::string& domain, const std::string& why) {
    return Findings{std::in_place,
                    {cannot_know(Say::sender_domain_unavailable, {domain}, domain + ": " + why)}};
  }

  static Findings found(const Rule& rule, Say say, const std::string& domain, std::string what,
                        const Evidence& evidence) {
    if (!rule.on()) return Findings{std::in_place};
    auto finding = finding_of(rule, say, {domain}, domain + ": " + what);
    finding.rests_on = {evidence.resolver()};
    return Findings{std::in_place, {std::move(finding)}};
  }

  Rules rules_;
};

class SenderDomainOptions final : public CheckOptions {
 public:
  SenderDomainOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "unknown", .help = "The domain has neither MX nor address records."}, rules_.unknown);
    v.field({.key = "null_mx", .help = "The domain declares that it takes no mail (RFC 7505)."},
            rules_.null_mx);
    v.field({.key = "unroutable",
             .help = "All its mail servers have loopback, private or otherwise unreachable addresses only, "
                     "or none."},
            rules_.unroutable);
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<SenderDomain>(rules_);
  }

 private:
  Rules rules_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_sender_domain_options() {
  return std::make_unique<SenderDomainOptions>();
}

}  // namespace gatepost::checks
