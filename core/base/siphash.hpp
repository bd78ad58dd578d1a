// SipHash-2-4 with 128 bits of result (Aumasson, Bernstein, 2012): a hash whose collisions nobody finds who
// does not know the key, so that strangers' names may be keys of tables.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace gatepost::base {

/// 128 bits; the first octet of the reference's result is the lowest of `low`.
struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  auto operator<=>(const Hash128&) const = default;
};

using HashKey = std::array<std::uint64_t, 2>;

Hash128 siphash128(const HashKey& key, std::string_view text);

}  // namespace gatepost::base
