// Dates of mail (RFC 5322 3.3 and 4.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"

namespace gatepost::mail {

/// The body of a Date field, folded or not. Taken are the obsolete forms, too: years of two digits, named
/// zones (an unknown name is UTC, as RFC 5322 4.3 says), no name of the day, no seconds, comments anywhere; a
/// wrong name of the day does not matter. Nothing if it has no zone, if it is no date of the calendar, or if
/// anything stands behind it. Times that WallTime cannot hold are its last moment.
std::optional<base::WallTime> parse_date(std::string_view body);

/// A date as RFC 5322 3.3 wants it, in UTC: "Fri, 20 Nov 2026 22:30:00 +0000".
std::string format_date(base::WallTime when);

}  // namespace gatepost::mail
