#include "mail/sender_form.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::mail {
namespace {

struct Parts {
  std::string_view local;
  std::string_view domain;
};

/// At the last @; all is local if nothing stands behind it.
Parts split(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos || at + 1 == address.size()) return {address, {}};
  return {address.substr(0, at), address.substr(at + 1)};
}

/// "btv1==hash==user" and "msprvs1=tag=user": the user.
std::string_view without_mark(std::string_view local, std::string_view prefix, std::string_view separator) {
  if (!local.starts_with(prefix)) return local;
  const auto end = local.find(separator, prefix.size());
  const bool nothing = end == std::string_view::npos || end == prefix.size();
  return nothing || end + separator.size() == local.size() ? local : local.substr(end + separator.size());
}

constexpr bool separates(char c) {
  return c == '=' || c == '+' || c == '-';
}

/// A field of SRS: up to "=", not empty.
bool take_field(std::string_view& rest, std::string_view& field) {
  const auto end = rest.find('=');
  if (end == std::string_view::npos || end == 0) return false;
  field = base::split_off(rest, '=');
  return true;
}

/// "hash=time=domain=user", the part that all forwarders leave as it is.
bool read_srs(std::string_view rest, Parts& original) {
  std::string_view hash;
  std::string_view time;
  if (!take_field(rest, hash) || !take_field(rest, time) || !take_field(rest, original.domain)) return false;
  original.local = rest;
  return time.size() == 2 && std::all_of(time.begin(), time.end(), base::is_alnum) && !rest.empty() &&
         base::is_ascii(original.domain) && original.domain.find('.') != std::string_view::npos &&
         domain_key(original.domain);
}

/// Whom a forwarder's address stands for (Sender Rewriting Scheme).
bool unwrap_srs(Parts& address) {
  auto rest = address.local;
  const bool once = rest.starts_with("srs0");
  if ((!once && !rest.starts_with("srs1")) || rest.size() < 6 || !separates(rest[4])) return false;
  rest.remove_prefix(5);
  if (!once) {
    std::string_view ignored;
    if (!take_field(rest, ignored) || !take_field(rest, ignored)) return false;
    if (rest.empty() || !separates(rest.front())) return false;
    rest.remove_prefix(1);
  }
  Parts original;
  if (!read_srs(rest, original)) return false;
  address = original;
  return true;
}

/// One may lie within another: each time it gets shorter.
void unwrap(Parts& address) {
  for (std::size_t before = 0; before != address.local.size();) {
    before = address.local.size();
    address.local = without_batv(address.local);
    address.local = without_mark(address.local, "btv1==", "==");
    address.local = without_mark(address.local, "msprvs1=", "=");
    unwrap_srs(address);
  }
}

bool in_word(char c) {
  return base::is_alnum(c) || base::is_high(c);
}

bool is_hex(char c) {
  return base::is_digit(c) || (c >= 'a' && c <= 'f');
}

std::size_t word_at(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), in_word) - text.begin());
}

bool is_number(std::string_view word) {
  constexpr std::size_t least_hex = 8;
  if (std::all_of(word.begin(), word.end(), base::is_digit)) return true;
  return word.size() >= least_hex && std::all_of(word.begin(), word.end(), is_hex) &&
         std::any_of(word.begin(), word.end(), base::is_digit);
}

/// Length of the UUID (RFC 9562 4) at the start, 0 if there is none.
std::size_t uuid_at(std::string_view text) {
  std::size_t at = 0;
  for (const std::size_t digits : {8U, 4U, 4U, 4U, 12U}) {
    if (at != 0 && (at == text.size() || text[at++] != '-')) return 0;
    const auto group = text.substr(at, word_at(text.substr(at)));
    if (group.size() != digits || !std::all_of(group.begin(), group.end(), is_hex)) return 0;
    at += digits;
  }
  return at;
}

std::string without_numbers(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto size = uuid_at(text);
    const bool uuid = size > 0;
    if (!uuid) size = word_at(text);
    if (size == 0) {
      out += text.front();
      size = 1;
    } else if (uuid || is_number(text.substr(0, size))) {
      out += '#';
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

std::string sender_form(std::string_view key) {
  const auto lower = base::to_lower(key);
  auto address = split(lower);
  unwrap(address);
  const auto plus = address.local.find('+', 1);
  auto form = without_numbers(address.local.substr(0, plus));
  if (!address.domain.empty()) form.append("@").append(address.domain);
  return form;
}

std::string sender_form(const Mailbox& sender) {
  return sender_form(sender.key());
}

}  // namespace gatepost::mail
