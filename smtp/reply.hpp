// SMTP replies as values (RFC 5321 4.2, enhanced codes RFC 3463 and 2034).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatepost::smtp {

/// class.subject.detail; all zero: none.
struct Enhanced {
  std::uint8_t klass = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  constexpr bool present() const { return klass != 0; }
  std::string to_string() const;
  static std::optional<Enhanced> parse(std::string_view text);
  auto operator<=>(const Enhanced&) const = default;
};

/// What we say to a client. The class of the enhanced code always equals that of the code; the text is one
/// line of printable ASCII (or UTF-8 that the caller vouches for), wrapped when written.
class Reply {
 public:
  /// `token` names the reason in logs, metrics and docs/replies.md; it must be a literal or live as long as
  /// the program.
  Reply(std::uint16_t code, Enhanced enhanced, std::string_view token, std::string text);

  std::uint16_t code() const { return code_; }
  const Enhanced& enhanced() const { return enhanced_; }
  std::string_view token() const { return token_; }
  const std::string& text() const { return text_; }

  bool positive() const { return code_ < 400; }
  bool transient() const { return code_ >= 400 && code_ < 500; }
  bool permanent() const { return code_ >= 500; }

  /// Adds what ends a refusal: the incident id in brackets and, to a 5xx, where to get help.
  void sign(std::string_view incident, std::string_view help);

  /// As written to the client: lines of at most 512 octets, each with both codes.
  void append_to(std::string& out) const;
  std::string wire() const;
  /// On one line, as it is logged: "550 5.1.1 text".
  std::string line() const;

 private:
  std::uint16_t code_;
  Enhanced enhanced_;
  std::string_view token_;
  std::string text_;
};

}  // namespace gatepost::smtp
