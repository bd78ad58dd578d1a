// What fuzz targets share: a failed requirement aborts, and inputs say how they are split.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string_view>

namespace gatepost::fuzz {

inline void require(bool good) {
  if (!good) std::abort();
}

/// The input's first byte seeds a generator, the rest is the text.
struct Input {
  std::mt19937 random;
  std::string_view text;
  Input(const std::uint8_t* data, std::size_t size)
      : random(size > 0 ? data[0] : 0), text(reinterpret_cast<const char*>(data), size) {
    if (size > 0) text.remove_prefix(1);
  }
  /// A random portion from the front of `rest`.
  std::string_view portion(std::string_view& rest, std::size_t most) {
    const auto piece = rest.substr(0, 1 + random() % most);
    rest.remove_prefix(piece.size());
    return piece;
  }
};

}  // namespace gatepost::fuzz
