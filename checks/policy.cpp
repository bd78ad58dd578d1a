#include "checks/policy.hpp"

#include "checks/check.hpp"
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
  v.field({.key = "exempt_recipients",
           .help = "Recipients, besides postmaster and abuse, for whom no check refuses mail; * stands for "
                   "any characters.",
           .example = "[\"support@example.org\"]"},
          exempt_recipients);
  v.field(
      {.key = "reject_score", .help = "Refuse with 550 when the checks' scores add up to this; 0: never."},
      reject_score);
  v.field({.key = "defer_score", .help = "Refuse with 451 when the checks' scores add up to this; 0: never."},
          defer_score);
}

void PolicyOptions::validate(base::Problems& problems) const {
  if (!base::is_ascii(help)) problems.error("policy.help", "must be ASCII, since it is part of SMTP replies");
  if (!delay_reject)
    problems.warning("policy.delay_reject",
                     "postmaster and abuse are not exempt from refusals at connect, HELO and MAIL then");
  if (help.size() > 200) problems.error("policy.help", "must be at most 200 characters");
}

bool PolicyOptions::exempt(const mail::Mailbox& recipient) const {
  if (recipient.is_role()) return true;
  if (exempt_recipients.empty()) return false;
  const auto key = recipient.key();
  for (const auto& pattern : exempt_recipients) {
    if (base::wildcard_match(pattern, key)) return true;
  }
  return false;
}

void CheckOptions::validate(const std::string&, base::Problems&) const {}

void CheckOptions::visit_mode(base::Visitor& v) {
  v.field({.key = "mode", .help = "off; observe: record what would have been refused; enforce: refuse it."},
          mode);
  v.field(
      {.key = "on_error", .help = "When the check cannot find out: ignore it, or defer the mail with 451."},
      on_error);
}

}  // namespace gatepost::checks
