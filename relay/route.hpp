// A way to the inside: servers in order of preference and how to talk to them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/net/tls_context.hpp"
#include "relay/server.hpp"
#include "smtp/client_session.hpp"

namespace gatepost::relay {

struct Route {
  std::string name;
  RouteOptions options;
  std::vector<std::shared_ptr<Server>> servers;
  std::shared_ptr<const net::TlsClientContext> tls;  ///< null for TlsMode::none

  /// Is there any server worth trying now?
  bool available(base::Instant now) const {
    for (const auto& server : servers) {
      if (server->breaker.would_allow(now)) return true;
    }
    return false;
  }
  smtp::ClientTls client_tls() const {
    switch (options.tls) {
      case TlsMode::none: return smtp::ClientTls::none;
      case TlsMode::opportunistic: return smtp::ClientTls::opportunistic;
      default: return smtp::ClientTls::required;
    }
  }
};

}  // namespace gatepost::relay
