// What holds for all checks together, as configured under [policy].
#pragma once

#include "core/base/ip.hpp"
#include "core/base/text_forms.hpp"
#include "mail/address.hpp"

namespace gatepost::checks {

/// What of a check in observe mode goes on record.
enum class Observe { refusals, all };

struct PolicyOptions {
  std::string help;
  bool delay_reject = true;
  Observe observe = Observe::all;
  std::vector<std::string> exempt_recipients;
  std::vector<base::Network> exempt_clients;
  std::vector<base::Network> clients_are_real;
  double reject_score = 0;
  double defer_score = 0;
  double tag_score = 0;
  base::Millis dns_budget = std::chrono::seconds(5);

  void visit(base::Visitor& v);
  void validate(base::Problems& problems) const;
  /// postmaster, abuse, or one of exempt_recipients: policy never refuses mail to them.
  bool exempt(const mail::Mailbox& recipient) const;
};

bool any_contains(const std::vector<base::Network>& networks, const base::IpAddress& address);

/// Can it be a client's own address? Not if it is loopback, private, link-local or CGNAT: then a proxy or a
/// bridge stands before the client. `real`: networks where such addresses are the clients' own.
bool is_real_client(const base::IpAddress& client, const std::vector<base::Network>& real);

}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::Observe> {
  static constexpr std::array<std::string_view, 2> names{"refusals", "all"};
  static constexpr std::string_view form = "\"refusals\" or \"all\"";
  static std::string parse(std::string_view in, checks::Observe& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const checks::Observe& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

}  // namespace gatepost::base
