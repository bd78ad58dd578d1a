// Replies that a backend gives us, read from bytes that come in any portions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/reply.hpp"

namespace gatepost::smtp {

/// A backend's reply. Its text is foreign: it goes to the log as it is and to a client only through relay/.
struct BackendReply {
  std::uint16_t code = 0;
  Enhanced enhanced;  ///< only if well-formed and of the code's class
  std::string text;   ///< lines joined with \n, without codes

  bool positive() const { return code >= 200 && code < 300; }
  bool transient() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }
  /// On one line, for logs.
  std::string line() const;
};

/// Assembles one reply after the other.
class ReplyReader {
 public:
  enum class Status {
    incomplete,
    complete,
    malformed,  ///< not SMTP, or endless: the connection is of no use any more
  };
  struct Fed {
    std::size_t consumed;
    Status status;
  };
  /// On complete, reply() holds it until the next feed().
  Fed feed(std::string_view input);
  BackendReply& reply() { return reply_; }

 private:
  static constexpr std::size_t longest_line = 4096;
  static constexpr std::size_t longest_reply = 65536;
  Status take_line(std::string_view line);

  BackendReply reply_;
  std::string line_;      ///< the start of a line whose end has not come yet
  bool finished_ = true;  ///< reply_ is old
};

}  // namespace gatepost::smtp
