// The process and its system: user, limits, files, who holds a port, the service manager.
#pragma once

#include <optional>
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

/// As root: becomes the owner of `directory` for good, so that files made in it are the owner's; where that
/// is root, becomes `user`.
base::Result<void> become_owner(const std::string& directory, const std::string& user);

/// Marks a directory as this process's own, until the process ends, however it ends. It needs no file, and so
/// works on a disk that cannot be written.
class DirectoryClaim {
 public:
  /// False: another process has it. What can't be claimed at all (a file system without locks) counts as had.
  bool take(const std::string& directory);
  /// Has any process claimed it? Nothing: that cannot be found out.
  static std::optional<bool> is_taken(const std::string& directory);

  DirectoryClaim() = default;
  ~DirectoryClaim();
  DirectoryClaim(const DirectoryClaim&) = delete;
  DirectoryClaim& operator=(const DirectoryClaim&) = delete;

 private:
  int descriptor_ = -1;
};

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
