#include "mail/address.hpp"

#include <idn2.h>
#include <algorithm>

#include <utility>

#include "core/base/ip.hpp"
#include "core/base/text.hpp"
#include "mail/field_body.hpp"

namespace gatepost::mail {
namespace {

constexpr std::size_t longest_path = 256;  // with its angle brackets
constexpr std::size_t longest_domain = 253;
constexpr std::size_t longest_label = 63;

/// Length of the Dot-string or Quoted-string at the start; 0 if there is none.
std::size_t local_part(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != '"') {
    std::size_t end = 0;
    while (end < text.size() && (is_atext(text[end]) || text[end] == '.')) ++end;
    const auto local = text.substr(0, end);
    const bool dots =
        local.starts_with('.') || local.ends_with('.') || local.find("..") != std::string_view::npos;
    return dots ? 0 : end;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (base::is_control(text[i])) return 0;
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\' && (++i == text.size() || base::is_control(text[i]) || base::is_high(text[i])))
      return 0;
  }
  return 0;
}

/// General-address-literal: a standardised tag, a colon, printable text. Only IPv6 is standardised.
std::optional<std::string> literal_key(std::string_view literal) {
  const auto inside = literal.substr(1, literal.size() - 2);
  const bool v6 = base::istarts_with(inside, "IPv6:");
  const auto digits = v6 ? inside.substr(5) : inside;
  if (!base::IpAddress::parse(digits) || v6 != (digits.find(':') != std::string_view::npos))
    return std::nullopt;
  return "[" + base::to_lower(inside) + "]";
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > longest_label || label.front() == '-' || label.back() == '-')
    return false;
  for (const char c : label) {
    if (!base::is_alnum(c) && c != '-' && c != '_') return false;
  }
  return true;
}

std::optional<std::string> to_ascii(std::string_view domain) {
  const std::string terminated(domain);
  if (!base::is_utf8(terminated)) return std::nullopt;
  std::uint8_t* out = nullptr;
  const auto* in = reinterpret_cast<const std::uint8_t*>(terminated.c_str());
  if (idn2_lookup_u8(in, &out, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) return std::nullopt;
  std::string result(reinterpret_cast<const char*>(out));
  idn2_free(out);
  return result;
}

std::size_t domain_length(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    return end == std::string_view::npos ? 0 : end + 1;
  }
  std::size_t end = 0;
  while (end < text.size() && (base::is_alnum(text[end]) || base::is_high(text[end]) || text[end] == '.' ||
                               text[end] == '-' || text[end] == '_'))
    ++end;
  return end;
}

/// Length of "@a,@b:" at the start, 0 if there is none; npos if it begins like one but is none.
std::size_t source_route(std::string_view text) {
  if (!text.starts_with('@')) return 0;
  std::size_t at = 0;
  while (true) {
    const auto domain = text.substr(at + 1, domain_length(text.substr(at + 1)));
    if (!domain_key(domain)) return std::string_view::npos;
    at += 1 + domain.size();
    if (at < text.size() && text[at] == ':') return at + 1;
    if (at + 1 >= text.size() || text[at] != ',' || text[at + 1] != '@') return std::string_view::npos;
    ++at;
  }
}

Path failed(PathError error) {
  Path path;
  path.error = error;
  return path;
}

}  // namespace

std::optional<std::string> domain_key(std::string_view domain) {
  if (domain.size() > 2 && domain.front() == '[' && domain.back() == ']') return literal_key(domain);
  std::string ascii;
  if (base::is_ascii(domain)) {
    ascii = base::to_lower(domain);
  } else {
    auto converted = to_ascii(domain);
    if (!converted) return std::nullopt;
    ascii = base::to_lower(*converted);
  }
  if (ascii.empty() || ascii.size() > longest_domain) return std::nullopt;
  for (std::string_view rest = ascii;;) {
    const auto dot = rest.find('.');
    if (!is_label(rest.substr(0, dot))) return std::nullopt;
    if (dot == std::string_view::npos) return ascii;
    rest.remove_prefix(dot + 1);
  }
}

Mailbox::Mailbox(std::string local, std::string domain, std::string domain_key)
    : text_(std::move(local)), local_size_(text_.size()), domain_key_(std::move(domain_key)) {
  if (!domain.empty()) text_.append("@").append(domain);
}

