// What a client's host name says of the line behind it. Providers name whole networks by rule, and such names
// hold the address; whoever runs a mail server gives it a name of its own.
#pragma once

#include <string>
#include <string_view>

#include "core/base/ip.hpp"

namespace gatepost::checks {

struct HostNameShape {
  enum class Kind {
    own,            ///< nothing to say against it
    holds_address,  ///< at least three octets of the address, or half of an IPv6 address
    access_line,    ///< words for dynamic or residential lines, and numbers
  };
  Kind kind = Kind::own;
  std::string seen = {};  ///< the part of the name that says so, for people
};

/// `host` is in lower case without trailing dot. Looks only at what stands left of the registered domain. A
/// name that speaks of a mail server or of a static address is Kind::own whatever it holds.
HostNameShape shape_of(std::string_view host, const base::IpAddress& address);

}  // namespace gatepost::checks
