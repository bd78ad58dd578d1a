#include "mail/spf_macro.hpp"

#include <algorithm>
#include <vector>

#include "core/base/text.hpp"

namespace gatepost::mail {
namespace {

constexpr std::size_t longest_name = 253;
constexpr std::string_view macro_letters = "slodiphvcrt";
constexpr std::string_view explanation_letters = "crt";

/// A macro-expand. `letter` is lower case, or the second character of %%, %_ and %-.
struct Macro {
  char letter = 0;
  bool escaped = false;   ///< written in upper case
  std::size_t parts = 0;  ///< how many on the right are kept; 0: all
  bool reversed = false;
  std::string_view delimiters;
  std::size_t size = 0;  ///< of its text

  bool transforms() const { return parts > 0 || reversed || !delimiters.empty(); }
};

/// The transformers and delimiters between the letter and the closing brace; false if they are none.
bool read_transformers(std::string_view text, Macro& macro) {
  // Nothing has more parts than this, however long a number somebody writes.
  constexpr std::size_t plenty = 100000;
  const bool counted = !text.empty() && base::is_digit(text.front());
  while (!text.empty() && base::is_digit(text.front())) {
    macro.parts = std::min(plenty, macro.parts * 10 + static_cast<std::size_t>(text.front() - '0'));
    text.remove_prefix(1);
  }
  if (counted && macro.parts == 0) return false;
  if (!text.empty() && base::ascii_lower(text.front()) == 'r') {
    macro.reversed = true;
    text.remove_prefix(1);
  }
  macro.delimiters = text;
  return text.find_first_not_of(".-+,/_=") == std::string_view::npos;
}

/// The macro at the start of `text`, which begins with a percent sign.
std::optional<Macro> read_macro(std::string_view text, SpfMacroUse use) {
  Macro macro;
  if (text.size() < 2) return std::nullopt;
  macro.letter = text[1];
  macro.size = 2;
  if (macro.letter == '%' || macro.letter == '_' || macro.letter == '-') return macro;
  const auto end = text.find('}');
  if (macro.letter != '{' || end == std::string_view::npos || end < 3) return std::nullopt;
  macro.letter = base::ascii_lower(text[2]);
  macro.escaped = macro.letter != text[2];
  macro.size = end + 1;
  if (macro_letters.find(macro.letter) == std::string_view::npos) return std::nullopt;
  if (use == SpfMacroUse::record && explanation_letters.find(macro.letter) != std::string_view::npos)
    return std::nullopt;
  if (!read_transformers(text.substr(3, end - 3), macro)) return std::nullopt;
  return macro;
}

/// Tells the literal text and the macros of `text` in turn; false if it is no macro-string.
template <class OnLiteral, class OnMacro>
bool walk(std::string_view text, SpfMacroUse use, OnLiteral on_literal, OnMacro on_macro) {
  while (!text.empty()) {
    const auto literal = text.substr(0, text.find('%'));
    for (const char c : literal) {
      if (base::is_control(c) || base::is_high(c) || (c == ' ' && use == SpfMacroUse::record)) return false;
    }
    on_literal(literal);
    text.remove_prefix(literal.size());
    if (text.empty()) break;
    const auto macro = read_macro(text, use);
    if (!macro) return false;
    on_macro(*macro);
    text.remove_prefix(macro->size);
  }
  return true;
}

/// toplabel of RFC 7208 7.1: letters, digits and inner hyphens, not digits alone.
bool is_top_label(std::string_view label) {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  if (std::all_of(label.begin(), label.end(), base::is_digit)) return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return base::is_alnum(c) || c == '-'; });
}

/// An IPv4 address in dotted form, an IPv6 address as 32 nibbles with dots between them.
std::string dotted(const base::IpAddress& address) {
  if (address.is_v4()) return address.to_string();
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const auto byte : address.bytes()) {
    if (!out.empty()) out += '.';
    out += {digits[byte >> 4U], '.', digits[byte & 15U]};
  }
  return out;
}

std::string value_of(char letter, const SpfMacroValues& values) {
  const auto at = values.sender.rfind('@');
  switch (letter) {
    case 's': return std::string(values.sender);
    case 'l': return std::string(values.sender.substr(0, at));
    case 'o': return std::string(values.sender.substr(at + 1));
    case 'd': return std::string(values.domain);
    case 'i': return dotted(values.client);
    case 'p': return std::string(values.client_name);
    case 'h': return std::string(values.helo);
    case 'v': return values.client.is_v4() ? "in-addr" : "ip6";
    case 'c': return values.client.to_string();
    case 'r': return values.receiver.empty() ? "unknown" : std::string(values.receiver);
    case 't': return std::to_string(std::chrono::system_clock::to_time_t(values.now));
    case '_': return " ";
    case '-': return "%20";
    default: return "%";
  }
}

/// Splits at the delimiters, keeps so many parts on the right, and joins with dots (RFC 7208 7.3).
std::string transformed(std::string_view value, const Macro& macro) {
  const auto delimiters = macro.delimiters.empty() ? std::string_view(".") : macro.delimiters;
  std::vector<std::string_view> parts;
  for (auto end = value.find_first_of(delimiters); end != std::string_view::npos;
       end = value.find_first_of(delimiters)) {
    parts.push_back(value.substr(0, end));
    value.remove_prefix(end + 1);
  }
  parts.push_back(value);
  if (macro.reversed) std::reverse(parts.begin(), parts.end());
  const auto first = macro.parts == 0 || macro.parts > parts.size() ? 0 : parts.size() - macro.parts;
  std::string out;
  for (auto i = first; i < parts.size(); ++i) {
    if (i > first) out += '.';
    out += parts[i];
  }
  return out;
}

/// All but the unreserved characters of RFC 3986 as %XX.
std::string url_escaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (base::is_alnum(c) || std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return out;
}

std::string expansion(const Macro& macro, const SpfMacroValues& values) {
  auto value = value_of(macro.letter, values);
  if (macro.transforms()) value = transformed(value, macro);
  return macro.escaped ? url_escaped(value) : value;
}

constexpr auto ignore = [](const auto&) {};

}  // namespace

bool is_spf_macro_string(std::string_view text) {
  return walk(text, SpfMacroUse::record, ignore, ignore);
}

bool is_spf_domain_spec(std::string_view text) {
  std::string_view tail;  // behind the last macro
  const bool good = walk(
      text, SpfMacroUse::record, [&](std::string_view literal) { tail = literal; },
      [&](const Macro&) { tail = {}; });
  if (!good || text.empty()) return false;
  if (tail.empty()) return true;
  if (tail.ends_with('.')) tail.remove_suffix(1);
  const auto dot = tail.rfind('.');
  return dot != std::string_view::npos && is_top_label(tail.substr(dot + 1));
}

bool needs_client_name(std::string_view text) {
  bool needed = false;
  walk(text, SpfMacroUse::explanation, ignore, [&](const Macro& macro) { needed |= macro.letter == 'p'; });
  return needed;
}

std::optional<std::string> expand_spf_macros(std::string_view text, SpfMacroUse use,
                                             const SpfMacroValues& values) {
  std::string out;
  const bool good = walk(
      text, use, [&](std::string_view literal) { out += literal; },
      [&](const Macro& macro) { out += expansion(macro, values); });
  return good ? std::optional(std::move(out)) : std::nullopt;
}

std::string fit_spf_name(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  std::size_t start = 0;
  while (name.size() - start > longest_name) {
    const auto dot = name.find('.', start);
    if (dot == std::string::npos) break;
    start = dot + 1;
  }
  name.erase(0, start);
  return name;
}

}  // namespace gatepost::mail
