// Which addresses are taken for one client.
#pragma once

#include <string>

#include "core/base/ip.hpp"
#include "core/base/options.hpp"

namespace gatepost::checks {

/// Prefixes in bits.
struct ClientNetwork {
  std::int64_t ipv4_prefix = 32;
  std::int64_t ipv6_prefix = 64;
  void visit(base::Visitor& v);
  /// "203.0.113.9" or "2001:db8:1:2::/64"
  std::string of(const base::IpAddress& client) const;
};

}  // namespace gatepost::checks
