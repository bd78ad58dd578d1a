#include "mail/date.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <utility>

#include "core/base/text.hpp"
#include "mail/field_body.hpp"

namespace gatepost::mail {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Number {
  unsigned value;
  std::size_t digits;
};

std::optional<Number> read_number(FieldBody& in, std::size_t most_digits) {
  in.skip_cfws();
  const auto digits = in.take_digits();
  std::uint64_t value = 0;
  if (digits.size() > most_digits || !base::parse_number(digits, value)) return std::nullopt;
  return Number{static_cast<unsigned>(value), digits.size()};
}

/// A name's place in `names`; their number if it is none of them.
template <std::size_t N>
std::size_t index_of(const std::array<std::string_view, N>& names, std::string_view word) {
  const auto found =
      std::find_if(names.begin(), names.end(), [word](auto n) { return base::iequals(n, word); });
  return static_cast<std::size_t>(found - names.begin());
}

/// [day-name ","]: false if something else stands there.
bool skip_day_name(FieldBody& in) {
  in.skip_cfws();
  const auto word = in.take_letters();
  if (word.empty()) return true;
  in.skip_cfws();
  return index_of(days, word) < days.size() && in.take(',');
}

/// RFC 5322 4.3: 2000 is added to 00 to 49, 1900 to 50 to 999.
int full_year(Number year) {
  if (year.digits > 3) return static_cast<int>(year.value);
  return static_cast<int>(year.value) + (year.digits == 2 && year.value < 50 ? 2000 : 1900);
}

std::optional<std::chrono::sys_days> read_day(FieldBody& in) {
  const auto day = read_number(in, 2);
  in.skip_cfws();
  const auto month = index_of(months, in.take_letters());
  const auto year = read_number(in, 4);
  if (!day || month == months.size() || !year || year->digits < 2) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(full_year(*year)),
                                         std::chrono::month(static_cast<unsigned>(month) + 1),
                                         std::chrono::day(day->value)};
  if (!date.ok() || date.year() < std::chrono::year(1900)) return std::nullopt;
  return std::chrono::sys_days(date);
}

struct TimeOfDay {
  seconds since_midnight;
  bool leap;  ///< it is a leap second
};

/// hour ":" minute [":" second]
std::optional<TimeOfDay> read_time(FieldBody& in) {
  const auto hour = read_number(in, 2);
  in.skip_cfws();
  if (!hour || hour->value > 23 || !in.take(':')) return std::nullopt;
  const auto minute = read_number(in, 2);
  if (!minute || minute->value > 59) return std::nullopt;
  in.skip_cfws();
  const auto second = in.take(':') ? read_number(in, 2) : Number{0, 2};
  if (!second || second->value > 60) return std::nullopt;
  return TimeOfDay{std::chrono::hours(hour->value) + minutes(minute->value) + seconds(second->value),
                   second->value == 60};
}

/// Names of military zones were used either way round, so that they mean as little as unknown names: "-0000".
minutes named_zone(std::string_view name) {
  static constexpr std::pair<std::string_view, int> known[] = {
      {"EDT", -4}, {"EST", -5}, {"CDT", -5}, {"CST", -6}, {"MDT", -6}, {"MST", -7}, {"PDT", -7}, {"PST", -8}};
  for (const auto& [zone, hours] : known) {
    if (base::iequals(zone, name)) return std::chrono::hours(hours);
  }
  return minutes(0);
}

/// How far the zone is ahead of UTC.
std::optional<minutes> read_zone(FieldBody& in) {
  in.skip_cfws();
  const bool ahead = in.take('+');
  if (!ahead && !in.take('-')) {
    const auto name = in.take_letters();
    return name.empty() ? std::nullopt : std::optional(named_zone(name));
  }
  const auto digits = read_number(in, 4);
  if (!digits || digits->digits != 4 || digits->value % 100 > 59) return std::nullopt;
  const minutes offset(digits->value / 100 * 60 + digits->value % 100);
  return ahead ? offset : -offset;
}

}  // namespace

std::optional<base::WallTime> parse_date(std::string_view body) {
  FieldBody in(body);
  if (!skip_day_name(in)) return std::nullopt;
  const auto day = read_day(in);
  const auto time = day ? read_time(in) : std::nullopt;
  const auto zone = time ? read_zone(in) : std::nullopt;
  in.skip_cfws();
  if (!zone || !in.at_end()) return std::nullopt;
  const auto when = *day + time->since_midnight - *zone;
  // A leap second is the last one of a day in UTC.
  if (time->leap && when != std::chrono::floor<std::chrono::days>(when)) return std::nullopt;
  return std::min(when, std::chrono::floor<seconds>(base::WallTime::max()));
}

std::string format_date(base::WallTime when) {
  const auto seconds = std::chrono::system_clock::to_time_t(when);
  std::tm t{};
  ::gmtime_r(&seconds, &t);
  char text[64];
  std::snprintf(text, sizeof text, "%s, %d %s %d %02d:%02d:%02d +0000", days[t.tm_wday].data(), t.tm_mday,
                months[t.tm_mon].data(), t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  return text;
}

}  // namespace gatepost::mail
