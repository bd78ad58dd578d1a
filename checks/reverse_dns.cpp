// reverse_dns: the client's address has a host name that leads back to it.
#include "checks/check.hpp"
#include "checks/rule.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gatepost::checks {
namespace {

using smtp::Say;

struct Rules {
  Rule no_ptr = Rule::reject();
  Rule no_ptr_ipv6 = Rule::reject();
  Rule unconfirmed = Rule::points(2);
};

class ReverseDns final : public Check {
 public:
  explicit ReverseDns(const Rules& rules) : Check({smtp::Stage::connect}), rules_(rules) {}
  bool depends_on_client() const override { return true; }

  Findings connect(const smtp::ConnectFacts& facts, Evidence& evidence) const override {
    const auto& client = facts.client.address;
    const auto* name = evidence.client_name(client);
    if (name == nullptr) return std::nullopt;
    const auto address = client.to_string();
    switch (name->state) {
      case ClientName::State::confirmed: break;
      case ClientName::State::unknown: return {{cannot_know(Say::ptr_unavailable, {address}, name->why)}};
      case ClientName::State::none:
        return say(client.is_v4() ? rules_.no_ptr : rules_.no_ptr_ipv6,
                   client.is_v4() ? Say::ptr_none : Say::ptr_none_ipv6, {address},
                   dns::reverse_question(client).to_string() + ": no record", evidence);
      case ClientName::State::unconfirmed:
        return say(rules_.unconfirmed, Say::ptr_unconfirmed, {address, name->name},
                   fmt::format("{}: none has the address of the client", fmt::join(name->names, ", ")),
                   evidence);
    }
    return Findings{std::in_place};
  }

 private:
  static Findings say(const Rule& rule, Say what, std::initializer_list<std::string_view> arguments,
                      std::string why, const Evidence& evidence) {
    Findings findings{std::in_place};
    if (!rule.on()) return findings;
    findings->push_back(finding_of(rule, what, arguments, std::move(why)));
    findings->back().rests_on = {evidence.resolver()};
    return findings;
  }

  Rules rules_;
};

class ReverseDnsOptions final : public CheckOptions {
 public:
  ReverseDnsOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "no_ptr", .help = "An IPv4 address without a PTR record."}, rules_.no_ptr);
    v.field({.key = "no_ptr_ipv6", .help = "An IPv6 address without a PTR record."}, rules_.no_ptr_ipv6);
    v.field({.key = "unconfirmed",
             .help = "There are PTR records, but none of their names has the address of the client."},
            rules_.unconfirmed);
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<ReverseDns>(rules_);
  }

 private:
  Rules rules_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_reverse_dns_options() {
  return std::make_unique<ReverseDnsOptions>();
}

}  // namespace gatepost::checks
