#include "gateway/command_abuse.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "smtp/replies.hpp"

namespace gatepost::gateway {
namespace {

/// "12 errors: 7 protocol.unknown_command, 5 protocol.bad_helo", the most frequent first.
std::string errors_in_words(const smtp::SessionTotals& totals) {
  auto counts = totals.errors_by_reason;
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  auto text = fmt::format("{} error{}", totals.errors, totals.errors == 1 ? "" : "s");
  for (const auto& [reason, count] : counts)
    text += fmt::format("{} {} {}", &reason == &counts.front().reason ? ":" : ",", count, reason);
  return text;
}

}  // namespace

std::optional<telemetry::Finding> command_abuse(const smtp::SessionTotals& totals) {
  const bool cut_off = totals.cut_off != smtp::CutOff::no;
  if (!cut_off && totals.slowed == 0) return std::nullopt;
  telemetry::Finding finding{};
  finding.check = "protocol";
  finding.stage = totals.last_error;
  finding.verdict = cut_off ? telemetry::Verdict::drop : telemetry::Verdict::annotate;
  finding.reason = cut_off ? smtp::text_of(smtp::Say::too_many_errors).token : "protocol.slowed";
  finding.evidence =
      totals.cut_off == smtp::CutOff::junk
          ? fmt::format("{} commands that lead to no message: RSET, NOOP, VRFY, HELP, HELO", totals.junk)
          : errors_in_words(totals);
  if (totals.slowed > 0) finding.evidence += fmt::format("; {} answered late", totals.slowed);
  return finding;
}

}  // namespace gatepost::gateway
