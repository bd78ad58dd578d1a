#include "checks/decide.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace gatepost::checks {
namespace {

using telemetry::Verdict;

/// How much a verdict weighs; 0: it decides nothing by itself.
int weight(const Judged& judged) {
  const int base = judged.finding.veils ? 20 : judged.absolute ? 10 : 0;
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
    case Verdict::discard: return {smtp::Decision::Act::discard, std::nullopt, {}};
    case Verdict::unknown:
      return smtp::Decision::refuse(judged.finding.reply
                                        ? *judged.finding.reply
                                        : smtp::reply(smtp::Say::check_unavailable, {judged.check}));
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

bool is_allow(const Judged& judged) {
  return judged.finding.verdict == Verdict::allow && judged.mode == Mode::enforce && !judged.exempt;
}

}  // namespace

std::vector<bool> counting(std::span<const Judged> findings, bool exempt) {
  auto allowed_from = static_cast<int>(smtp::stage_names.size());
  std::vector<std::string_view> spared;
  for (const auto& judged : findings) {
    if (!is_allow(judged)) continue;
    spared.insert(spared.end(), judged.finding.exempts.begin(), judged.finding.exempts.end());
    if (judged.finding.exempts.empty()) allowed_from = std::min(allowed_from, static_cast<int>(judged.stage));
  }
  std::vector<bool> counts;
  for (const auto& judged : findings) {
    const bool touched = exempt || judged.exempt || static_cast<int>(judged.stage) >= allowed_from ||
                         std::find(spared.begin(), spared.end(), judged.check) != spared.end();
    counts.push_back(judged.mode == Mode::enforce && (judged.absolute || !touched));
  }
  return counts;
}

DecisionBasis decide(std::span<const Judged> findings, const PolicyOptions& policy, bool exempt) {
  const auto counts = counting(findings, exempt);
  const Judged* decisive = nullptr;
  std::vector<const Judged*> scored;
  double sum = 0;
  base::Millis delay{0};
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const auto& judged = findings[i];
    if (!counts[i]) continue;
    delay = std::max(delay, judged.finding.delay);
    if (weight(judged) > (decisive == nullptr ? 0 : weight(*decisive))) decisive = &judged;
    if (judged.finding.verdict == Verdict::score) {
      sum += judged.finding.score;
      scored.push_back(&judged);
    }
  }
  DecisionBasis basis;
  basis.decisive = decisive;
  if (decisive != nullptr) {
    basis.decision = carry_out(*decisive);
  } else if (policy.reject_score > 0 && sum >= policy.reject_score) {
    basis.decision = smtp::Decision::refuse(
        smtp::reply(smtp::Say::score_refused, {explain_score(scored, sum, policy.reject_score)}));
  } else if (policy.defer_score > 0 && sum >= policy.defer_score) {
    basis.decision = smtp::Decision::refuse(
        smtp::reply(smtp::Say::score_deferred, {explain_score(scored, sum, policy.defer_score)}));
  } else if (policy.tag_score > 0 && sum >= policy.tag_score) {
    basis.tag = explain_score(scored, sum, policy.tag_score);
  }
  basis.decision.delay = delay;
  return basis;
}

}  // namespace gatepost::checks
