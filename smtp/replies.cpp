#include "smtp/replies.hpp"

#include <array>

#include "core/base/text.hpp"

namespace gatepost::smtp {
namespace {

constexpr Enhanced none{};

// clang-format off
constexpr std::array texts{
    Text{Say::banner, "ok.banner", 220, none, "{} ESMTP Gatepost"},
    Text{Say::helo, "ok.helo", 250, none, "{}"},
    Text{Say::mail_ok, "ok.mail", 250, {2, 1, 0}, "sender ok"},
    Text{Say::rcpt_ok, "ok.rcpt", 250, {2, 1, 5}, "recipient ok"},
    Text{Say::data_go, "ok.data", 354, none, "go ahead, end with a line of a single dot"},
    Text{Say::chunk_ok, "ok.chunk", 250, {2, 0, 0}, "{} octets received"},
    Text{Say::delivered, "ok.delivered", 250, {2, 0, 0}, "delivered [{}]"},
    Text{Say::discarded, "ok.discarded", 250, {2, 0, 0}, "accepted [{}]"},
    Text{Say::reset, "ok.reset", 250, {2, 0, 0}, "reset"},
    Text{Say::noop, "ok.noop", 250, {2, 0, 0}, "ok"},
    Text{Say::vrfy, "ok.vrfy", 252, {2, 5, 0}, "cannot verify here; send mail and see whether the recipient is taken"},
    Text{Say::help, "ok.help", 214, {2, 0, 0}, "this is a mail exchanger; it speaks RFC 5321 and takes mail for its own domains only"},
    Text{Say::starttls_go, "ok.starttls", 220, {2, 0, 0}, "begin TLS"},
    Text{Say::bye, "ok.bye", 221, {2, 0, 0}, "goodbye"},

    Text{Say::unknown_command, "protocol.unknown_command", 500, {5, 5, 1}, "command not recognised"},
    Text{Say::not_implemented, "protocol.not_implemented", 502, {5, 5, 1}, "{} is not offered here"},
    Text{Say::auth_not_offered, "protocol.auth_not_offered", 502, {5, 5, 1}, "AUTH is not offered: this server takes mail for its own domains, it is not for submission"},
    Text{Say::not_smtp, "protocol.not_smtp", 554, {5, 5, 0}, "this is an SMTP server; closing the connection"},
    Text{Say::line_too_long, "protocol.line_too_long", 500, {5, 5, 2}, "command line longer than {} octets"},
    Text{Say::bare_newline_command, "protocol.bare_newline_command", 500, {5, 5, 2}, "command lines end with CR LF; this one holds a bare CR, a bare LF or NUL"},
    Text{Say::bad_arguments, "protocol.bad_arguments", 501, {5, 5, 4}, "cannot understand the arguments of {}"},
    Text{Say::helo_first, "protocol.helo_first", 503, {5, 5, 1}, "say EHLO first"},
    Text{Say::mail_first, "protocol.mail_first", 503, {5, 5, 1}, "say MAIL first"},
    Text{Say::nested_mail, "protocol.nested_mail", 503, {5, 5, 1}, "a transaction is open already; end it or say RSET"},
    Text{Say::rcpt_first, "protocol.rcpt_first", 503, {5, 5, 1}, "say RCPT first"},
    Text{Say::all_rcpts_refused, "protocol.all_rcpts_refused", 554, {5, 5, 1}, "no recipient was accepted"},
    Text{Say::some_rcpts_deferred, "protocol.some_rcpts_deferred", 451, {4, 5, 1}, "no recipient was accepted, but some may be later"},
    Text{Say::data_after_bdat, "protocol.data_after_bdat", 503, {5, 5, 1}, "this message began with BDAT; DATA cannot end it"},
    Text{Say::tls_already, "protocol.tls_already", 503, {5, 5, 1}, "TLS is in use already"},
    Text{Say::bad_helo, "protocol.bad_helo", 501, {5, 5, 4}, "{} wants a host name or an address literal"},
    Text{Say::bad_reverse_path, "protocol.bad_reverse_path", 501, {5, 1, 7}, "cannot understand the sender address"},
    Text{Say::bad_reverse_domain, "protocol.bad_reverse_domain", 501, {5, 1, 7}, "the domain of the sender address is malformed"},
    Text{Say::reverse_path_too_long, "protocol.reverse_path_too_long", 501, {5, 1, 7}, "the sender address is longer than 254 octets"},
    Text{Say::bad_forward_path, "protocol.bad_forward_path", 501, {5, 1, 3}, "cannot understand the recipient address"},
    Text{Say::bad_forward_domain, "protocol.bad_forward_domain", 501, {5, 1, 3}, "the domain of the recipient address is malformed"},
    Text{Say::forward_path_too_long, "protocol.forward_path_too_long", 501, {5, 1, 3}, "the recipient address is longer than 254 octets"},
    Text{Say::needs_smtputf8, "protocol.needs_smtputf8", 553, {5, 6, 7}, "an address that is not ASCII needs SMTPUTF8"},
    Text{Say::unknown_parameter, "protocol.unknown_parameter", 555, {5, 5, 4}, "parameter {} is not offered here"},
    Text{Say::bad_parameter, "protocol.bad_parameter", 501, {5, 5, 4}, "cannot understand the parameter {}"},
    Text{Say::pipelining, "protocol.pipelining", 554, {5, 5, 0}, "you sent more before you could know our answer to {} (RFC 2920); closing the connection"},
    Text{Say::proxy_unexpected, "protocol.proxy_unexpected", 554, {5, 5, 0}, "a PROXY header from an address that is not a known load balancer; closing the connection"},
    Text{Say::proxy_missing, "protocol.proxy_missing", 421, {4, 5, 0}, "a load balancer did not begin with a PROXY header; closing the connection"},

    Text{Say::message_too_big, "message.too_big", 552, {5, 3, 4}, "the message is larger than {} octets"},
    Text{Say::header_too_big, "message.header_too_big", 552, {5, 3, 4}, "the message's header is larger than {} octets"},
    Text{Say::too_many_received, "message.loop", 554, {5, 4, 6}, "more than {} Received fields: this message goes round in a loop"},
    Text{Say::contains_nul, "message.nul", 554, {5, 6, 0}, "the message contains NUL"},
    Text{Say::bare_newline, "message.bare_newline", 550, {5, 6, 11}, "the message contains a bare CR or LF; lines end with CR LF"},

    Text{Say::too_many_recipients, "limit.recipients", 452, {4, 5, 3}, "too many recipients; send the others in another transaction"},
    Text{Say::too_many_errors, "limit.errors", 421, {4, 7, 0}, "too many errors; closing the connection"},
    Text{Say::too_many_messages, "limit.messages", 421, {4, 7, 0}, "enough messages in one connection; please connect again"},
    Text{Say::timeout, "limit.timeout", 421, {4, 4, 2}, "nothing came for too long; closing the connection"},
    Text{Say::session_too_long, "limit.session_time", 421, {4, 4, 2}, "this connection has lasted long enough; please connect again"},
    Text{Say::too_slow, "limit.too_slow", 421, {4, 4, 2}, "the message comes too slowly; closing the connection"},
    Text{Say::overload, "limit.overload", 421, {4, 3, 2}, "too busy at the moment; please try again later"},
    Text{Say::shutting_down, "limit.shutting_down", 421, {4, 3, 2}, "going down; please connect again"},
    Text{Say::no_memory, "limit.memory", 452, {4, 3, 1}, "no room for the message at the moment; please try again later"},
    Text{Say::tls_unavailable, "limit.tls_unavailable", 454, {4, 7, 0}, "TLS is not available at the moment"},
    Text{Say::tls_failed, "limit.tls_failed", 421, {4, 7, 0}, "the TLS handshake failed"},

    Text{Say::relaying_denied, "rcpt.relaying_denied", 550, {5, 7, 1}, "<{}>: this server does not take mail for {}"},
    Text{Say::unknown_recipient, "rcpt.unknown", 550, {5, 1, 1}, "<{}>: there is no such recipient here"},
    Text{Say::directory_unavailable, "rcpt.directory_unavailable", 451, {4, 3, 0}, "<{}>: recipients cannot be checked at the moment; please try again later"},
    Text{Say::other_route, "rcpt.other_route", 452, {4, 5, 3}, "<{}>: this recipient's server is another one; send it in another transaction"},
    Text{Say::other_policy, "rcpt.other_policy", 452, {4, 5, 3}, "<{}>: this recipient has other rules; send it in another transaction"},
    Text{Say::access_denied, "access.denied", 550, {5, 7, 1}, "{}"},
    Text{Say::access_deferred, "access.deferred", 451, {4, 7, 1}, "{}"},
    Text{Say::suspect_turn, "rcpt.suspect_turn", 452, {4, 5, 3}, "<{}>: not with this many recipients at once; please send it again"},
    Text{Say::remembered_refusal, "rcpt.remembered_refusal", 550, none, "<{}>: {}"},
    Text{Say::remembered_deferral, "rcpt.remembered_deferral", 451, none, "<{}>: {}"},
    Text{Say::check_unavailable, "check.unavailable", 451, {4, 7, 1}, "a check of this message ({}) cannot be made at the moment; please try again later"},
    Text{Say::score_refused, "policy.score", 550, {5, 7, 1}, "refused for what several checks found together: {}"},
    Text{Say::score_deferred, "policy.score_deferred", 451, {4, 7, 1}, "deferred for what several checks found together: {}"},

    Text{Say::second_bounce_recipient, "rcpt.second_bounce_recipient", 550, {5, 5, 3}, "<{}>: a message without a sender (a bounce) goes to one recipient only"},
    Text{Say::dns_unavailable, "check.dns_unavailable", 451, {4, 4, 3}, "DNS does not tell about {} at the moment; please try again later"},
    Text{Say::dnsbl_listed, "dnsbl.listed", 550, {5, 7, 1}, "<{}> is on {}"},
    Text{Say::domain_listed, "domain_list.listed", 550, {5, 7, 1}, "{} is on {}"},
    Text{Say::ptr_none, "reverse_dns.none", 550, {5, 7, 25}, "<{}> has no PTR record; the address of a mail server needs a name that leads back to it"},
    Text{Say::ptr_none_ipv6, "reverse_dns.none_ipv6", 550, {5, 7, 25}, "<{}> has no PTR record; over IPv6 mail is taken from addresses with a name only"},
    Text{Say::ptr_unconfirmed, "reverse_dns.unconfirmed", 550, {5, 7, 25}, "<{}> has the name {}, which does not lead back to it"},
    Text{Say::ptr_unavailable, "reverse_dns.unavailable", 451, {4, 7, 25}, "the name of <{}> cannot be found out at the moment; please try again later"},
    Text{Say::dynamic_address, "dynamic_host.address", 550, {5, 7, 1}, "{} holds its own address, as names of dynamic or residential lines do; send through your provider's mail server, or give the address a name of its own"},
    Text{Say::dynamic_token, "dynamic_host.token", 550, {5, 7, 1}, "{} looks like the name of a dynamic or residential line; send through your provider's mail server, or give the address a name of its own"},
    Text{Say::dynamic_pattern, "dynamic_host.pattern", 550, {5, 7, 1}, "{} is a name that this site takes no mail from"},
    Text{Say::helo_syntax, "helo.syntax", 550, {5, 7, 1}, "HELO {}: neither a host name nor an address literal (RFC 5321 4.1.2)"},
    Text{Say::helo_underscore, "helo.underscore", 550, {5, 7, 1}, "HELO {}: a host name has no underscore (RFC 5321 4.1.2)"},
    Text{Say::helo_other_literal, "helo.other_literal", 550, {5, 7, 1}, "HELO {}: this is not the address that you connect from"},
    Text{Say::helo_bare_address, "helo.bare_address", 550, {5, 7, 1}, "HELO {}: an address stands in brackets (RFC 5321 4.1.3)"},
    Text{Say::helo_single_label, "helo.single_label", 550, {5, 7, 1}, "HELO {}: not a fully qualified host name (RFC 5321 2.3.5)"},
    Text{Say::helo_own_name, "helo.own_name", 550, {5, 7, 1}, "HELO {}: that is this server's own name or address"},
    Text{Say::helo_unresolved, "helo.unresolved", 550, {5, 7, 1}, "HELO {}: there is no such host"},
    Text{Say::helo_alias, "helo.alias", 550, {5, 7, 1}, "HELO {}: an alias (CNAME), not the host's own name (RFC 5321 2.3.5)"},
    Text{Say::helo_mismatch, "helo.mismatch", 550, {5, 7, 1}, "HELO {}: neither the name nor its domain has to do with the address that you connect from"},
    Text{Say::helo_changed, "helo.changed", 550, {5, 7, 1}, "HELO {}: you said {} before"},
    Text{Say::sender_domain_unknown, "sender_domain.unknown", 550, {5, 1, 8}, "the sender's domain {} does not exist or takes no mail: it has neither MX nor address records"},
    Text{Say::sender_domain_null_mx, "sender_domain.null_mx", 550, {5, 7, 27}, "the sender's domain {} declares that it takes no mail (null MX, RFC 7505), so nobody could answer"},
    Text{Say::sender_domain_unroutable, "sender_domain.unroutable", 550, {5, 1, 8}, "the mail servers of the sender's domain {} have no address that can be reached from the Internet"},
    Text{Say::sender_domain_unavailable, "sender_domain.unavailable", 451, {4, 4, 3}, "the sender's domain {} cannot be looked up at the moment; please try again later"},
    Text{Say::spf_fail, "spf.fail", 550, {5, 7, 23}, "SPF: {} does not allow <{}> to send for it{}"},
    Text{Say::spf_softfail, "spf.softfail", 550, {5, 7, 24}, "SPF: {} probably does not allow <{}> to send for it (softfail)"},
    Text{Say::spf_neutral, "spf.neutral", 550, {5, 7, 24}, "SPF: {} does not say whether <{}> may send for it"},
    Text{Say::spf_none, "spf.none", 550, {5, 7, 24}, "SPF: {} does not say who may send for it"},
    Text{Say::spf_permerror, "spf.permerror", 550, {5, 7, 24}, "SPF: the record of {} cannot be understood: {}"},
    Text{Say::spf_unavailable, "spf.unavailable", 451, {4, 7, 24}, "SPF: the record of {} cannot be looked up at the moment; please try again later"},
    Text{Say::own_domain_forged, "own_domain.forged", 550, {5, 7, 1}, "mail from {} does not come from outside this site unless its SPF record allows the client, and it does not allow <{}>"},
    Text{Say::own_domain_unavailable, "own_domain.unavailable", 451, {4, 7, 24}, "whether <{}> may send for {} cannot be found out at the moment; please try again later"},
    Text{Say::callout_refused, "sender_callout.refused", 550, {5, 1, 7}, "<{}>: the sender's own mail server refuses this address, so nobody could answer; it says: {}"},
    Text{Say::callout_no_bounces, "sender_callout.no_bounces", 550, {5, 1, 8}, "<{}>: the sender's mail server takes no bounces (MAIL FROM:<>), as each must (RFC 5321 4.5.5); it says: {}"},
    Text{Say::callout_unavailable, "sender_callout.unavailable", 451, {4, 4, 3}, "<{}>: the sender's mail server does not tell at the moment whether it takes this address; please try again later"},
    Text{Say::headers_no_date, "headers.no_date", 550, {5, 6, 0}, "this message is refused for its header: it has no Date field"},
    Text{Say::headers_bad_date, "headers.bad_date", 550, {5, 6, 0}, "this message is refused for its header: its Date field cannot be understood: {}"},
    Text{Say::headers_old_date, "headers.old_date", 550, {5, 6, 0}, "this message is refused for its header: its Date is too long ago: {}"},
    Text{Say::headers_future_date, "headers.future_date", 550, {5, 6, 0}, "this message is refused for its header: its Date is in the future: {}"},
    Text{Say::headers_many_dates, "headers.many_dates", 550, {5, 6, 0}, "this message is refused for its header: it has several Date fields"},
    Text{Say::headers_no_from, "headers.no_from", 550, {5, 6, 0}, "this message is refused for its header: it has no From field"},
    Text{Say::headers_many_froms, "headers.many_froms", 550, {5, 6, 0}, "this message is refused for its header: it has several From fields"},
    Text{Say::headers_bad_from, "headers.bad_from", 550, {5, 6, 0}, "this message is refused for its header: its From field is malformed: {}"},
    Text{Say::headers_no_address, "headers.no_address", 550, {5, 6, 0}, "this message is refused for its header: its From field names no address"},
    Text{Say::headers_many_addresses, "headers.many_addresses", 550, {5, 6, 0}, "this message is refused for its header: its From field names several addresses without a Sender field"},
    Text{Say::headers_no_message_id, "headers.no_message_id", 550, {5, 6, 0}, "this message is refused for its header: it has no Message-ID field"},
    Text{Say::headers_bad_message_id, "headers.bad_message_id", 550, {5, 6, 0}, "this message is refused for its header: its Message-ID is malformed: {}"},
    Text{Say::headers_many_message_ids, "headers.many_message_ids", 550, {5, 6, 0}, "this message is refused for its header: it has several Message-ID fields"},
    Text{Say::headers_no_subject, "headers.no_subject", 550, {5, 6, 0}, "this message is refused for its header: it has no Subject field"},
    Text{Say::headers_many_subjects, "headers.many_subjects", 550, {5, 6, 0}, "this message is refused for its header: it has several Subject fields"},
    Text{Say::headers_no_to, "headers.no_to", 550, {5, 6, 0}, "this message is refused for its header: it has no To field"},
    Text{Say::headers_many_tos, "headers.many_tos", 550, {5, 6, 0}, "this message is refused for its header: it has several To fields"},
    Text{Say::headers_raw_8bit, "headers.raw_8bit", 550, {5, 6, 0}, "this message is refused for its header: its header holds octets that are not ASCII"},
    Text{Say::headers_long_line, "headers.long_line", 550, {5, 6, 0}, "this message is refused for its header: its header has a line longer than 998 octets"},
    Text{Say::headers_stray_line, "headers.stray_line", 550, {5, 6, 0}, "this message is refused for its header: it holds a line that is no header field"},
    Text{Say::headers_many_fields, "headers.many_fields", 550, {5, 6, 0}, "this message is refused for its header: its header has too many fields"},
    Text{Say::headers_forged_received, "headers.forged_received", 550, {5, 6, 0}, "this message is refused for its header: it holds a Received field that claims to be this server's"},
    Text{Say::greylisted, "greylist.deferred", 451, {4, 7, 1}, "mail from this sender for {} is new here; try again in {} s, a retry is all it takes (greylisting)"},
    Text{Say::rate_concurrent, "rate.concurrent", 421, {4, 7, 0}, "{} connections at the same time from {} are enough; please end some first"},
    Text{Say::rate_sessions, "rate.sessions", 451, {4, 7, 1}, "too many connections from {}: the limit is {}; it is free again in {} s"},
    Text{Say::rate_messages, "rate.messages", 451, {4, 7, 1}, "too many messages from {}: the limit is {}; it is free again in {} s"},
    Text{Say::rate_recipients, "rate.recipients", 451, {4, 7, 1}, "too many recipients from {}: the limit is {}; it is free again in {} s"},
    Text{Say::rate_unknown, "rate.unknown", 451, {4, 7, 1}, "too many unknown recipients from {}: the limit is {}; it is free again in {} s"},
    Text{Say::rate_domain_messages, "rate.domain_messages", 451, {4, 7, 1}, "too many messages from the domain {}: the limit is {}; it is free again in {} s"},
    Text{Say::rate_domain_recipients, "rate.domain_recipients", 451, {4, 7, 1}, "too many recipients from the domain {}: the limit is {}; it is free again in {} s"},
    Text{Say::rate_persistent, "rate.persistent", 550, {5, 7, 1}, "{} goes on far above what is taken here, refused more often than {}; it is free again in {} s"},
    Text{Say::harvest_later, "harvest.later", 452, {4, 5, 3}, "<{}>: not in this transaction; too many recipients from {} are unknown here"},
    Text{Say::harvest_stopped, "harvest.stopped", 421, {4, 7, 0}, "too many recipients from {} were unknown here; this ends by itself within {}; closing the connection"},
    Text{Say::early_talk, "early_talker.talk", 554, {5, 5, 0}, "you spoke before this server's greeting; wait for it (RFC 5321 3.1)"},
    Text{Say::reputation_client, "reputation.client", 550, {5, 7, 1}, "<{}>: {} of the last {} messages and attempts from this address were refused or mistaken; this ends by itself in about {}"},
    Text{Say::reputation_network, "reputation.network", 550, {5, 7, 1}, "<{}>: {} of the last {} messages and attempts from this network were refused or mistaken; this ends by itself in about {}"},
    Text{Say::reputation_sender_domain, "reputation.sender_domain", 550, {5, 7, 1}, "{}: {} of the last {} messages from this domain were refused or mistaken; this ends by itself in about {}"},
    Text{Say::reputation_sender, "reputation.sender", 550, {5, 7, 1}, "<{}>: {} of the last {} messages from this sender were refused or mistaken; this ends by itself in about {}"},

    Text{Say::backend_down, "relay.down", 451, {4, 4, 1}, "the mail server behind this one cannot be reached; please try again later"},
    Text{Say::backend_lost, "relay.lost", 451, {4, 4, 2}, "the mail server behind this one closed the connection; please try again later"},
    Text{Say::backend_timeout, "relay.timeout", 451, {4, 4, 2}, "the mail server behind this one did not answer in time; please try again later"},
    Text{Say::outcome_unknown, "relay.outcome_unknown", 451, {4, 4, 2}, "the mail server behind this one has the message but did not say what became of it; please try again later"},
    Text{Say::split_recipients, "relay.split", 451, {4, 3, 0}, "the mail server behind this one refused some of the recipients; nothing was delivered yet, please try again"},
    Text{Say::suspects_noted, "relay.suspects", 451, {4, 3, 0}, "the mail server behind this one refused one of the recipients without naming it; please try again"},
    Text{Say::capability_lost, "relay.capability_lost", 451, {4, 3, 3}, "the mail server behind this one does not offer {} at the moment; please try again later"},
    Text{Say::backend_refused, "relay.refused", 554, none, "the mail server behind this one said: {}"},
    Text{Say::backend_deferred, "relay.deferred", 451, none, "the mail server behind this one said: {}"},
    Text{Say::relay_failed, "relay.failed", 451, {4, 3, 0}, "the message could not be handed on; please try again later"},
};
// clang-format on

}  // namespace

std::span<const Text> all_texts() {
  return texts;
}

const Text& text_of(Say say) {
  return texts[static_cast<std::size_t>(say)];
}

Reply reply(Say say, std::initializer_list<std::string_view> arguments) {
  const auto& text = text_of(say);
  const auto* argument = arguments.begin();
  std::string out;
  std::string_view rest = text.text;
  for (auto at = rest.find("{}"); at != std::string_view::npos; at = rest.find("{}")) {
    out.append(rest.substr(0, at));
    if (argument != arguments.end()) out.append(base::reply_safe(*argument++, 400));
    rest.remove_prefix(at + 2);
  }
  out.append(rest);
  return Reply(text.code, text.enhanced, text.token, std::move(out));
}

}  // namespace gatepost::smtp
