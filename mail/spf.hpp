// Sender Policy Framework, RFC 7208, complete: an algorithm over DNS lookups that knows no network.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/ip.hpp"
#include "core/dns/answer.hpp"

namespace gatepost::mail {

/// RFC 7208 2.6
enum class SpfResult : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror };
inline constexpr std::array<std::string_view, 7> spf_result_names{"none",     "neutral",   "pass",     "fail",
                                                                  "softfail", "temperror", "permerror"};
constexpr std::string_view name_of(SpfResult result) {
  return spf_result_names[static_cast<std::size_t>(result)];
}

/// Which claim is checked (RFC 7208 2.3, 2.4).
enum class SpfIdentity : std::uint8_t { helo, mail_from };

struct SpfQuestion {
  base::IpAddress client;
  SpfIdentity identity = SpfIdentity::mail_from;
  std::string
      sender;        ///< the reverse-path, domain as A-labels; empty for <>: then postmaster@helo is checked
  std::string helo;  ///< as the client said it
  std::string receiver;  ///< our host name, for %{r}
  base::WallTime now{};  ///< for %{t}
  bool trace = false;    ///< fill `path`
};

struct SpfAnswer {
  SpfResult result = SpfResult::none;
  std::string domain;     ///< whose record was asked for, as A-labels
  std::string sender;     ///< the <sender> that was checked: local@domain
  std::string record;     ///< of that domain, as found; untrusted octets
  std::string mechanism;  ///< that matched, as written ("-all"), with "include:x ..." around it; or "default"
  std::string explanation;  ///< of a fail: the domain's exp= text, expanded, printable ASCII; or empty
  std::string problem;      ///< of a permerror, temperror or none: what is wrong, for people
  unsigned lookups = 0;     ///< terms that cause DNS queries (RFC 7208 4.6.4: at most 10)
  unsigned void_lookups = 0;
  std::vector<std::string> path;  ///< the way walked, a line a step, indented by depth; if asked for
};

/// check_host() of RFC 7208 4; nothing while an answer is missing.
std::optional<SpfAnswer> check_spf(const SpfQuestion& question, dns::Lookup& dns);

/// The field for this result (RFC 7208 9.1), folded, with CRLF: "Received-SPF: pass (...) client-ip=...".
std::string received_spf_field(const SpfQuestion& question, const SpfAnswer& answer);

}  // namespace gatepost::mail
