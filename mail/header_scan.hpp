// Looks at a message's header block while it arrives, without keeping it.
#pragma once

#include <cstdint>
#include <string_view>

namespace gatepost::mail {

/// Fed content from its first byte on in pieces of any size (CRLF lines); stops caring at the first empty
/// line.
class HeaderScan {
 public:
  void feed(std::string_view content);

  bool complete() const { return complete_; }
  /// Bytes of the header block so far, with the empty line that ends it.
  std::uint64_t size() const { return size_; }
  /// Received fields (RFC 5321 6.3: too many of them are a loop).
  unsigned received() const { return received_; }

  /// Is a line of `size` bytes, with its end, the last of a block? If it is empty, or neither a field nor
  /// part of one: then it is content, and the empty line was forgotten.
  static bool ends_block(std::uint64_t size, bool belongs) { return size <= 2 || !belongs; }

 private:
  static constexpr std::string_view name = "received:";
  std::uint64_t size_ = 0;
  std::uint64_t line_ = 0;  ///< bytes of the current line
  bool belongs_ = false;    ///< it begins with white space or has a colon
  unsigned received_ = 0;
  std::uint8_t matched_ = 0;  ///< how much of `name` the current line begins with
  bool matching_ = true;
  bool complete_ = false;
};

}  // namespace gatepost::mail
