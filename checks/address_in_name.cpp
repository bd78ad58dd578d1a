#include "checks/address_in_name.hpp"

#include <array>
#include <span>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using Octets = std::array<std::uint8_t, 4>;

bool is_hex(char c) {
  return base::is_digit(c) || (c >= 'a' && c <= 'f');
}
bool is_separator(char c) {
  return c == '.' || c == '-' || c == '_';
}

/// From the beginning of one part of a text to the end of a later one.
std::string_view span_of(std::string_view first, std::string_view last) {
  return {first.data(), static_cast<std::size_t>(last.data() + last.size() - first.data())};
}

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::array<Octets, 2> both_ways(const Octets& octets) {
  return {octets, {octets[3], octets[2], octets[1], octets[0]}};
}

/// A run of digits that could be an octet.
struct Number {
  std::string_view digits;
  unsigned value = 256;  ///< no octet
};

std::vector<Number> numbers_of(std::string_view text) {
  std::vector<Number> numbers;
  for (const auto digits : runs_of(text, base::is_digit)) {
    std::uint64_t value = 256;
    if (digits.size() <= 3) base::parse_number(digits, value);
    numbers.push_back({digits, static_cast<unsigned>(std::min<std::uint64_t>(value, 256))});
  }
  return numbers;
}

/// "1-2-3", "1.2-3", "1x2x3": not more than two characters between them.
bool adjacent(const Number& a, const Number& b) {
  return span_of(a.digits, b.digits).size() <= a.digits.size() + b.digits.size() + 2;
}

/// Three neighbouring octets one behind the other, or backwards.
std::optional<std::string_view> find_neighbours(std::span<const Number> numbers, const Octets& octets) {
  for (std::size_t i = 0; i + 2 < numbers.size(); ++i) {
    const auto& [a, b, c] = std::tie(numbers[i], numbers[i + 1], numbers[i + 2]);
    if (!adjacent(a, b) || !adjacent(b, c)) continue;
    for (std::size_t at = 0; at < 2; ++at) {
      const bool forward = a.value == octets[at] && b.value == octets[at + 1] && c.value == octets[at + 2];
      const bool backward = c.value == octets[at] && b.value == octets[at + 1] && a.value == octets[at + 2];
      if (forward || backward) return span_of(a.digits, c.digits);
    }
  }
  return std::nullopt;
}

/// All four octets, in whatever order and however far from each other: 118.red-80-35-201 is 80.35.201.118.
std::optional<std::string_view> find_all(std::span<const Number> numbers, const Octets& octets) {
  std::vector<unsigned> missing(octets.begin(), octets.end());
  std::optional<std::string_view> seen;
  for (const auto& number : numbers) {
    const auto found = std::find(missing.begin(), missing.end(), number.value);
    if (found == missing.end()) continue;
    missing.erase(found);
    seen = seen ? span_of(*seen, number.digits) : number.digits;
  }
  return missing.empty() ? seen : std::nullopt;
}

/// Octets without anything between them, as digit runs: padded to three digits (three of them), as they are,
/// or the address as one number.
std::optional<std::string_view> find_glued(std::string_view text, const Octets& octets) {
  for (const auto run : runs_of(text, base::is_digit)) {
    if (run.size() < 7) continue;  // too short to be sure
    for (const auto& o : both_ways(octets)) {
      if (holds(run, fmt::format("{:03}{:03}{:03}", o[0], o[1], o[2])) ||
          holds(run, fmt::format("{:03}{:03}{:03}", o[1], o[2], o[3])) ||
          run == fmt::format("{}", fmt::join(o, "")))
        return run;
    }
    const auto whole = (std::uint32_t{octets[0]} << 24) | (octets[1] << 16) | (octets[2] << 8) | octets[3];
    if (run == std::to_string(whole)) return run;
  }
  return std::nullopt;
}

std::string without_separators(std::string_view text) {
  std::string out(text);
  std::erase_if(out, is_separator);
  return out;
}

/// All octets in hex, glued or not, or three of them that stand alone and are no decimal number.
std::optional<std::string> find_hex(std::string_view text, const Octets& octets) {
  const auto glued = without_separators(text);
  const auto runs = runs_of(text, is_hex);
  for (const auto& o : both_ways(octets)) {
    auto all = fmt::format("{:02x}", fmt::join(o, ""));
    if (holds(glued, all)) return all;
    for (const auto& three : {all.substr(0, 6), all.substr(2)}) {
      if (std::any_of(three.begin(), three.end(), base::is_alpha) &&
          std::find(runs.begin(), runs.end(), three) != runs.end())
        return three;
    }
  }
  return std::nullopt;
}

std::optional<std::string> find_v4(std::string_view text, const Octets& octets) {
  const auto numbers = numbers_of(text);
  auto seen = find_neighbours(numbers, octets);
  if (!seen) seen = find_all(numbers, octets);
  if (!seen) seen = find_glued(text, octets);
  if (seen) return std::string(*seen);
  return find_hex(text, octets);
}

/// 16 of the 32 nibbles in sequence, or backwards as in ip6.arpa, separators or not; mostly zeros do not
/// count.
std::optional<std::string> find_nibbles(std::string_view text, const base::IpAddress::Bytes& bytes) {
  const auto forward = fmt::format("{:02x}", fmt::join(bytes, ""));
  const std::string backward(forward.rbegin(), forward.rend());
  const auto glued = without_separators(text);
  for (const auto& nibbles : {forward, backward}) {
    for (std::size_t at = 0; at + 16 <= nibbles.size(); ++at) {
      auto half = nibbles.substr(at, 16);
      if (std::count(half.begin(), half.end(), '0') <= 12 && holds(glued, half)) return half;
    }
  }
  return std::nullopt;
}

/// Four of the eight groups in sequence, or backwards, without leading zeros: 2001-db8-1-2.
std::optional<std::string> find_groups(std::string_view text, const base::IpAddress::Bytes& bytes) {
  std::vector<std::string> groups;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    groups.push_back(fmt::format("{:x}", bytes[i] << 8 | bytes[i + 1]));
  const auto parts = runs_of(text, [](char c) { return !is_separator(c); });
  for (int order = 0; order < 2; ++order) {
    for (std::size_t at = 0; at + 4 <= groups.size(); ++at) {
      const auto four = std::span(groups).subspan(at, 4);
      if (std::count(four.begin(), four.end(), "0") > 2) continue;
      const auto found = std::search(parts.begin(), parts.end(), four.begin(), four.end());
      if (found != parts.end()) return std::string(span_of(*found, *(found + 3)));
    }
    std::reverse(groups.begin(), groups.end());
  }
  return std::nullopt;
}

std::optional<std::string> find_v6(std::string_view text, const base::IpAddress::Bytes& bytes) {
  auto seen = find_nibbles(text, bytes);
  return seen ? seen : find_groups(text, bytes);
}

}  // namespace

std::optional<std::string> find_address(std::string_view name, const base::IpAddress& address) {
  return address.is_v4() ? find_v4(name, address.v4_bytes()) : find_v6(name, address.bytes());
}

bool holds_last_octets(std::string_view name, const base::IpAddress& address) {
  if (!address.is_v4()) return false;
  const auto octets = address.v4_bytes();
  const auto numbers = numbers_of(name);
  const auto count = [&numbers](unsigned octet) {
    return std::count_if(numbers.begin(), numbers.end(), [=](const Number& n) { return n.value == octet; });
  };
  return octets[2] == octets[3] ? count(octets[2]) >= 2 : count(octets[2]) >= 1 && count(octets[3]) >= 1;
}

}  // namespace gatepost::checks
