#include "mail/spf_record.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "core/base/text.hpp"
#include "mail/spf_macro.hpp"

namespace gatepost::mail {
namespace {

using base::Failure;

constexpr std::string_view version = "v=spf1";

/// What may stand behind a mechanism's name.
enum class Argument { nothing, domain, optional_domain, domain_and_lengths, network4, network6 };

struct MechanismSyntax {
  std::string_view name;
  SpfMechanism mechanism;
  Argument argument;
};

/// Those that are written most come first.
constexpr std::array<MechanismSyntax, 8> mechanisms{{{"ip4", SpfMechanism::ip4, Argument::network4},
                                                     {"include", SpfMechanism::include, Argument::domain},
                                                     {"all", SpfMechanism::all, Argument::nothing},
                                                     {"ip6", SpfMechanism::ip6, Argument::network6},
                                                     {"a", SpfMechanism::a, Argument::domain_and_lengths},
                                                     {"mx", SpfMechanism::mx, Argument::domain_and_lengths},
                                                     {"ptr", SpfMechanism::ptr, Argument::optional_domain},
                                                     {"exists", SpfMechanism::exists, Argument::domain}}};

Failure wrong(std::string_view term, std::string_view why) {
  return {"\"" + base::reply_safe(term, 128) + "\" " + std::string(why)};
}

/// Takes `slashes` and the number behind them off the end of `text`; empty if it does not end like that.
std::string_view take_length(std::string_view& text, std::string_view slashes) {
  const auto digits = std::find_if_not(text.rbegin(), text.rend(), base::is_digit) - text.rbegin();
  const auto number = text.substr(text.size() - static_cast<std::size_t>(digits));
  const auto rest = text.substr(0, text.size() - number.size());
  if (number.empty() || !rest.ends_with(slashes)) return {};
  text = rest.substr(0, rest.size() - slashes.size());
  return number;
}

/// A length of a prefix without leading zeros; an absent one leaves `length` as it is.
bool read_length(std::string_view number, unsigned most, unsigned& length) {
  if (number.empty()) return true;
  std::uint64_t value = 0;
  if ((number.size() > 1 && number.front() == '0') || !base::parse_number(number, value) || value > most)
    return false;
  length = static_cast<unsigned>(value);
  return true;
}

/// ":" domain-spec
std::string_view domain_problem(std::string_view argument, SpfDirective& directive) {
  if (!argument.starts_with(':')) return "lacks a domain name";
  directive.domain_spec = argument.substr(1);
  if (directive.domain_spec.empty()) return "lacks a domain name";
  if (is_spf_domain_spec(directive.domain_spec)) return {};
  return base::IpAddress::parse(directive.domain_spec)
             ? "has an address where a domain name must be (ip4: and ip6: are for addresses)"
             : "has no valid domain name";
}

std::string_view network_problem(std::string_view argument, bool v6, SpfDirective& directive) {
  const auto number = take_length(argument, "/");
  if (!argument.starts_with(':')) return "lacks an address";
  const auto text = argument.substr(1);
  const auto address = base::IpAddress::parse(text);
  if (!address || v6 != (text.find(':') != std::string_view::npos))
    return v6 ? "has no valid IPv6 address" : "has no valid IPv4 address";
  directive.network = *address;
  const bool good =
      v6 ? read_length(number, 128, directive.length6) : read_length(number, 32, directive.length4);
  return good ? "" : "has no valid length of a prefix";
}

/// Reads what stands behind the name; what is wrong with it, or empty.
std::string_view argument_problem(std::string_view argument, Argument kind, SpfDirective& directive) {
  switch (kind) {
    case Argument::nothing: return argument.empty() ? "" : "has something behind \"all\"";
    case Argument::domain: return domain_problem(argument, directive);
    case Argument::network4: return network_problem(argument, false, directive);
    case Argument::network6: return network_problem(argument, true, directive);
    case Argument::optional_domain: break;
    case Argument::domain_and_lengths: {
      const auto number6 = take_length(argument, "//");
      const auto number4 = take_length(argument, "/");
      if (!read_length(number4, 32, directive.length4) || !read_length(number6, 128, directive.length6))
        return "has no valid length of a prefix";
    }
  }
  return argument.empty() ? "" : domain_problem(argument, directive);
}

SpfResult take_qualifier(std::string_view& term) {
  constexpr std::string_view qualifiers = "+-~?";
  constexpr std::array<SpfResult, 4> results{SpfResult::pass, SpfResult::fail, SpfResult::softfail,
                                             SpfResult::neutral};
  const auto found = qualifiers.find(term.front());
  if (found == std::string_view::npos) return SpfResult::pass;
  term.remove_prefix(1);
  return results[found];
}

base::Result<SpfDirective> parse_directive(std::string_view term) {
  SpfDirective directive;
  directive.text = term;
  auto rest = term;
  directive.qualifier = take_qualifier(rest);
  const auto behind = std::find_if(rest.begin(), rest.end(), [](char c) { return c == ':' || c == '/'; });
  const auto name = rest.substr(0, static_cast<std::size_t>(behind - rest.begin()));
  const auto known = std::find_if(mechanisms.begin(), mechanisms.end(), [&](const MechanismSyntax& syntax) {
    return base::iequals(syntax.name, name);
  });
  if (known == mechanisms.end()) return wrong(term, "is no mechanism");
  directive.mechanism = known->mechanism;
  const auto problem = argument_problem(rest.substr(name.size()), known->argument, directive);
  if (!problem.empty()) return wrong(term, problem);
  return directive;
}

/// The length of a modifier's name if `term` is a modifier: a name and "=" behind it (RFC 7208 4.6.1).
std::size_t modifier_name(std::string_view term) {
  if (!base::is_alpha(term.front())) return 0;
  const auto end = std::find_if_not(
      term.begin(), term.end(), [](char c) { return base::is_alnum(c) || c == '-' || c == '_' || c == '.'; });
  return end != term.end() && *end == '=' ? static_cast<std::size_t>(end - term.begin()) : 0;
}

/// Takes a modifier in; what is wrong with it, or empty. Unknown ones must be well-formed, no more.
std::string_view modifier_problem(std::string_view name, std::string_view value, SpfRecord& record) {
  const bool redirect = base::iequals(name, "redirect");
  if (!redirect && !base::iequals(name, "exp"))
    return is_spf_macro_string(value) ? "" : "has an invalid macro";
  auto& domain_spec = redirect ? record.redirect : record.explanation;
  if (!domain_spec.empty()) return "is there twice";
  if (!is_spf_domain_spec(value)) return "has no valid domain name";
  domain_spec = value;
  return {};
}

base::Result<SpfRecord> parse(std::string_view text) {
  const auto unprintable = [](char c) { return base::is_control(c) || base::is_high(c); };
  if (std::count_if(text.begin(), text.end(), unprintable) > 0)
    return Failure{"there are octets in it that are not printable ASCII"};
  SpfRecord record;
  text.remove_prefix(version.size());
  while (!text.empty()) {
    const auto term = base::split_off(text, ' ');
    if (term.empty()) continue;
    if (const auto name = modifier_name(term); name > 0) {
      const auto problem = modifier_problem(term.substr(0, name), term.substr(name + 1), record);
      if (!problem.empty()) return wrong(term, problem);
      continue;
    }
    auto directive = parse_directive(term);
    if (!directive) return directive.error();
    record.directives.push_back(*directive);
  }
  return record;
}

/// A record with the text that its views point into.
struct Reading {
  explicit Reading(std::string_view read) : text(read), record(parse(text)) {}
  const std::string text;
  const base::Result<SpfRecord> record;
};

}  // namespace

bool is_spf_record(std::string_view text) {
  return base::istarts_with(text, version) && (text.size() == version.size() || text[version.size()] == ' ');
}

std::shared_ptr<const base::Result<SpfRecord>> parse_spf_record(std::string_view text) {
  constexpr std::size_t longest_kept = 512;  // no record should be longer (RFC 7208 3.4)
  static thread_local std::array<std::shared_ptr<const Reading>, 1024> readings;
  auto& kept = readings[std::hash<std::string_view>()(text) % readings.size()];
  const auto reading = kept && kept->text == text ? kept : std::make_shared<const Reading>(text);
  if (text.size() <= longest_kept) kept = reading;
  return {reading, &reading->record};
}

}  // namespace gatepost::mail
