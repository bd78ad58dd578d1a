// The numbers that the page and the JSON show: named once, so that both show the same.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "telemetry/statistics.hpp"

namespace gatepost::webui {

/// One number of telemetry::Totals.
struct Figure {
  enum class Unit { count, octets };
  std::string_view key;    ///< in the JSON
  std::string_view label;  ///< on the page
  std::uint64_t (*of)(const telemetry::Totals&);
  Unit unit = Unit::count;
};

struct FigureGroup {
  std::string_view key;
  std::string_view label;
  std::vector<Figure> figures;
};

/// All of them, in the order of the page.
std::span<const FigureGroup> figure_groups();

/// Counts of one reason.
struct ReasonCount {
  telemetry::Reason reason;
  std::uint64_t since_start = 0;
  std::uint64_t last_hour = 0;
};

/// By stage; within a stage those of the last hour first, the most frequent first.
std::vector<ReasonCount> reason_counts(const telemetry::Totals& since_start,
                                       const telemetry::Totals& last_hour);

/// "refused" (5xx) or "deferred" (4xx).
constexpr std::string_view class_name(bool permanent) {
  return permanent ? "refused" : "deferred";
}
/// Was it a 5xx?
bool is_permanent(const telemetry::RecentRefusal& refusal);

}  // namespace gatepost::webui
