#include "webui/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text.hpp"
#include "telemetry/records.hpp"

namespace gatepost::webui {

std::string date_and_time(base::WallTime when) {
  auto text = telemetry::format_time(when).substr(0, 19);
  text[10] = ' ';
  return text;
}

std::string duration(std::chrono::system_clock::duration length) {
  return base::duration_in_words(std::chrono::duration_cast<base::seconds>(length).count());
}

std::string age(std::chrono::system_clock::duration length) {
  const auto seconds = std::max<std::int64_t>(std::chrono::duration_cast<base::seconds>(length).count(), 0);
  if (seconds < 60) return fmt::format("{} s ago", seconds);
  if (seconds < 3600) return fmt::format("{} min ago", seconds / 60);
  if (seconds < 86400) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} d ago", seconds / 86400);
}

std::string_view words_for(smtp::Stage stage) {
  switch (stage) {
    case smtp::Stage::connect: return "the client connects";
    case smtp::Stage::helo: return "the client greets, up to a sender that is taken";
    case smtp::Stage::mail: return "the sender is named";
    case smtp::Stage::rcpt: return "the recipients are named";
    case smtp::Stage::data: return "the header of the message";
    case smtp::Stage::message: return "the whole message";
  }
  return {};
}

std::string octets(std::uint64_t count) {
  static constexpr std::array<std::string_view, 4> units{"KiB", "MiB", "GiB", "TiB"};
  if (count < 1024) return fmt::format("{} B", count);
  auto amount = static_cast<double>(count) / 1024;
  std::size_t unit = 0;
  while (amount >= 1024 && unit + 1 < units.size()) {
    amount /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", amount, units[unit]);
}

unsigned percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0;
  return static_cast<unsigned>(100.0 * static_cast<double>(part) / static_cast<double>(whole) + 0.5);
}

}  // namespace gatepost::webui