std::string_view Mailbox::domain() const {
  return local_size_ == text_.size() ? std::string_view{} : std::string_view(text_).substr(local_size_ + 1);
}

std::string Mailbox::local_key() const {
  auto written = local();
  if (!written.starts_with('"')) return base::to_lower(written);
  written = written.substr(1, written.size() - 2);
  std::string unquoted;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i] == '\\' && i + 1 < written.size()) ++i;
    unquoted += base::ascii_lower(written[i]);
  }
  return unquoted;
}

bool Mailbox::is_role() const {
  const auto local = local_key();
  return local == "postmaster" || local == "abuse";
}

std::string Mailbox::key() const {
  return has_domain() ? local_key() + "@" + domain_key_ : local_key();
}

bool Mailbox::non_ascii() const {
  return !base::is_ascii(text_);
}

std::optional<Mailbox> Mailbox::parse(std::string_view text) {
  const auto size = local_part(text);
  if (size == 0 || size + 1 >= text.size() || text[size] != '@') return std::nullopt;
  const auto local = text.substr(0, size);
  const auto domain = text.substr(size + 1);
  auto key = mail::domain_key(domain);
  if (!key || !base::is_utf8(local)) return std::nullopt;
  return Mailbox(std::string(local), std::string(domain), std::move(*key));
}

Path parse_path(std::string_view text) {
  const auto start = text.find_first_not_of(' ');
  if (start == std::string_view::npos) return failed(PathError::syntax);
  text.remove_prefix(start);
  const bool brackets = text.front() == '<';
  if (brackets) text.remove_prefix(1);
  Path path;
  if (brackets && text.starts_with('>')) {
    path.null = true;
    path.rest = text.substr(1);
    return path;
  }
  const auto route = source_route(text);
  if (route == std::string_view::npos) return failed(PathError::syntax);
  text.remove_prefix(route);
  const auto local = text.substr(0, local_part(text));
  if (local.empty() || !base::is_utf8(local)) return failed(PathError::syntax);
  text.remove_prefix(local.size());
  std::string_view domain;
  std::string key;
  if (text.starts_with('@')) {
    domain = text.substr(1, domain_length(text.substr(1)));
    text.remove_prefix(1 + domain.size());
  } else if (!base::iequals(local, "postmaster")) {
    return failed(PathError::syntax);
  }
  if (brackets ? !text.starts_with('>') : !text.empty() && text.front() != ' ')
    return failed(PathError::syntax);
  if (route + local.size() + domain.size() + 3 > longest_path) return failed(PathError::too_long);
  if (domain.data() != nullptr) {
    auto found = domain_key(domain);
    if (!found) return failed(PathError::domain);
    key = std::move(*found);
  }
  path.mailbox = Mailbox(std::string(local), std::string(domain), std::move(key));
  path.rest = brackets ? text.substr(1) : text;
  return path;
}

std::optional<std::string> address_key(std::string_view text) {
  if (text.starts_with('@')) {
    const auto domain = domain_key(text.substr(1));
    return domain ? std::optional("@" + *domain) : std::nullopt;
  }
  const auto mailbox = Mailbox::parse(text);
  return mailbox ? std::optional(mailbox->key()) : std::nullopt;
}

std::string_view without_batv(std::string_view local) {
  constexpr std::size_t tag_size = 10;
  const auto is_tag = [](std::string_view text) {
    return text.size() == tag_size && std::all_of(text.begin(), text.begin() + 4, base::is_digit) &&
           text.find_first_not_of("0123456789abcdefABCDEF", 4) == std::string_view::npos;
  };
  if (!base::istarts_with(local, "prvs=")) return local;
  const auto rest = local.substr(5);
  if (rest.size() < tag_size + 2) return local;
  if (is_tag(rest.substr(0, tag_size)) && rest[tag_size] == '=') return rest.substr(tag_size + 1);
  const auto separator = rest.size() - tag_size - 1;
  if ((rest[separator] == '=' || rest[separator] == '/') && is_tag(rest.substr(separator + 1)))
    return rest.substr(0, separator);
  return local;
}

}  // namespace gatepost::mail
