#include "checks/bulk_senders.hpp"

namespace gatepost::checks {

/// Only zones in which the provider alone gives names, so that no customer's machine is among them: not
/// amazonaws.com, googleusercontent.com, ovh.net as a whole.
const std::vector<std::string>& known_bulk_senders() {
  // clang-format off
  static const std::vector<std::string> patterns{
      // Mailboxes for millions, and companies' mail: customers share the addresses
      "*.google.com", "*.outbound.protection.outlook.com", "*.yahoo.com", "*.yahoo.co.jp", "*.aol.com",
      "*.icloud.com", "*.me.com", "*.messagingengine.com", "*.protonmail.ch", "*.proton.ch", "*.zoho.com",
      "*.zoho.eu", "*.zoho.in", "*.yandex.net", "*.mail.ru", "*.qq.com",
      // Access providers and hosters: the servers that all customers send through
      "mout.gmx.net", "mout-*.gmx.net", "mout.web.de", "mout.kundenserver.de", "mailout*.t-online.de",
      "*.aul.t-online.de", "*.smtpout.orange.fr", "smtp*-g*.free.fr", "*.mail.ovh.net", "*.mail-out.ovh.net",
      "resqmta-*.sys.comcast.net",
      // Companies' filters: what goes out through them is theirs and everybody's
      "*.pphosted.com", "*.gpphosted.com", "*.mimecast.com", "*.messagelabs.com", "*.ess.barracuda.com",
      "*.ess.barracudanetworks.com",
      // Sending for others is their trade
      "*.smtp-out.amazonses.com", "*.smtp-out.*.amazonses.com", "*.sendgrid.net", "*.mailgun.net",
      "*.mailgun.us", "*.mailgun-eu.net", "*.sparkpostmail.com", "*.mcsv.net", "*.mcdlv.net", "*.rsgsv.net",
      "*.mandrillapp.com", "*.exacttarget.com", "*.exacttarget-sender.com",
  };
  // clang-format on
  return patterns;
}

}  // namespace gatepost::checks
