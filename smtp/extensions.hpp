// Service extensions of SMTP, as a set.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gatepost::smtp {

enum class Extension : std::uint8_t {
  pipelining,
  size,
  eight_bit_mime,
  smtputf8,
  enhanced_status_codes,
  chunking,
  starttls,
  limits,
  dsn
};

inline constexpr std::array<std::string_view, 9> extension_names{
    "PIPELINING", "SIZE",     "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES",
    "CHUNKING",   "STARTTLS", "LIMITS",   "DSN"};

/// A set of extensions and the parameters that two of them carry.
class Extensions {
 public:
  constexpr Extensions() = default;
  constexpr bool has(Extension e) const { return (bits_ >> static_cast<unsigned>(e) & 1U) != 0; }
  constexpr Extensions& add(Extension e) {
    bits_ |= 1U << static_cast<unsigned>(e);
    return *this;
  }
  constexpr Extensions& remove(Extension e) {
    bits_ &= ~(1U << static_cast<unsigned>(e));
    return *this;
  }

  std::uint64_t max_size = 0;  ///< SIZE; 0: no limit was named
  std::uint32_t rcpt_max = 0;  ///< LIMITS RCPTMAX (RFC 9422); 0: none was named

  constexpr bool operator==(const Extensions&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

}  // namespace gatepost::smtp
