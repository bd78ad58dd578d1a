#include "checks/access_rule.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "checks/address_pattern.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {

using smtp::Stage;

Stage AccessConditions::known_from() const {
  if (!recipient.empty()) return Stage::rcpt;
  if (!sender.empty()) return Stage::mail;
  return helo.empty() ? Stage::connect : Stage::helo;
}

void AccessRule::visit(base::Visitor& v) {
  v.field({.key = "client",
           .help = "The client's address is in one of these networks.",
           .example = "[\"203.0.113.0/24\"]"},
          when.client);
  v.field(
      {.key = "client_name",
       .help = "The client's host name, confirmed by DNS both ways, is like one of these; * stands for any "
               "characters.",
       .example = "[\"*.partner.example.com\"]"},
      when.client_name);
  v.field({.key = "helo",
           .help = "The HELO name is like one of these; * stands for any characters.",
           .example = "[\"*.dyn.example.com\"]"},
          when.helo);
  v.field({.key = "sender",
           .help = "The sender is one of these: user@domain, domain, *.domain, or <> for bounces; * stands "
                   "for any characters.",
           .example = "[\"bulk.example.com\"]"},
          when.sender);
  v.field({.key = "recipient",
           .help = "The recipient is one of these, written like senders.",
           .example = "[\"sales@example.org\"]"},
          when.recipient);
  v.field({.key = "action",
           .help = "allow: no check refuses the mail; deny: 550; defer: 451; exempt: the checks named in "
                   "\"checks\" do not refuse it, and the rules behind go on."},
          then.action);
  v.field({.key = "text",
           .help = "What to tell the sender instead of \"access denied\".",
           .example = "\"please call us\""},
          then.text);
  v.field(
      {.key = "checks", .help = "Of exempt: what these checks find does not count.", .example = "[\"spf\"]"},
      then.checks);
  v.field({.key = "expires",
           .help = "The rule is ignored from then on; a date alone: from the end of that day, UTC.",
           .example = "\"2027-01-31\""},
          then.expires);
  v.field({.key = "note",
           .help = "For yourselves: why the rule is here. Goes to the log.",
           .example = "\"ticket 4711\""},
          then.note);
}

std::string suggestion(std::string_view name, std::span<const std::string_view> candidates) {
  const auto meant = base::probably_meant(name, candidates);
  return meant.empty() ? "" : "did you mean \"" + std::string(meant) + "\"?";
}

std::vector<AccessMistake> mistakes_in(const AccessEffect& effect,
                                       std::span<const std::string_view> exemptable) {
  std::vector<AccessMistake> mistakes;
  if (!base::is_ascii(effect.text))
    mistakes.push_back({"text", "must be ASCII, since it is part of an SMTP reply", {}});
  const bool exempts = effect.action == AccessAction::exempt;
  if (exempts && effect.checks.empty())
    mistakes.push_back({"checks", "action exempt does not say from which checks", "name them in \"checks\""});
  if (!exempts && !effect.checks.empty())
    mistakes.push_back({"checks", "only a rule with action exempt names checks", {}});
  for (const auto& name : effect.checks) {
    if (std::find(exemptable.begin(), exemptable.end(), name) == exemptable.end())
      mistakes.push_back({"checks", "there is no check \"" + base::printable(name, 100) + "\" to exempt from",
                          suggestion(name, exemptable)});
  }
  return mistakes;
}

std::vector<AccessMistake> mistakes_in(const AccessRule& rule, std::span<const std::string_view> exemptable) {
  auto mistakes = mistakes_in(rule.then, exemptable);
  if (rule.when.empty())
    mistakes.push_back({"", "a rule without conditions matches everything",
                        "give it client, client_name, helo, sender or recipient"});
  const auto look_at = [&mistakes](const char* field, const std::vector<std::string>& patterns) {
    for (const auto& pattern : patterns) {
      if (auto mistake = mistake_in_address_pattern(pattern); !mistake.empty())
        mistakes.push_back({field, std::move(mistake), {}});
    }
  };
  look_at("sender", rule.when.sender);
  look_at("recipient", rule.when.recipient);
  return mistakes;
}

}  // namespace gatepost::checks

namespace gatepost::base {
namespace {

/// Reads numbers with the separators of `form` between them, as many digits each as `form` has: "dddd-dd-dd".
template <std::size_t N>
bool read_digits(std::string_view in, std::string_view form, std::array<int, N>& numbers) {
  if (in.size() != form.size()) return false;
  numbers = {};
  std::size_t number = 0;
  for (std::size_t i = 0; i < form.size(); ++i) {
    if (form[i] == 'd') {
      if (!is_digit(in[i])) return false;
      numbers[number] = numbers[number] * 10 + (in[i] - '0');
    } else {
      if (in[i] != form[i]) return false;
      ++number;
    }
  }
  return true;
}

std::optional<std::chrono::sys_days> read_date(std::string_view in) {
  std::array<int, 3> n{};
  if (!read_digits(in, "dddd-dd-dd", n)) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(n[0]),
                                         std::chrono::month(static_cast<unsigned>(n[1])),
                                         std::chrono::day(static_cast<unsigned>(n[2]))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::optional<std::chrono::seconds> read_time_of_day(std::string_view in) {
  std::array<int, 4> n{};  // nothing follows the Z
  if (!read_digits(in, "Tdd:dd:ddZ", n) || n[1] > 23 || n[2] > 59 || n[3] > 59) return std::nullopt;
  return std::chrono::hours(n[1]) + std::chrono::minutes(n[2]) + std::chrono::seconds(n[3]);
}

}  // namespace

std::string TextForm<checks::Expiry>::parse(std::string_view in, checks::Expiry& value) {
  value = {};
  if (in.empty()) return {};
  const auto date = read_date(in.substr(0, 10));
  const auto time = in.size() == 10 ? std::chrono::days(1)
                                    : read_time_of_day(in.substr(std::min<std::size_t>(in.size(), 10)));
  if (!date || !time) return "must be a " + std::string(form);
  value.at = *date + *time;
  return {};
}

std::string TextForm<checks::Expiry>::print(const checks::Expiry& value) {
  if (value == checks::Expiry{}) return {};
  const auto day = std::chrono::floor<std::chrono::days>(value.at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(value.at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

}  // namespace gatepost::base
