#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <numeric>
#include <vector>

namespace gatepost::base {
namespace {

/// Length of the well-formed UTF-8 character at the start of `text`, 0 if there is none.
std::size_t utf8_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80U) return text.empty() ? 0 : 1;
  if (lead >= 0xC2U && lead <= 0xDFU) return tail(1) ? 2 : 0;
  if (lead >= 0xE0U && lead <= 0xEFU) {
    if (!tail(1) || !tail(2)) return 0;
    if (lead == 0xE0U && byte(1) < 0xA0U) return 0;   // overlong
    if (lead == 0xEDU && byte(1) >= 0xA0U) return 0;  // surrogates
    return 3;
  }
  if (lead >= 0xF0U && lead <= 0xF4U) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (lead == 0xF0U && byte(1) < 0x90U) return 0;   // overlong
    if (lead == 0xF4U && byte(1) >= 0x90U) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      const auto replace = diagonal + (ascii_lower(a[i - 1]) == ascii_lower(b[j - 1]) ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, replace});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ascii_upper);
  return out;
}

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

bool iends_with(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && iequals(text.substr(text.size() - suffix.size()), suffix);
}

bool is_ascii(std::string_view text) {
  // Looks at every octet, so that the compiler can take many at once: most text is ASCII to its end.
  char all = 0;
  for (const char c : text) all = static_cast<char>(all | c);
  return !is_high(all);
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_character(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view split_off(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto head = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  return head;
}

bool parse_number(std::string_view text, std::uint64_t& number) {
  if (text.empty() || !is_digit(text.front())) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string printable(std::string_view foreign, std::size_t limit) {
  static constexpr char hex[] = "0123456789abcdef";
  const auto plain = [](char c) { return !is_control(c) && !is_high(c) && c != '\\'; };
  std::string out;
  out.reserve(std::min(foreign.size(), limit));
  while (!foreign.empty()) {
    if (out.size() >= limit) return out += "...";
    const auto room = foreign.substr(0, limit - out.size());
    const auto run = std::find_if_not(room.begin(), room.end(), plain) - room.begin();
    if (run > 0) {
      out.append(foreign, 0, static_cast<std::size_t>(run));
      foreign.remove_prefix(static_cast<std::size_t>(run));
      continue;
    }
    const auto length = utf8_character(foreign);
    const char c = foreign.front();
    if (c == '\\') {
      out += "\\\\";
    } else if (length == 0 || is_control(c)) {
      out += "\\x";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
    } else {
      out.append(foreign.substr(0, length));
    }
    foreign.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string reply_safe(std::string_view foreign, std::size_t limit) {
  std::string out(foreign.substr(0, limit));
  for (auto& c : out) c = is_control(c) || is_high(c) ? '?' : c;
  if (foreign.size() > limit) out += "...";
  return out;
}

std::string duration_in_words(std::int64_t seconds) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr std::array<Unit, 4> units{{{86400, " d"}, {3600, " h"}, {60, " min"}, {1, " s"}}};
  seconds = std::max<std::int64_t>(seconds, 0);
  const auto* unit =
      std::find_if(units.begin(), units.end() - 1, [&](auto u) { return seconds >= u.seconds; });
  const auto large = std::to_string(seconds / unit->seconds) + unit->name;
  if (unit + 1 == units.end()) return large;
  const auto rest = seconds % unit->seconds / unit[1].seconds;
  return large + " " + std::to_string(rest) + unit[1].name;
}

std::string_view probably_meant(std::string_view name, std::span<const std::string_view> candidates) {
  std::string_view best;
  // Two letters swapped are two errors.
  auto best_distance = std::max<std::size_t>(name.size() < 4 ? 1 : 2, name.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const auto distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

bool wildcard_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  auto star = std::string_view::npos;
  std::size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && ascii_lower(pattern[p]) == ascii_lower(text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace gatepost::base
