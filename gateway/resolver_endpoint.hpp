// How a resolver is named on the command line.
#pragma once

#include <optional>
#include <string_view>

#include "core/base/ip.hpp"

namespace gatepost::gateway {

/// "127.0.0.1:5353", or an address alone, at port 53.
inline std::optional<base::Endpoint> resolver_endpoint(std::string_view text) {
  if (const auto endpoint = base::Endpoint::parse(text)) return endpoint;
  const auto address = base::IpAddress::parse(text);
  if (!address) return std::nullopt;
  return base::Endpoint{*address, 53};
}

}  // namespace gatepost::gateway
