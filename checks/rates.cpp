#include "checks/rates.hpp"

namespace gatepost::checks {

static_assert(sizeof(Counts) == 64);

void ClientNetwork::visit(base::Visitor& v) {
  v.field({.key = "v4_bits",
           .help = "IPv4 addresses that have so many bits in common count as one client.",
           .min = 8,
           .max = 32},
          v4_bits);
  v.field({.key = "v6_bits",
           .help = "IPv6 addresses that have so many bits in common count as one client. A site has a /64 at "
                   "least, often a /56 or /48.",
           .min = 16,
           .max = 128},
          v6_bits);
}

std::string ClientNetwork::of(const base::IpAddress& client) const {
  const bool whole = client.is_v4() ? v4_bits == 32 : v6_bits == 128;
  if (whole) return client.to_string();
  return base::Network::around(client, static_cast<unsigned>(v4_bits), static_cast<unsigned>(v6_bits))
      .to_string();
}

}  // namespace gatepost::checks
