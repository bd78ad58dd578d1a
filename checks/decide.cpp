#include "checks/decide.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace gatepost::checks {
namespace {

using telemetry::Verdict;

/// How much a verdict weighs; 0: it decides nothing by itself.
int weight(const Judged& judged) {
  const int base = judged.absolute ? 10 : 0;
  switch (judged.finding.verdict) {
    case Verdict::drop: return base + 4;
    case Verdict::reject: return base + 3;
    case Verdict::defer: return base + 2;
    case Verdict::unknown: return judged.on_error == OnError::defer ? base + 2 : 0;
    case Verdict::discard: return base + 1;
    default: return 0;
  }
}

smtp::Decision carry_out(const Judged& judged) {
  switch (judged.finding.verdict) {
    case Verdict::drop: return smtp::Decision::drop(*judged.finding.reply);
    case Verdict::discard: return {smtp::Decision::Act::discard, std::nullopt};
    case Verdict::unknown:
      return smtp::Decision::refuse(smtp::reply(smtp::Say::check_unavailable, {judged.check}));
    default: return smtp::Decision::refuse(*judged.finding.reply);
  }
}

/// "7.2 of 6 (dnsbl 4, helo 3.2)": the largest parts first.
std::string explain_score(std::vector<const Judged*> parts, double sum, double threshold) {
  std::stable_sort(parts.begin(), parts.end(),
                   [](const Judged* a, const Judged* b) { return a->finding.score > b->finding.score; });
  std::string text = fmt::format("{:g} of {:g} (", sum, threshold);
  for (std::size_t i = 0; i < std::min<std::size_t>(parts.size(), 3); ++i) {
    text += fmt::format("{}{} {:g}", i == 0 ? "" : ", ", parts[i]->check, parts[i]->finding.score);
  }
  return text + ")";
}

}  // namespace

DecisionBasis decide(std::span<const Judged> findings, const PolicyOptions& policy, bool exempt) {
  auto allowed_from = static_cast<int>(smtp::stage_names.size());
  for (const auto& judged : findings) {
    if (judged.finding.verdict == Verdict::allow && judged.mode == Mode::enforce)
      allowed_from = std::min(allowed_from, static_cast<int>(judged.stage));
  }
  const auto counts = [&](const Judged& judged) {
    if (judged.mode != Mode::enforce) return false;
    return judged.absolute || (!exempt && static_cast<int>(judged.stage) < allowed_from);
  };
  const Judged* decisive = nullptr;
  std::vector<const Judged*> scored;
  double sum = 0;
  for (const auto& judged : findings) {
    if (!counts(judged)) continue;
    if (weight(judged) > (decisive == nullptr ? 0 : weight(*decisive))) decisive = &judged;
    if (judged.finding.verdict == Verdict::score) {
      sum += judged.finding.score;
      scored.push_back(&judged);
    }
  }
  if (decisive != nullptr) return {carry_out(*decisive), decisive};
  if (policy.reject_score > 0 && sum >= policy.reject_score) {
    return {smtp::Decision::refuse(
                smtp::reply(smtp::Say::score_refused, {explain_score(scored, sum, policy.reject_score)})),
            nullptr};
  }
  if (policy.defer_score > 0 && sum >= policy.defer_score) {
    return {smtp::Decision::refuse(
                smtp::reply(smtp::Say::score_deferred, {explain_score(scored, sum, policy.defer_score)})),
            nullptr};
  }
  return {};
}

}  // namespace gatepost::checks
