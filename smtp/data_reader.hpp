// Reads message content as DATA (RFC 5321 4.5.2) or as BDAT chunks (RFC 3030) into a Body, in place: finds
// the end of data, notes dots, and turns what is not CRLF text into CRLF text.
//
// Only CRLF.CRLF ends data. Bare LF becomes CRLF, bare CR becomes a space; a line that begins after a bare LF
// is content, so its leading dot is stuffed; a line of a single dot that ends in a bare LF is content too.
#pragma once

#include <cstdint>
#include <string>

#include "core/state/body.hpp"

namespace gatepost::smtp {

/// What a reader noticed about content on the way.
struct ContentFlaws {
  std::uint64_t bare_lf = 0;
  std::uint64_t bare_cr = 0;
  bool nul = false;
};

/// One message's DATA, from behind the 354 to CRLF.CRLF.
class DataReader {
 public:
  /// Takes the first `bytes` of body.space(), which the caller has filled. True: that was the end of data;
  /// what came behind it, the next commands, is appended to `rest`.
  bool feed(state::Body& body, std::size_t bytes, std::string& rest);
  const ContentFlaws& flaws() const { return flaws_; }

 private:
  enum class State : std::uint8_t {
    line_start,  ///< at the start, or behind CRLF
    bare_start,  ///< behind a bare LF
    text,        ///< within a line
    cr,          ///< behind a CR, which is stored
    dot,         ///< behind a dot that begins a line, which is stored
    dot_cr,      ///< behind such a dot and a CR, both stored
  };
  bool clean() const { return state_ == State::line_start || state_ == State::text; }
  bool put(state::Body& body, char c);
  bool put_stored(state::Body& body, char c);
  bool feed_dirty(state::Body& body, std::span<const char> fresh, std::string& rest);

  State state_ = State::line_start;
  ContentFlaws flaws_;
};

/// One message's BDAT chunks. Chunk borders mean nothing to the content.
class BdatReader {
 public:
  /// Takes the first `bytes` of body.space(), all of them content.
  void feed(state::Body& body, std::size_t bytes);
  /// Behind the last chunk: the content ends in CRLF then.
  void finish(state::Body& body);
  const ContentFlaws& flaws() const { return flaws_; }

 private:
  enum class State : std::uint8_t { line_start, text, cr };
  void put(state::Body& body, char c);

  State state_ = State::line_start;
  ContentFlaws flaws_;
};

}  // namespace gatepost::smtp
