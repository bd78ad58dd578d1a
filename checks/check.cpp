#include "checks/check.hpp"

namespace gatepost::checks {

void CheckOptions::validate(const std::string&, base::Problems&) const {}

void CheckOptions::visit_mode(base::Visitor& v) {
  v.field({.key = "mode", .help = "off; observe: record what would have been refused; enforce: refuse it."},
          mode);
  v.field(
      {.key = "on_error",
       .help = "When the check cannot find out: ignore it, or defer the mail with 451 (in mode enforce)."},
      on_error);
  v.field({.key = "exempt_clients",
           .help = "This check is not made for clients in these networks.",
           .example = "[\"203.0.113.0/24\"]"},
          exempt_clients);
  v.field({.key = "exempt_senders",
           .help = "What this check finds does not count for these senders: user@domain, domain, *.domain; * "
                   "stands for any characters.",
           .example = "[\"partner.example.com\"]"},
          exempt_senders);
  v.field({.key = "exempt_recipients",
           .help = "What this check finds does not count for these recipients, written like senders.",
           .example = "[\"support@example.org\"]"},
          exempt_recipients);
}

}  // namespace gatepost::checks
