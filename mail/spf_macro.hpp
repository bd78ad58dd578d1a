// Macros of SPF records and explanations (RFC 7208 7): their syntax and their expansion. No lookups happen
// here.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/ip.hpp"

namespace gatepost::mail {

/// What macros stand for. The views must outlive the expansion.
struct SpfMacroValues {
  std::string_view sender;  ///< local@domain
  std::string_view domain;  ///< whose record is evaluated
  base::IpAddress client;
  std::string_view client_name = "unknown";  ///< validated, for %{p}
  std::string_view helo;
  std::string_view receiver;  ///< empty: unknown
  base::WallTime now{};
};

/// Where a text stands: spaces and the letters c, r and t are for explanations only (RFC 7208 7.1, 7.2).
enum class SpfMacroUse { record, explanation };

/// A macro-string of RFC 7208 7.1, as it may stand in a record?
bool is_spf_macro_string(std::string_view text);

/// A domain-spec of RFC 7208 7.1? It ends in a macro or in a dot and a label that can be a top-level domain.
bool is_spf_domain_spec(std::string_view text);

/// Does the expansion need `client_name`? That is expensive to find out.
bool needs_client_name(std::string_view text);

/// The text with its macros replaced; nothing if it is no macro-string.
std::optional<std::string> expand_spf_macros(std::string_view text, SpfMacroUse use,
                                             const SpfMacroValues& values);

/// A name from an expansion made fit for a query: without trailing dot, labels cut off on the left until it
/// has at most 253 octets (RFC 7208 7.3).
std::string fit_spf_name(std::string name);

}  // namespace gatepost::mail
