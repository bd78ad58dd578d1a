#include "relay/scrub.hpp"

#include <algorithm>
#include <array>

#include "core/base/ip.hpp"
#include "core/base/text.hpp"
#include "smtp/replies.hpp"

namespace gatepost::relay {
namespace {

constexpr std::array<std::string_view, 6> internal_domains{".local", ".internal", ".lan",
                                                           ".corp",  ".intra",    ".localdomain"};

/// What may stand in a host name or an address.
bool is_name_character(char c) {
  return base::is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '@';
}

bool is_address(std::string_view word) {
  if (base::IpAddress::parse(word)) return true;
  const auto colon = word.rfind(':');
  return colon != std::string_view::npos &&
         base::IpAddress::parse(word.substr(0, colon)).has_value();  // with a port
}

bool is_internal(std::string_view word, std::span<const std::string> names) {
  if (word.find('@') != std::string_view::npos) return false;
  const auto host = word.substr(0, word.find(':'));
  for (const auto domain : internal_domains) {
    if (base::iends_with(host, domain)) return true;
  }
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    const auto dot = name.find('.');
    // EXCH01 is as telling as exch01.example.org; a first label without a digit may be a plain word.
    const auto label = std::string_view(name).substr(0, dot);
    if (base::iequals(host, name)) return true;
    if (base::iequals(host, label) && label.find_first_of("0123456789") != std::string_view::npos)
      return true;
    // Another host of the same domain: mbx2.example.org beside mbx1.example.org.
    return dot != std::string::npos && name.find('.', dot + 1) != std::string::npos &&
           base::iends_with(host, std::string_view(name).substr(dot));
  });
}

/// Without the incident id of a Gatepost further inside: the sender gets ours, which the log joins to it.
std::string_view without_incident(std::string_view text) {
  constexpr std::size_t size = sizeof(" [0123456789]") - 1;
  if (text.size() < size || text.back() != ']') return text;
  const auto id = text.substr(text.size() - size);
  if (!id.starts_with(" [")) return text;
  const bool is_id = std::all_of(id.begin() + 2, id.end() - 1,
                                 [](char c) { return base::is_digit(c) || (c >= 'A' && c <= 'Z'); });
  return is_id ? text.substr(0, text.size() - size) : text;
}

}  // namespace

std::string scrub(std::string_view text, std::span<const std::string> names) {
  text = without_incident(text);
  std::string out;
  while (!text.empty()) {
    std::size_t size = 0;
    while (size < text.size() && is_name_character(text[size])) ++size;
    if (size == 0) {
      const char c = text.front();
      out += c == '\n' ? ' ' : base::is_control(c) || base::is_high(c) ? '?' : c;
      text.remove_prefix(1);
      continue;
    }
    auto word = text.substr(0, size);
    text.remove_prefix(size);
    // Punctuation at the end of a sentence is not part of the name.
    auto core = word.substr(0, word.find_last_not_of(".:-_") + 1);
    const auto tail = word.substr(core.size());
    if (is_address(word)) {
      core = word;
      out += "[...]";
      continue;
    }
    if (is_address(core) || is_internal(core, names)) {
      out += "[...]";
    } else {
      out.append(core);
    }
    out.append(tail);
  }
  return out.size() > 400 ? out.substr(0, 400) + "..." : out;
}

smtp::Reply pass_on(const smtp::BackendReply& reply, std::span<const std::string> names) {
  const auto& text =
      smtp::text_of(reply.permanent() ? smtp::Say::backend_refused : smtp::Say::backend_deferred);
  const auto code = static_cast<std::uint16_t>(reply.code == 421 ? 451 : reply.code);
  auto enhanced = reply.enhanced;
  if (!enhanced.present()) enhanced = {static_cast<std::uint8_t>(code / 100), 0, 0};
  auto said = smtp::reply(text.say, {scrub(reply.text, names)});
  return smtp::Reply(code, enhanced, text.token, said.text());
}

}  // namespace gatepost::relay
