#include "checks/client_network.hpp"

namespace gatepost::checks {

void ClientNetwork::visit(base::Visitor& v) {
  v.field({.key = "ipv4_prefix",
           .help = "IPv4 addresses that have so many bits in common count as one client.",
           .min = 8,
           .max = 32},
          ipv4_prefix);
  v.field({.key = "ipv6_prefix",
           .help = "IPv6 addresses that have so many bits in common count as one client. A site has a /64 at "
                   "least, often a /56 or /48.",
           .min = 16,
           .max = 128},
          ipv6_prefix);
}

std::string ClientNetwork::of(const base::IpAddress& client) const {
  const bool whole = client.is_v4() ? ipv4_prefix == 32 : ipv6_prefix == 128;
  if (whole) return client.to_string();
  return base::Network::around(client, static_cast<unsigned>(ipv4_prefix), static_cast<unsigned>(ipv6_prefix))
      .to_string();
}

}  // namespace gatepost::checks
