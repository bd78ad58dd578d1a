// What is wrong with a header block: breaches of RFC 5322, and what honest software does not write.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "mail/header_block.hpp"

namespace gatepost::mail {

/// In the order in which they are told.
enum class HeaderFlawKind : std::uint8_t {
  no_date,
  many_dates,
  bad_date,
  old_date,
  future_date,
  no_from,
  many_froms,
  bad_from,        ///< but an address could be made out
  no_address,      ///< empty, an empty group, or nothing like an address
  many_addresses,  ///< several, and no Sender field (RFC 5322 3.6.2)
  no_message_id,
  many_message_ids,
  bad_message_id,
  no_subject,
  many_subjects,
  no_to,  ///< legal
  many_tos,
  raw_8bit,         ///< octets above 127 without SMTPUTF8, or not UTF-8 with it
  long_line,        ///< over 998 octets (RFC 5322 2.1.1)
  stray_line,       ///< a line that is neither a field nor part of one
  many_fields,      ///< more than the limit
  forged_received,  ///< a Received field says that we received the message before
};
inline constexpr std::array<std::string_view, 22> header_flaw_names{
    "no_date",        "many_dates", "bad_date",      "old_date",       "future_date",   "no_from",
    "many_froms",     "bad_from",   "no_address",    "many_addresses", "no_message_id", "many_message_ids",
    "bad_message_id", "no_subject", "many_subjects", "no_to",          "many_tos",      "raw_8bit",
    "long_line",      "stray_line", "many_fields",   "forged_received"};
constexpr std::string_view name_of(HeaderFlawKind kind) {
  return header_flaw_names[static_cast<std::size_t>(kind)];
}

struct HeaderFlaw {
  HeaderFlawKind kind;
  std::string evidence;  ///< printable: "Date: Tue, 32 Foo", "3 From fields"
};

struct HeaderLimits {
  base::Millis past = std::chrono::days(90);
  base::Millis future = std::chrono::hours(24);
  std::int64_t fields = 1000;
};

/// What the judgement needs besides the block.
struct HeaderContext {
  base::WallTime now;
  std::string_view hostname;  ///< ours, as our Received fields name it
  bool smtputf8 = false;      ///< the sender announced it (RFC 6531)
};

/// At most one flaw of a kind.
std::vector<HeaderFlaw> header_flaws(const HeaderBlock& header, const HeaderLimits& limits,
                                     const HeaderContext& context);

}  // namespace gatepost::mail
