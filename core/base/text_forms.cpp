#include "core/base/text_forms.hpp"

#include <array>
#include <cstdlib>

#include "core/base/text.hpp"

namespace gatepost::base {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// Reads "<number><space?><unit>"; false if it is not that or does not fit. Units are matched without case.
template <std::size_t N>
bool parse_quantity(std::string_view in, const std::array<Unit, N>& units, std::uint64_t& value) {
  const auto text = trim(in);
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  std::uint64_t number = 0;
  if (!parse_number(text.substr(0, digits), number)) return false;
  const auto unit = trim(text.substr(digits));
  for (const auto& known : units) {
    if (iequals(unit, known.name))
      return !__builtin_mul_overflow(number, known.factor, &value) && value <= INT64_MAX;
  }
  return false;
}

template <std::size_t N>
std::string print_quantity(std::uint64_t value, const std::array<Unit, N>& units) {
  for (const auto& unit : units) {
    if (value != 0 && value % unit.factor == 0)
      return std::to_string(value / unit.factor) + " " + std::string(unit.name);
  }
  return "0 " + std::string(units.back().name);
}

constexpr std::array<Unit, 8> size_units{{{"GiB", 1ULL << 30},
                                          {"MiB", 1ULL << 20},
                                          {"KiB", 1ULL << 10},
                                          {"bytes", 1},
                                          {"B", 1},
                                          {"", 1},
                                          {"MB", 1000000},
                                          {"GB", 1000000000}}};
constexpr std::array<Unit, 12> time_units{{{"d", 86400000},
                                           {"h", 3600000},
                                           {"min", 60000},
                                           {"s", 1000},
                                           {"ms", 1},
                                           {"m", 60000},
                                           {"sec", 1000},
                                           {"seconds", 1000},
                                           {"minutes", 60000},
                                           {"hours", 3600000},
                                           {"days", 86400000},
                                           {"hour", 3600000}}};
constexpr std::array<Unit, 4> size_print{
    {{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"bytes", 1}}};
constexpr std::array<Unit, 5> time_print{
    {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}}};

}  // namespace

std::string TextForm<std::string>::parse(std::string_view in, std::string& value) {
  for (const char c : in) {
    if (is_control(c)) return "must not contain control characters";
  }
  value = in;
  return {};
}

std::string TextForm<Secret>::parse(std::string_view in, Secret& value) {
  value = Secret(std::string(in));
  return {};
}

std::string TextForm<ByteSize>::parse(std::string_view in, ByteSize& value) {
  return parse_quantity(in, size_units, value.bytes)
             ? ""
             : "must be a size like \"36 MiB\", \"512 KiB\" or \"1000 bytes\"";
}

std::string TextForm<ByteSize>::print(const ByteSize& value) {
  return print_quantity(value.bytes, size_print);
}

std::string TextForm<std::chrono::milliseconds>::parse(std::string_view in,
                                                       std::chrono::milliseconds& value) {
  std::uint64_t ms = 0;
  if (!parse_quantity(in, time_units, ms)) return "must be a time like \"30 s\", \"5 min\" or \"250 ms\"";
  if (ms > 3650ULL * 86400000) return "must be at most 3650 d";
  value = std::chrono::milliseconds(ms);
  return {};
}

std::string TextForm<std::chrono::milliseconds>::print(const std::chrono::milliseconds& value) {
  return print_quantity(static_cast<std::uint64_t>(value.count()), time_print);
}

std::string TextForm<Endpoint>::parse(std::string_view in, Endpoint& value) {
  const auto endpoint = Endpoint::parse(in);
  if (!endpoint) return "must be an address and a port like \"192.0.2.1:25\" or \"[2001:db8::1]:25\"";
  value = *endpoint;
  return {};
}

std::string TextForm<Network>::parse(std::string_view in, Network& value) {
  const auto network = Network::parse(in);
  if (!network) return "must be an address or a network like \"192.0.2.0/24\" or \"2001:db8::/32\"";
  value = *network;
  return {};
}

}  // namespace gatepost::base
