// The process and its system: user, limits, files, who holds a port, the service manager.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/ip.hpp"
#include "core/base/result.hpp"
#include "core/net/acceptor.hpp"

namespace gatepost::gateway {

/// As many descriptors as the system lets us have; returns how many.
std::size_t raise_descriptor_limit();

/// Makes `directory` if it is not there; as root, it is given to `user`.
base::Result<void> prepare_state_directory(const std::string& directory, const std::string& user);
/// Can we create files in it?
bool is_writable_directory(const std::string& directory);

/// As root: becomes `user` for good, or fails. Otherwise nothing is to be done.
base::Result<void> drop_privileges(const std::string& user);

/// "postfix master (pid 4711)", for a listening TCP port; empty if it can't be found out.
std::string port_owner(std::uint16_t port);

/// Sockets that the service manager has opened for us, by name ("smtp", "web"); see sd_listen_fds(3).
struct InheritedSocket {
  std::string name;
  net::ListeningSocket socket;
};
std::vector<InheritedSocket> inherited_sockets();
/// Tells the service manager, if there is one; see sd_notify(3).
void notify_manager(const std::string& state);

}  // namespace gatepost::gateway
