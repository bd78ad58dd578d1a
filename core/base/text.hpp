// Text in ASCII, as mail protocols need it: locale never matters.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gatepost::base {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char ascii_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_alnum(char c) {
  return is_digit(c) || is_alpha(c);
}
constexpr bool is_control(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}
constexpr bool is_high(char c) {
  return static_cast<unsigned char>(c) >= 128;
}

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
bool iends_with(std::string_view text, std::string_view suffix);
bool is_ascii(std::string_view text);

/// Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF).
bool is_utf8(std::string_view text);

/// Without spaces and tabs at both ends.
std::string_view trim(std::string_view text);

/// Splits off and returns what stands before `separator`; `rest` keeps what stands behind it (empty if
/// absent).
std::string_view split_off(std::string_view& rest, char separator);

/// Reads a whole decimal number without sign; false if there is anything else or it does not fit.
bool parse_number(std::string_view text, std::uint64_t& number);

/// Foreign bytes made fit for a log line or a page: control characters and bytes that are not UTF-8 become
/// \xNN, a backslash becomes \\; cut to `limit` characters with "..." (promise 6 of DESIGN 1).
std::string printable(std::string_view foreign, std::size_t limit = 512);

/// Foreign bytes made fit for an SMTP reply: printable ASCII only, everything else becomes '?'.
std::string reply_safe(std::string_view foreign, std::size_t limit = 256);

/// A length of time in its two largest units: "3 d 4 h", "5 min 12 s"; a negative one is "0 s".
std::string duration_in_words(std::int64_t seconds);

/// The candidate that was probably meant by `name` (few typing errors away), or empty.
std::string_view probably_meant(std::string_view name, std::span<const std::string_view> candidates);

/// Does `text` match `pattern`, where * stands for any run of characters? ASCII case does not count.
bool wildcard_match(std::string_view pattern, std::string_view text);

}  // namespace gatepost::base
