#include "checks/policy.hpp"

#include <algorithm>

#include "checks/address_pattern.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {

void PolicyOptions::visit(base::Visitor& v) {
  v.field({.key = "help",
           .help = "Where a sender who was refused gets help: a URL, a telephone number or a mail address "
                   "elsewhere. Ends every 5xx.",
           .example = "\"https://example.org/mail-help\""},
          help);
  v.field({.key = "delay_reject",
           .help = "Refuse for the client's address, HELO or sender only at RCPT, so that sender and "
                   "recipient are on record."},
          delay_reject);
  v.field({.key = "observe",
           .help = "What checks in observe mode put on record: all that they find, or what would have been "
                   "refused only."},
          observe);
  v.field({.key = "exempt_recipients",
           .help = "Recipients, besides postmaster and abuse, for whom no check refuses mail; * stands for "
                   "any characters.",
           .example = "[\"support@example.org\"]"},
          exempt_recipients);
  v.field({.key = "exempt_clients",
           .help = "Own networks and partners: no check is made for clients there (relay control and "
                   "recipients are still checked).",
           .example = "[\"203.0.113.0/24\"]"},
          exempt_clients);
  v.field({.key = "clients_are_real",
           .help = "Loopback, private, link-local or CGNAT networks whose addresses are the clients' own. "
                   "Elsewhere such an address means that a proxy hides the client, and checks that depend "
                   "on it find nothing.",
           .example = "[\"10.0.0.0/8\"]"},
          clients_are_real);
  v.field(
      {.key = "reject_score", .help = "Refuse with 550 when the checks' scores add up to this; 0: never."},
      reject_score);
  v.field({.key = "defer_score", .help = "Refuse with 451 when the checks' scores add up to this; 0: never."},
          defer_score);
  v.field({.key = "tag_score",
           .help = "When the checks' scores add up to this, put X-Gatepost-Score in front of the message, "
                   "for the mail server's rules; 0: never."},
          tag_score);
  v.field({.key = "dns_budget",
           .help = "How long one session waits for DNS altogether. What is not known then counts as a "
                   "temporary failure."},
          dns_budget);
}

void PolicyOptions::validate(base::Problems& problems) const {
  if (!base::is_ascii(help)) problems.error("policy.help", "must be ASCII, since it is part of SMTP replies");
  if (!delay_reject)
    problems.warning("policy.delay_reject",
                     "postmaster and abuse are not exempt from refusals at connect, HELO and MAIL then");
  if (help.size() > 200) problems.error("policy.help", "must be at most 200 characters");
  validate_address_patterns(exempt_recipients, "policy.exempt_recipients", problems);
  if (dns_budget > std::chrono::seconds(60))
    problems.error("policy.dns_budget", "must be at most 60 s: senders wait 5 minutes for an answer to RCPT");
  if (reject_score > 0 && defer_score > reject_score)
    problems.warning("policy.defer_score", "is above reject_score and so has no effect");
}

bool PolicyOptions::exempt(const mail::Mailbox& recipient) const {
  if (recipient.is_role()) return true;
  return !exempt_recipients.empty() && any_address_matches(exempt_recipients, recipient.key());
}

bool any_contains(const std::vector<base::Network>& networks, const base::IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const base::Network& network) { return network.contains(address); });
}

bool is_real_client(const base::IpAddress& client, const std::vector<base::Network>& real) {
  return client.scope() == base::Scope::global || any_contains(real, client);
}

}  // namespace gatepost::checks
