// The Received field that a gateway puts before a message (RFC 5321 4.4).
#pragma once

#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/ip.hpp"

namespace gatepost::mail {

struct ReceivedParts {
  std::string_view helo;
  std::string_view client_name;  ///< confirmed host name; empty: unknown
  base::IpAddress client;
  std::string_view by;
  std::string_view protocol;  ///< SMTP, ESMTP, ESMTPS, UTF8SMTP, UTF8SMTPS (RFC 3848, 6531)
  std::string_view tls;       ///< "TLSv1.3 with cipher ..."; empty without TLS
  std::string_view id;
  std::string_view recipient;  ///< only if there is one
  base::WallTime when;
};

/// Folded at 78 columns where possible, ending in CRLF. Foreign parts are sanitised: a HELO can't add lines.
std::string received_field(const ReceivedParts& parts);

}  // namespace gatepost::mail
