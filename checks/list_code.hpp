// What DNS lists answer: addresses in 127.0.0.0/8, the codes, each of which means something of its own
// (RFC 5782 2.1, 2.3).
//
//   "127.0.0.2"                 one code
//   "127.0.0.10-11 = 3 PBL"     each octet may be a range; with weight and name
//   "127.0.2-20.3 = -2"         a negative weight: an allow list
//   "mask 0.0.0.8 = 2 phishing" codes with these bits
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ip.hpp"
#include "core/base/options.hpp"

namespace gatepost::checks {

/// One code, a range in each octet, or all with certain bits. By itself 127.0.0.2, the code of lists that
/// have only one.
class CodeSet {
 public:
  /// Nothing if it is no such thing, or cannot be in 127.0.0.0/8.
  static std::optional<CodeSet> parse(std::string_view text);
  bool contains(const base::IpAddress& code) const;
  std::string to_string() const;
  bool operator==(const CodeSet&) const = default;

 private:
  struct Octet {
    std::uint8_t lowest;
    std::uint8_t highest;
    bool operator==(const Octet&) const = default;
  };
  static std::optional<Octet> parse_octet(std::string_view text);

  bool mask_ = false;
  std::array<Octet, 4> octets_{{{127, 127}, {0, 0}, {0, 0}, {2, 2}}};  ///< of a mask: lowest
};

/// Codes that count.
struct ListCode {
  CodeSet codes;
  std::optional<double> weight;  ///< unless the list's holds
  std::string label;             ///< for people; may be empty
};

/// A code, and none that reports an error: those of Spamhaus and others (127.255.255.0/24), and what is
/// outside 127.0.0.0/8, as the servers of parked domains answer.
bool is_code(const base::IpAddress& address);

}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::CodeSet> {
  static constexpr std::string_view form = "code: \"127.0.0.2\", \"127.0.0.4-7\" or \"mask 0.0.0.8\"";
  static std::string parse(std::string_view in, checks::CodeSet& value);
  static std::string print(const checks::CodeSet& value) { return value.to_string(); }
};

template <>
struct TextForm<checks::ListCode> {
  static constexpr std::string_view form =
      "code: \"127.0.0.2\", \"127.0.0.4-7\" or \"mask 0.0.0.8\"; behind it \"= WEIGHT\", then a name";
  static std::string parse(std::string_view in, checks::ListCode& value);
  static std::string print(const checks::ListCode& value);
};

}  // namespace gatepost::base
