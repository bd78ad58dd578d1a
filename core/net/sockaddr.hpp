// Between the system's socket addresses and ours.
#pragma once

#include <sys/socket.h>

#include "core/base/ip.hpp"

namespace gatepost::net {

/// Storage for any IP socket address.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_sockaddr(const base::Endpoint& endpoint);
base::Endpoint to_endpoint(const sockaddr_storage& storage);

}  // namespace gatepost::net
