// Every text we say in SMTP, in one table (replies.cpp), documented in docs/replies.md.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "smtp/reply.hpp"

namespace gatepost::smtp {

/// One enumerator per text.
// clang-format off
enum class Say : std::uint8_t {
  // Going on
  banner, helo, mail_ok, rcpt_ok, data_go, chunk_ok, delivered, discarded, reset, noop, vrfy, help, starttls_go, bye,
  // Protocol: what the client wrote
  unknown_command, not_implemented, auth_not_offered, not_smtp, line_too_long, bare_newline_command, bad_arguments,
  helo_first, mail_first, nested_mail, rcpt_first, all_rcpts_refused, some_rcpts_deferred, data_after_bdat, tls_already,
  bad_helo, bad_reverse_path, bad_reverse_domain, reverse_path_too_long, bad_forward_path, bad_forward_domain,
  forward_path_too_long, needs_smtputf8, unknown_parameter, bad_parameter, pipelining, proxy_unexpected, proxy_missing,
  // Protocol: the message
  message_too_big, header_too_big, too_many_received, contains_nul, bare_newline,
  // Limits
  too_many_recipients, too_many_errors, too_many_messages, timeout, session_too_long, too_slow, overload, shutting_down,
  no_memory, tls_unavailable, tls_failed,
  // Policy
  relaying_denied, unknown_recipient, directory_unavailable, other_route, other_policy, access_denied, access_deferred,
  suspect_turn, remembered_refusal, remembered_deferral, check_unavailable, score_refused, score_deferred,
  // Checks
  second_bounce_recipient, dns_unavailable, dnsbl_listed, domain_listed, ptr_none, ptr_none_ipv6, ptr_unconfirmed,
  ptr_unavailable, dynamic_address, dynamic_token, dynamic_pattern, helo_syntax, helo_underscore, helo_other_literal,
  helo_bare_address, helo_single_label, helo_own_name, helo_unresolved, helo_alias, helo_mismatch, helo_changed,
  sender_domain_unknown, sender_domain_null_mx, sender_domain_unroutable, sender_domain_unavailable, spf_fail,
  spf_softfail, spf_neutral, spf_none, spf_permerror, spf_unavailable, own_domain_forged,
  own_domain_unavailable,
  callout_refused, callout_no_bounces, callout_unavailable,
  headers_no_date, headers_bad_date, headers_old_date, headers_future_date,
  headers_many_dates, headers_no_from, headers_many_froms, headers_bad_from, headers_no_address, headers_many_addresses,
  headers_no_message_id, headers_bad_message_id, headers_many_message_ids, headers_no_subject, headers_many_subjects,
  headers_no_to, headers_many_tos, headers_raw_8bit, headers_long_line, headers_stray_line,
  headers_many_fields, headers_forged_received, greylisted,
  rate_concurrent, rate_sessions, rate_messages, rate_recipients, rate_unknown, rate_domain_messages,
  rate_domain_recipients, rate_persistent, harvest_later, harvest_stopped,
  early_talk, reputation_client, reputation_network, reputation_sender_domain, reputation_sender,
  // Relay
  backend_down, backend_lost, backend_timeout, outcome_unknown, split_recipients, suspects_noted, capability_lost,
  backend_refused, backend_deferred, relay_failed,
};
// clang-format on

struct Text {
  Say say;
  std::string_view token;  ///< in logs and metrics: "rcpt.unknown"
  std::uint16_t code;
  Enhanced enhanced;
  std::string_view text;  ///< {} stands for an argument
};

/// The whole table, in the order of Say.
std::span<const Text> all_texts();
const Text& text_of(Say say);

/// The reply for a text; arguments replace {} one after the other, sanitised with base::reply_safe().
Reply reply(Say say, std::initializer_list<std::string_view> arguments = {});

}  // namespace gatepost::smtp
