#include "checks/rule.hpp"

#include <charconv>

#include <fmt/format.h>

#include "core/base/text.hpp"

namespace gatepost::checks {

using telemetry::Verdict;

namespace {

/// The same words with a code of the class that the rule wants.
smtp::Reply in_class(bool permanent, smtp::Reply reply) {
  if (reply.permanent() == permanent) return reply;
  const auto& enhanced = reply.enhanced();
  return smtp::Reply(permanent ? 550 : 451,
                     {static_cast<std::uint8_t>(permanent ? 5 : 4), enhanced.subject, enhanced.detail},
                     reply.token(), reply.text());
}

}  // namespace

Finding finding_of(const Rule& rule, smtp::Say say, std::initializer_list<std::string_view> arguments,
                   std::string evidence) {
  Finding finding;
  finding.verdict = rule.verdict;
  finding.score = rule.score;
  finding.mode = rule.mode;
  finding.reason = smtp::text_of(say).token;
  finding.evidence = std::move(evidence);
  if (rule.verdict == Verdict::reject || rule.verdict == Verdict::defer)
    finding.reply = in_class(rule.verdict == Verdict::reject, smtp::reply(say, arguments));
  return finding;
}

Finding cannot_know(smtp::Say say, std::initializer_list<std::string_view> arguments, std::string evidence) {
  Finding finding;
  finding.verdict = Verdict::unknown;
  finding.reason = smtp::text_of(say).token;
  finding.reply = smtp::reply(say, arguments);
  finding.evidence = std::move(evidence);
  return finding;
}

}  // namespace gatepost::checks

namespace gatepost::base {

using checks::Mode;
using checks::Rule;
using telemetry::Verdict;

std::string TextForm<Rule>::parse(std::string_view in, Rule& value) {
  Rule rule;
  auto rest = trim(in);
  for (const auto mode : {Mode::observe, Mode::enforce}) {
    const auto name = TextForm<Mode>::names[static_cast<std::size_t>(mode)];
    if (!rest.starts_with(name) || rest.size() == name.size() || rest[name.size()] != ' ') continue;
    rule.mode = mode;
    rest = trim(rest.substr(name.size()));
    break;
  }
  const auto verdict = split_off(rest, ' ');
  rest = trim(rest);
  if (verdict == "score") {
    rule.verdict = Verdict::score;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), rule.score);
    if (error != std::errc() || end != rest.data() + rest.size() ||
        !(rule.score >= -1000 && rule.score <= 1000))
      return "wants a number behind \"score\", like \"score 2.5\"";
    rest = {};
  } else if (verdict == "off") {
    rule.verdict = Verdict::none;
  } else if (verdict == "defer") {
    rule.verdict = Verdict::defer;
  } else if (verdict == "note") {
    rule.verdict = Verdict::annotate;
  } else if (verdict != "reject") {
    return "must be " + std::string(form);
  }
  if (!rest.empty()) return "must be " + std::string(form);
  value = rule;
  return {};
}

std::string TextForm<Rule>::print(const Rule& value) {
  std::string out;
  if (value.mode) out = TextForm<Mode>::print(*value.mode) + " ";
  switch (value.verdict) {
    case Verdict::none: return out + "off";
    case Verdict::defer: return out + "defer";
    case Verdict::annotate: return out + "note";
    case Verdict::score: return out + fmt::format("score {:g}", value.score);
    default: return out + "reject";
  }
}

}  // namespace gatepost::base
