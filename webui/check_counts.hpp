// What each check found, as the page and the JSON show it: worked out once, so that both show the same.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "webui/queries.hpp"

namespace gatepost::webui {

/// Findings by what became of them.
struct CheckCounts {
  std::uint64_t refused = 0;       ///< 4xx, 5xx or thrown away
  std::uint64_t would_refuse = 0;  ///< in observe mode
  std::uint64_t delivered = 0;     ///< of what it would have refused
  std::uint64_t noted = 0;         ///< points, allowed, a note
  std::uint64_t exempt = 0;        ///< did not count: sender, recipient or client is exempt
  std::uint64_t unknown = 0;       ///< it could not find out

  CheckCounts& operator+=(const CheckCounts& other);
};

/// One number of CheckCounts.
struct CheckFigure {
  std::string_view key;    ///< in the JSON
  std::string_view label;  ///< on the page
  std::uint64_t CheckCounts::*of;
};
std::span<const CheckFigure> check_figures();

/// Counts of one reason, or of a check with all its reasons.
struct CheckRow {
  std::string_view name;
  CheckCounts since_start;
  CheckCounts last_hour;
};
struct CheckRows {
  CheckRow total;
  std::string_view mode;  ///< empty: it is none that has one, as "protocol"
  std::vector<CheckRow> reasons;
};

/// All checks in the order of the status, then what others found.
std::vector<CheckRows> check_rows(const Status& status);

}  // namespace gatepost::webui
