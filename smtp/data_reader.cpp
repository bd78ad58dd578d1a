#include "smtp/data_reader.hpp"

#include <string>

#include "smtp/newline_scan.hpp"

namespace gatepost::smtp {

bool DataReader::feed(state::Body& body, std::size_t bytes, std::string& rest) {
  const std::span<const char> fresh = body.space().first(bytes);
  std::size_t at = 0;
  while (at < bytes) {
    if (!clean()) {  // what the last read or the last dot left open is settled byte by byte
      const bool odd =
          state_ == State::bare_start || fresh[at] == '\0' || (state_ == State::dot && fresh[at] == '\n');
      if (odd) return feed_dirty(body, fresh.subspan(at), rest);
      if (put_stored(body, fresh[at++])) {
        rest.append(fresh.data() + at, bytes - at);  // before the space that holds it may be released
        body.truncate(body.size() - 2);
        return true;
      }
      continue;
    }
    const auto found = scan_lines(fresh, at, state_ == State::line_start);
    if (found.event == ScanEvent::odd) {
      body.commit(found.at - at);
      if (found.at > at) state_ = fresh[found.at - 1] == '\n' ? State::line_start : State::text;
      return feed_dirty(body, fresh.subspan(found.at), rest);
    }
    if (found.event == ScanEvent::dot) {
      body.commit(found.at + 1 - at);
      state_ = State::dot;
      at = found.at + 1;
      continue;
    }
    body.commit(bytes - at);
    const char last = fresh[bytes - 1];
    state_ = last == '\r' ? State::cr : last == '\n' ? State::line_start : State::text;
    at = bytes;
  }
  return false;
}

/// One byte that follows a stored CR, dot or dot CR and already stands at the body's space. True: end of
/// data, whose dot and CR are still in the body.
bool DataReader::put_stored(state::Body& body, char c) {
  switch (state_) {
    case State::cr:
      if (c != '\n') {
        body.replace_last(' ');
        ++flaws_.bare_cr;
      }
      break;
    case State::dot:
      if (c == '\r') {
        body.commit(1);
        state_ = State::dot_cr;
        return false;
      }
      body.note_dot(body.size() - 1);
      break;
    case State::dot_cr:
      if (c == '\n') return true;
      body.note_dot(body.size() - 2);
      body.replace_last(' ');
      ++flaws_.bare_cr;
      break;
    default: break;
  }
  body.commit(1);
  state_ = c == '\n' ? State::line_start : c == '\r' ? State::cr : State::text;
  return false;
}

/// The rest of a read that is not clean: rewritten byte by byte, since it may grow over what is still to be
/// read.
bool DataReader::feed_dirty(state::Body& body, std::span<const char> fresh, std::string& rest) {
  const std::string copy(fresh.data(), fresh.size());
  for (std::size_t i = 0; i < copy.size(); ++i) {
    if (put(body, copy[i])) {
      rest.append(copy, i + 1);
      return true;
    }
  }
  return false;
}

/// One byte, appended as it should be. True: end of data.
bool DataReader::put(state::Body& body, char c) {
  if (state_ == State::cr || state_ == State::dot_cr) {
    if (c == '\n') {
      if (state_ == State::dot_cr) {
        body.truncate(body.size() - 2);
        return true;
      }
      body.append("\n");
      state_ = State::line_start;
      return false;
    }
    if (state_ == State::dot_cr) body.note_dot(body.size() - 2);
    body.replace_last(' ');
    ++flaws_.bare_cr;
    state_ = State::text;
  }
  if (state_ == State::dot) {
    if (c == '\r') {
      body.append("\r");
      state_ = State::dot_cr;
      return false;
    }
    body.note_dot(body.size() - 1);
    if (c == '\n') body.append(".");  // a line of one dot: content
  }
  if (c == '\n') {
    ++flaws_.bare_lf;
    body.append("\r\n");
    state_ = State::bare_start;
    return false;
  }
  if (c == '\0') flaws_.nul = true;
  if (c == '.' && state_ == State::bare_start) {
    body.note_dot(body.size());
    body.append(".");
  }
  const bool candidate = c == '.' && state_ == State::line_start;
  body.append({&c, 1});
  state_ = candidate ? State::dot : c == '\r' ? State::cr : State::text;
  return false;
}

void BdatReader::feed(state::Body& body, std::size_t bytes) {
  const std::span<const char> fresh = body.space().first(bytes);
  std::size_t at = 0;
  while (at < bytes) {
    if (state_ == State::cr) {
      if (fresh[at] != '\n') {
        body.replace_last(' ');
        ++flaws_.bare_cr;
        state_ = State::text;
        continue;
      }
      body.commit(1);
      state_ = State::line_start;
      ++at;
      continue;
    }
    const auto found = scan_lines(fresh, at, state_ == State::line_start);
    if (found.event == ScanEvent::dot) {
      body.commit(found.at - at);
      body.note_dot(body.size());
      body.commit(1);
      state_ = State::text;
      at = found.at + 1;
      continue;
    }
    body.commit(found.at - at);
    if (found.at > at) {
      const char last = fresh[found.at - 1];
      state_ = last == '\r' ? State::cr : last == '\n' ? State::line_start : State::text;
    }
    if (found.event == ScanEvent::odd) {
      const std::string copy(fresh.data() + found.at, bytes - found.at);
      for (const char c : copy) put(body, c);
      return;
    }
    at = found.at;
  }
}

void BdatReader::put(state::Body& body, char c) {
  if (state_ == State::cr) {
    if (c == '\n') {
      body.append("\n");
      state_ = State::line_start;
      return;
    }
    body.replace_last(' ');
    ++flaws_.bare_cr;
    state_ = State::text;
  }
  if (c == '\n') {
    ++flaws_.bare_lf;
    body.append("\r\n");
    state_ = State::line_start;
    return;
  }
  if (c == '\0') flaws_.nul = true;
  if (c == '.' && state_ == State::line_start) body.note_dot(body.size());
  body.append({&c, 1});
  state_ = c == '\r' ? State::cr : State::text;
}

void BdatReader::finish(state::Body& body) {
  if (state_ == State::cr) {
    body.replace_last(' ');
    ++flaws_.bare_cr;
    state_ = State::text;
  }
  if (state_ == State::text) {
    body.append("\r\n");
    state_ = State::line_start;
  }
}

}  // namespace gatepost::smtp
