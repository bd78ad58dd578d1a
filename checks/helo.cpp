// helo: what the client calls itself. RFC 5321 4.1.4 forbids to refuse mail only because the name could not
// be verified, so that by default the rules that verify it give points or a note.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "checks/check.hpp"
#include "checks/policy.hpp"
#include "checks/rule.hpp"
#include "core/base/text.hpp"
#include "mail/organisational_domain.hpp"

namespace gatepost::checks {
namespace {

using smtp::Say;

struct Rules {
  Rule syntax = Rule::reject();
  Rule underscore = Rule::points(1);
  Rule bare_address = Rule::reject();
  Rule single_label = Rule::reject();
  Rule own_name = Rule::reject().enforced();
  Rule other_literal = Rule::points(2);
  Rule unresolved = Rule::points(1);
  Rule alias = Rule::note();
  Rule mismatch = Rule::note();
  Rule changed = Rule::points(1);
};

/// What the argument is by its form (RFC 5321 4.1.2, 4.1.3).
struct HeloName {
  enum class Form { malformed, literal, bare_address, single_label, underscore, host };
  Form form = Form::malformed;
  std::optional<base::IpAddress> address = std::nullopt;
};
using Form = HeloName::Form;

/// "192.0.2.1", "IPv6:2001:db8::1"; the tag is often forgotten.
std::optional<base::IpAddress> parse_address(std::string_view text) {
  constexpr std::string_view tag = "IPv6:";
  if (!base::istarts_with(text, tag)) return base::IpAddress::parse(text);
  text.remove_prefix(tag.size());
  return text.find(':') == std::string_view::npos ? std::nullopt : base::IpAddress::parse(text);
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return base::is_alnum(c) || c == '-' || c == '_'; });
}

/// Labels of letters, digits, hyphens and, which is a mistake of its own, underscores. The last is no number
/// (RFC 1123 2.1).
bool is_host_name(std::string_view name) {
  if (name.empty() || name.back() == '.') return false;
  std::string_view label;
  while (!name.empty()) {
    label = base::split_off(name, '.');
    if (!is_label(label)) return false;
  }
  return !std::all_of(label.begin(), label.end(), base::is_digit);
}

HeloName read(std::string_view name) {
  if (name.starts_with('[')) {
    const auto address = name.ends_with(']') ? parse_address(name.substr(1, name.size() - 2)) : std::nullopt;
    return {address ? Form::literal : Form::malformed, address};
  }
  if (const auto address = parse_address(name)) return {Form::bare_address, address};
  if (!is_host_name(name)) return {Form::malformed};
  if (name.find('.') == std::string_view::npos) return {Form::single_label};
  return {name.find('_') == std::string_view::npos ? Form::host : Form::underscore};
}

bool holds(const dns::Answer& answer, const base::IpAddress& address) {
  return std::find(answer.addresses.begin(), answer.addresses.end(), address) != answer.addresses.end();
}

/// What one HELO is judged by, and the findings so far.
class Judgement {
 public:
  Judgement(const Rules& rules, const smtp::HeloFacts& facts, Evidence& evidence)
      : rules_(rules),
        name_(facts.name),
        facts_(facts),
        client_(facts.connect.client.address),
        real_client_(is_real_client(client_, evidence.site().real_clients)),
        evidence_(evidence) {}

  Findings findings() {
    if (!facts_.name_before.empty() && !base::iequals(facts_.name_before, name_))
      find(rules_.changed, Say::helo_changed, "before: " + facts_.name_before, {name_, facts_.name_before});
    const auto helo = read(name_);
    const auto dotless = std::string_view(name_).substr(0, name_.size() - (name_.ends_with('.') ? 1 : 0));
    const bool own =
        base::iequals(dotless, evidence_.site().hostname) || (helo.address && is_own(*helo.address));
    if (own && !from_ourselves()) {
      find(rules_.own_name, Say::helo_own_name, "our own name or address");
      return std::move(found_);
    }
    switch (helo.form) {
      case Form::malformed: find(rules_.syntax, Say::helo_syntax, "no host name, no address literal"); break;
      case Form::single_label: find(rules_.single_label, Say::helo_single_label, "no dot in it"); break;
      case Form::bare_address: find(rules_.bare_address, Say::helo_bare_address, "no brackets"); break;
      case Form::literal:
        if (real_client_ && *helo.address != client_)
          find(rules_.other_literal, Say::helo_other_literal, "the client is " + client_.to_string());
        break;
      case Form::underscore:
        find(rules_.underscore, Say::helo_underscore, "an underscore");
        return verified();
      case Form::host: return verified();
    }
    return std::move(found_);
  }

 private:
  bool is_own(const base::IpAddress& address) const {
    const auto& ours = evidence_.site().addresses;
    return address == facts_.connect.local.address ||
           std::find(ours.begin(), ours.end(), address) != ours.end();
  }
  /// A program on this machine that uses its name.
  bool from_ourselves() const { return real_client_ && is_own(client_); }

