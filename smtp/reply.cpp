#include "smtp/reply.hpp"

#include <charconv>

#include "core/base/text.hpp"

namespace gatepost::smtp {
namespace {

constexpr std::size_t longest_line = 512;  // with CRLF, RFC 5321 4.5.3.1.5

void append_number(std::string& out, unsigned number) {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

void append_enhanced(std::string& out, const Enhanced& e) {
  append_number(out, e.klass);
  out += '.';
  append_number(out, e.subject);
  out += '.';
  append_number(out, e.detail);
}

/// How much of `text` fits a line of `room` octets: up to a space where there is one.
std::size_t break_at(std::string_view text, std::size_t room) {
  if (text.size() <= room) return text.size();
  const auto space = text.substr(0, room).rfind(' ');
  if (space != std::string_view::npos && space > 0) return space;
  while (room > 1 && (static_cast<unsigned char>(text[room]) & 0xC0U) == 0x80U)
    --room;  // not within a UTF-8 character
  return room;
}

}  // namespace

std::string Enhanced::to_string() const {
  std::string out;
  if (present()) append_enhanced(out, *this);
  return out;
}

std::optional<Enhanced> Enhanced::parse(std::string_view text) {
  std::uint64_t klass = 0;
  std::uint64_t subject = 0;
  std::uint64_t detail = 0;
  const auto first = base::split_off(text, '.');
  const auto second = base::split_off(text, '.');
  if (!base::parse_number(first, klass) || !base::parse_number(second, subject) ||
      !base::parse_number(text, detail))
    return std::nullopt;
  if ((klass != 2 && klass != 4 && klass != 5) || subject > 999 || detail > 999) return std::nullopt;
  return Enhanced{static_cast<std::uint8_t>(klass), static_cast<std::uint16_t>(subject),
                  static_cast<std::uint16_t>(detail)};
}

Reply::Reply(std::uint16_t code, Enhanced enhanced, std::string_view token, std::string text)
    : code_(code < 200 || code > 599 ? 451 : code),
      enhanced_(enhanced),
      token_(token),
      text_(std::move(text)) {
  const auto klass = static_cast<std::uint8_t>(code_ / 100);
  if (klass == 3) enhanced_ = {};
  if (enhanced_.present()) enhanced_.klass = klass;
  for (auto& c : text_) {
    if (base::is_control(c)) c = '?';
  }
}

void Reply::sign(std::string_view incident, std::string_view help) {
  text_.append(" [").append(incident).append("]");
  if (permanent() && !help.empty()) text_.append(" ").append(help);
}

void Reply::append_to(std::string& out) const {
  std::string_view rest = text_;
  const std::size_t head = 4 + (enhanced_.present() ? enhanced_.to_string().size() + 1 : 0);
  while (true) {
    const auto size = break_at(rest, longest_line - 2 - head);
    const bool last = size == rest.size();
    append_number(out, code_);
    out += last ? ' ' : '-';
    if (enhanced_.present()) {
      append_enhanced(out, enhanced_);
      out += ' ';
    }
    out.append(rest.substr(0, size)).append("\r\n");
    if (last) return;
    rest.remove_prefix(size + (rest[size] == ' ' ? 1 : 0));
  }
}

std::string Reply::wire() const {
  std::string out;
  append_to(out);
  return out;
}

std::string Reply::line() const {
  std::string out;
  append_number(out, code_);
  out += ' ';
  if (enhanced_.present()) {
    append_enhanced(out, enhanced_);
    out += ' ';
  }
  return out += text_;
}

}  // namespace gatepost::smtp
