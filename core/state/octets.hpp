// Numbers in the values that tables write: little-endian, the same on every machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatepost::state {

inline void put_number(std::string& out, std::uint64_t number, unsigned octets) {
  for (; octets > 0; --octets, number >>= 8U) out += static_cast<char>(number & 0xFFU);
}

/// Takes a number off the front of `in`, which holds that many octets.
inline std::uint32_t take_number(std::string_view& in, unsigned octets) {
  std::uint32_t number = 0;
  for (unsigned i = 0; i < octets; ++i) number |= std::uint32_t{static_cast<unsigned char>(in[i])} << (8 * i);
  in.remove_prefix(octets);
  return number;
}

}  // namespace gatepost::state
