// The lexical layer of structured header fields (RFC 5322 3.2 and 4.1): white space, comments, atoms,
// strings.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/base/text.hpp"

namespace gatepost::mail {

/// A set of octets, to be asked about each of many.
class OctetSet {
 public:
  template <class Contains>
  explicit constexpr OctetSet(Contains contains) {
    for (std::size_t i = 0; i < octets_.size(); ++i) octets_[i] = contains(static_cast<char>(i));
  }
  constexpr bool operator()(char c) const { return octets_[static_cast<unsigned char>(c)]; }

 private:
  std::array<bool, 256> octets_{};
};

/// What an atom is made of (RFC 5322 3.2.3); any octet above 127, too (RFC 6532).
inline constexpr OctetSet is_atext([](char c) {
  return base::is_alnum(c) || base::is_high(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
});

/// Reads a field's body, folded or not, from front to back. What is not there is not taken: the place stays.
class FieldBody {
 public:
  explicit FieldBody(std::string_view body) : rest_(body) {}

  /// Skips white space, line ends and comments. A comment that is never closed stays in the way.
  void skip_cfws();
  bool at_end() const { return rest_.empty(); }
  bool starts_with(char c) const { return rest_.starts_with(c); }
  bool take(char c);
  /// Empty if there is none.
  std::string_view take_digits();
  std::string_view take_letters();
  std::string_view take_atom();
  /// With its quotes; empty if there is none or if it is never closed.
  std::string_view take_quoted_string();
  /// A domain literal with its brackets; likewise.
  std::string_view take_literal();
  /// What stands in angle brackets, with them; likewise.
  std::string_view take_angle();
  /// Up to white space, a comment or a semicolon: a value in a Received field (RFC 5322 3.6.7).
  std::string_view take_token();

 private:
  std::string_view take(std::size_t size);
  template <class Wanted>
  std::string_view take_while(const Wanted& wanted);

  std::string_view rest_;
};

/// A field's body on one line (RFC 5322 2.2.3), without white space at its ends.
std::string unfold(std::string_view body);

}  // namespace gatepost::mail
