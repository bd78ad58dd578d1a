#include "mail/field_body.hpp"

#include "core/base/text.hpp"

namespace gatepost::mail {
namespace {

constexpr OctetSet is_white_space([](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
constexpr OctetSet is_in_token([](char c) { return !is_white_space(c) && c != '(' && c != ';'; });

/// Length of what stands between `open` and `close` at the start of `text`, both included; 0 if it is not
/// closed. Quoted pairs close nothing. Comments nest (RFC 5322 3.2.2), however deep.
std::size_t enclosed(std::string_view text, char open, char close, bool nests) {
  if (!text.starts_with(open)) return 0;
  std::size_t depth = 1;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == close) {
      if (--depth == 0) return i + 1;
    } else if (nests && text[i] == open) {
      ++depth;
    }
  }
  return 0;
}

}  // namespace

std::string_view FieldBody::take(std::size_t size) {
  const auto taken = rest_.substr(0, size);
  rest_.remove_prefix(taken.size());
  return taken;
}

template <class Wanted>
std::string_view FieldBody::take_while(const Wanted& wanted) {
  std::size_t size = 0;
  while (size < rest_.size() && wanted(rest_[size])) ++size;
  return take(size);
}

void FieldBody::skip_cfws() {
  while (true) {
    take_while(is_white_space);
    if (!starts_with('(') || take(enclosed(rest_, '(', ')', true)).empty()) return;
  }
}

bool FieldBody::take(char c) {
  return rest_.starts_with(c) && !take(std::size_t{1}).empty();
}

std::string_view FieldBody::take_digits() {
  return take_while(base::is_digit);
}

std::string_view FieldBody::take_letters() {
  return take_while(base::is_alpha);
}

std::string_view FieldBody::take_atom() {
  return take_while(is_atext);
}

std::string_view FieldBody::take_quoted_string() {
  return take(enclosed(rest_, '"', '"', false));
}

std::string_view FieldBody::take_literal() {
  return take(enclosed(rest_, '[', ']', false));
}

std::string_view FieldBody::take_angle() {
  return take(enclosed(rest_, '<', '>', false));
}

std::string_view FieldBody::take_token() {
  return take_while(is_in_token);
}

std::string unfold(std::string_view body) {
  std::string line(body);
  std::erase_if(line, [](char c) { return c == '\r' || c == '\n'; });
  return std::string(base::trim(line));
}

}  // namespace gatepost::mail
