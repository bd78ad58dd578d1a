#include "webui/check_counts.hpp"

#include <algorithm>

namespace gatepost::webui {
namespace {

using telemetry::FindingCount;
using telemetry::FindingKind;
using telemetry::Verdict;
using telemetry::Weight;

constexpr CheckFigure figures[] = {{"refused", "refused", &CheckCounts::refused},
                                   {"would_refuse", "would refuse", &CheckCounts::would_refuse},
                                   {"would_refuse_delivered", "of these delivered", &CheckCounts::delivered},
                                   {"noted", "noted", &CheckCounts::noted},
                                   {"exempt", "exempt", &CheckCounts::exempt},
                                   {"unknown", "unknown", &CheckCounts::unknown}};

CheckCounts sorted(const FindingKind& kind, const FindingCount& count) {
  CheckCounts counts;
  if (kind.weight == Weight::exempt) {
    counts.exempt = count.found;
  } else if (kind.verdict == Verdict::unknown) {
    counts.unknown = count.found;
  } else if (!telemetry::refuses(kind.verdict)) {
    counts.noted = count.found;
  } else if (kind.weight == Weight::enforced) {
    counts.refused = count.found;
  } else {
    counts.would_refuse = count.found;
    counts.delivered = count.delivered;
  }
  return counts;
}

/// The entry of that name, made if there is none.
CheckRows& rows_of(std::vector<CheckRows>& all, std::string_view check) {
  const auto known =
      std::find_if(all.begin(), all.end(), [&](const auto& r) { return r.total.name == check; });
  return known != all.end() ? *known : all.emplace_back(CheckRows{{check, {}, {}}, {}, {}});
}

}  // namespace

CheckCounts& CheckCounts::operator+=(const CheckCounts& other) {
  for (const auto& figure : figures) this->*figure.of += other.*figure.of;
  return *this;
}

std::span<const CheckFigure> check_figures() {
  return figures;
}

std::vector<CheckRows> check_rows(const Status& status) {
  std::vector<CheckRows> all;
  for (const auto& [name, mode] : status.checks) all.push_back({{name, {}, {}}, mode, {}});
  for (const auto& [kind, count] : status.since_start.findings) {
    auto& rows = rows_of(all, kind.check);
    // Findings come sorted by check and reason.
    if (rows.reasons.empty() || rows.reasons.back().name != kind.reason)
      rows.reasons.push_back({kind.reason, {}, {}});
    const auto recent = status.last_hour.findings.find(kind);
    const auto since_start = sorted(kind, count);
    const auto last_hour =
        sorted(kind, recent == status.last_hour.findings.end() ? FindingCount{} : recent->second);
    for (auto* row : {&rows.total, &rows.reasons.back()}) {
      row->since_start += since_start;
      row->last_hour += last_hour;
    }
  }
  return all;
}

}  // namespace gatepost::webui
