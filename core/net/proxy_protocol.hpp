// PROXY protocol, versions 1 and 2, as load balancers send it before anything else
// (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt).
#pragma once

#include <optional>
#include <string_view>

#include "core/base/ip.hpp"

namespace gatepost::net {

/// What the load balancer says of the connection.
struct ProxyHeader {
  std::size_t length = 0;  ///< bytes it took
  /// Empty: LOCAL (v2) or UNKNOWN (v1): the balancer's own health check.
  std::optional<base::Endpoint> source;
  std::optional<base::Endpoint> destination;
};

enum class ProxyParse { complete, incomplete, malformed };

/// Reads the header at the start of `input`. The longest header taken is 4096 bytes (v1: 107); TLVs of v2 are
/// skipped, a v2 header that announces more is malformed.
ProxyParse parse_proxy_header(std::string_view input, ProxyHeader& header);

/// Could `input` be the start of a PROXY header? For telling an unlisted balancer from an SMTP client.
bool looks_like_proxy_header(std::string_view input);

}  // namespace gatepost::net
