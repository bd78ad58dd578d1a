// How the basic types are written in the configuration.
#pragma once

#include <array>
#include <chrono>
#include <optional>

#include "core/base/clock.hpp"
#include "core/base/ip.hpp"
#include "core/base/options.hpp"
#include "core/base/secret.hpp"

namespace gatepost::base {

/// A number of bytes: "36 MiB", "512 KiB", "1000".
struct ByteSize {
  std::uint64_t bytes = 0;
  auto operator<=>(const ByteSize&) const = default;
};

constexpr ByteSize operator""_KiB(unsigned long long n) {
  return {n << 10};
}
constexpr ByteSize operator""_MiB(unsigned long long n) {
  return {n << 20};
}

template <>
struct TextForm<std::string> {
  static constexpr std::string_view form = "text";
  static std::string parse(std::string_view in, std::string& value);
  static std::string print(const std::string& value) { return value; }
};

template <>
struct TextForm<Secret> {
  static constexpr std::string_view form = "text";
  static std::string parse(std::string_view in, Secret& value);
  static std::string print(const Secret& value) { return value.empty() ? "" : "********"; }
};

template <>
struct TextForm<ByteSize> {
  static constexpr std::string_view form = "size: bytes, KiB, MiB or GiB";
  static std::string parse(std::string_view in, ByteSize& value);
  static std::string print(const ByteSize& value);
};

template <>
struct TextForm<std::chrono::milliseconds> {
  static constexpr std::string_view form = "time: ms, s, min, h or d";
  static std::string parse(std::string_view in, std::chrono::milliseconds& value);
  static std::string print(const std::chrono::milliseconds& value);
};

template <>
struct TextForm<Endpoint> {
  static constexpr std::string_view form = "address:port";
  static std::string parse(std::string_view in, Endpoint& value);
  static std::string print(const Endpoint& value) { return value.to_string(); }
};

template <>
struct TextForm<Network> {
  static constexpr std::string_view form = "address or network (192.0.2.0/24)";
  static std::string parse(std::string_view in, Network& value);
  static std::string print(const Network& value) { return value.to_string(); }
};

/// Helps enums: names in the order of the enumerators, which count from 0.
template <class Enum, std::size_t N>
std::string parse_choice(std::string_view in, Enum& value, const std::array<std::string_view, N>& names) {
  std::string known;
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == in) {
      value = static_cast<Enum>(i);
      return {};
    }
    known += (i == 0 ? "\"" : ", \"") + std::string(names[i]) + "\"";
  }
  return "must be one of " + known;
}

}  // namespace gatepost::base