  /// The rules that ask DNS about the name; it is asked only if one of them is on.
  Findings verified() {
    const auto a = dns::question(name_, dns::Type::a);
    const bool one_of_ours = rules_.own_name.on() && real_client_ && evidence_.ours(a.name);
    const bool mismatch = rules_.mismatch.on() && real_client_;
    if (!one_of_ours && !mismatch && !rules_.unresolved.on() && !rules_.alias.on()) return std::move(found_);
    const auto* v4 = evidence_.lookup(a);
    const auto* v6 = evidence_.lookup({a.name, dns::Type::aaaa});
    if (v4 == nullptr || v6 == nullptr) return std::nullopt;
    const auto& for_client = client_.is_v4() ? *v4 : *v6;
    const bool leads_here = holds(for_client, client_);
    if (one_of_ours && !leads_here) {
      if (for_client.failed()) return cannot_tell(rules_.own_name, for_client.why);
      find_by_dns(rules_.own_name, Say::helo_own_name,
                  "one of our domains, and " + client_.to_string() + " is not its address");
      return std::move(found_);
    }
    if (v4->absent() && v6->absent()) {
      find_by_dns(rules_.unresolved, Say::helo_unresolved,
                  fmt::format("A: {}, AAAA: {}", name_of(v4->outcome), name_of(v6->outcome)));
      return std::move(found_);
    }
    if (!v4->found() && !v6->found()) return cannot_tell(rules_.unresolved, v4->failed() ? v4->why : v6->why);
    if (v4->alias || v6->alias) find_by_dns(rules_.alias, Say::helo_alias, "a CNAME");
    if (!mismatch || leads_here) return std::move(found_);
    return for_client.failed() ? cannot_tell(rules_.mismatch, for_client.why) : compared(for_client);
  }

  /// With the client's host name, since the HELO name has not its address.
  Findings compared(const dns::Answer& addresses) {
    const auto* host = evidence_.client_name(client_);
    if (host == nullptr) return std::nullopt;
    if (host->state == ClientName::State::unknown) return cannot_tell(rules_.mismatch, host->why);
    const auto domain = mail::organisational_domain(host->confirmed());
    if (!domain.empty() && domain == mail::organisational_domain(base::to_lower(name_)))
      return std::move(found_);
    std::vector<std::string> others;
    for (const auto& address : addresses.addresses) others.push_back(address.to_string());
    find_by_dns(
        rules_.mismatch, Say::helo_mismatch,
        fmt::format("addresses: {}; the client is {} ({})",
                    others.empty() ? "none" : fmt::format("{}", fmt::join(others, ", ")), client_.to_string(),
                    host->confirmed().empty() ? "no confirmed name" : host->confirmed()));
    return std::move(found_);
  }

  /// A rule that would only have taken a note must not defer anything (on_error).
  Findings cannot_tell(const Rule& rule, std::string why) {
    if (rule.on() && rule.verdict != telemetry::Verdict::annotate) {
      found_.push_back(cannot_know(Say::dns_unavailable, {name_}, std::move(why)));
      found_.back().mode = rule.mode;
    }
    return std::move(found_);
  }
  void find(const Rule& rule, Say what, std::string why) { find(rule, what, std::move(why), {name_}); }
  void find(const Rule& rule, Say what, std::string why, std::initializer_list<std::string_view> arguments) {
    if (rule.on()) found_.push_back(finding_of(rule, what, arguments, name_ + ": " + why));
  }
  void find_by_dns(const Rule& rule, Say what, std::string why) {
    if (!rule.on()) return;
    find(rule, what, std::move(why));
    found_.back().rests_on = {evidence_.resolver()};
  }

  const Rules& rules_;
  const std::string& name_;
  const smtp::HeloFacts& facts_;
  const base::IpAddress& client_;
  const bool real_client_;
  Evidence& evidence_;
  std::vector<Finding> found_;
};

class Helo final : public Check {
 public:
  explicit Helo(const Rules& rules) : Check({smtp::Stage::helo}), rules_(rules) {}
  Findings helo(const smtp::HeloFacts& facts, Evidence& evidence) const override {
    return Judgement(rules_, facts, evidence).findings();
  }

 private:
  Rules rules_;
};

class HeloOptions final : public CheckOptions {
 public:
  HeloOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "own_name",
             .help = "Our own host name or address, or one of our domains from an address that is not the "
                     "domain's."},
            rules_.own_name);
    v.field({.key = "syntax", .help = "Neither a host name nor an address literal."}, rules_.syntax);
    v.field({.key = "underscore", .help = "A host name but for its underscores."}, rules_.underscore);
    v.field({.key = "bare_address", .help = "An address without brackets."}, rules_.bare_address);
    v.field({.key = "single_label", .help = "A name without a dot, like \"localhost\"."},
            rules_.single_label);
    v.field({.key = "other_literal", .help = "An address literal, but not of the client's address."},
            rules_.other_literal);
    v.field({.key = "unresolved", .help = "A name with neither A nor AAAA records."}, rules_.unresolved);
    v.field({.key = "alias", .help = "A name that is a CNAME."}, rules_.alias);
    v.field({.key = "mismatch",
             .help = "A name that has not the client's address, nor the registered domain of the client's "
                     "confirmed host name."},
            rules_.mismatch);
    v.field({.key = "changed", .help = "Another name than before in the session (STARTTLS begins anew)."},
            rules_.changed);
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override { return std::make_unique<Helo>(rules_); }

 private:
  Rules rules_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_helo_options() {
  return std::make_unique<HeloOptions>();
}

}  // namespace gatepost::checks
