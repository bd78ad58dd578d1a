#include "mail/field_body.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::mail {
namespace {

constexpr std::string_view white_space = " \t\r\n";

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

bool is_atext(char c) {
  return base::is_alnum(c) || base::is_high(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

std::string_view FieldBody::take(std::size_t size) {
  const auto taken = rest_.substr(0, size);
  rest_.remove_prefix(taken.size());
  return taken;
}

template <class Wanted>
std::string_view FieldBody::take_while(Wanted wanted) {
  const auto end = std::find_if_not(rest_.begin(), rest_.end(), wanted);
  return take(static_cast<std::size_t>(end - rest_.begin()));
}

void FieldBody::skip_cfws() {
  while (true) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(white_space), rest_.size()));
    if (take(enclosed(rest_, '(', ')', true)).empty()) return;
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
  return take(rest_.find_first_of(" \t\r\n(;"));
}

std::string unfold(std::string_view body) {
  std::string line(body);
  std::erase_if(line, [](char c) { return c == '\r' || c == '\n'; });
  return std::string(base::trim(line));
}

}  // namespace gatepost::mail
