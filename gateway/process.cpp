#include "gateway/process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace gatepost::gateway {
namespace {

std::string error_text(int error) {
  return std::generic_category().message(error);
}

/// The inode of a socket that listens at `port`, from /proc/net/tcp or tcp6.
std::string listening_inode(const char* table, std::uint16_t port) {
  std::ifstream in(table);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
    fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
    const auto colon = local.rfind(':');
    if (state == "0A" && colon != std::string::npos &&
        std::strtoul(local.c_str() + colon + 1, nullptr, 16) == port)
      return inode;
  }
  return {};
}

bool has_socket(const std::filesystem::path& process, const std::string& target) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(process / "fd", ignored)) {
    if (std::filesystem::read_symlink(entry.path(), ignored) == target) return true;
  }
  return false;
}

}  // namespace

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

base::Result<void> prepare_state_directory(const std::string& directory, const std::string& user) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(directory, error);
  if (error) return base::Failure{"cannot make state_dir " + directory + ": " + error.message()};
  if (!made) return {};
  ::chmod(directory.c_str(), 0750);
  if (::geteuid() == 0) {
    if (const passwd* entry = ::getpwnam(user.c_str())) {
      if (::chown(directory.c_str(), entry->pw_uid, entry->pw_gid) != 0)
        return base::Failure{"cannot give state_dir " + directory + " to " + user + ": " + error_text(errno)};
    }
  }
  return {};
}

bool is_writable_directory(const std::string& directory) {
  return ::access(directory.c_str(), W_OK | X_OK) == 0;
}

namespace {

base::Result<void> become(const char* name, uid_t user, gid_t group) {
  if (::initgroups(name, group) != 0 || ::setgid(group) != 0 || ::setuid(user) != 0)
    return base::Failure{"cannot become user " + std::string(name) + ": " + error_text(errno)};
  if (::setuid(0) == 0) return base::Failure{"could become root again: not starting"};
  return {};
}

}  // namespace

base::Result<void> drop_privileges(const std::string& user) {
  if (::geteuid() != 0) return {};
  const passwd* entry = ::getpwnam(user.c_str());
  if (entry == nullptr)
    return base::Failure{"started as root, but there is no user \"" + user +
                         "\" to become: make one, or set user"};
  if (entry->pw_uid == 0)
    return base::Failure{"user \"" + user + "\" is root, as which Gatepost does not run"};
  return become(user.c_str(), entry->pw_uid, entry->pw_gid);
}

base::Result<void> become_owner(const std::string& directory, const std::string& user) {
  if (::geteuid() != 0) return {};
  struct stat found {};
  if (::stat(directory.c_str(), &found) != 0)
    return base::Failure{"state_dir " + directory + ": " + error_text(errno)};
  if (found.st_uid == 0) return drop_privileges(user);
  const passwd* entry = ::getpwuid(found.st_uid);
  const std::string name = entry != nullptr ? entry->pw_name : std::to_string(found.st_uid);
  return become(name.c_str(), found.st_uid, entry != nullptr ? entry->pw_gid : found.st_gid);
}

// ---- Claims

namespace {

int open_directory(const std::string& directory) {
  return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

}  // namespace

bool DirectoryClaim::take(const std::string& directory) {
  descriptor_ = open_directory(directory);
  // Who only asks whether it is taken has it for a moment.
  for (int tries = 0; tries < 100; ++tries) {
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) return true;
    ::usleep(10000);
  }
  return false;
}

DirectoryClaim::~DirectoryClaim() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<bool> DirectoryClaim::is_taken(const std::string& directory) {
  const int descriptor = open_directory(directory);
  if (descriptor < 0) return std::nullopt;
  const bool free = ::flock(descriptor, LOCK_SH | LOCK_NB) == 0;
  const int error = errno;
  ::close(descriptor);
  if (free) return false;
  if (error == EWOULDBLOCK) return true;
  return std::nullopt;
}

std::string port_owner(std::uint16_t port) {
  auto inode = listening_inode("/proc/net/tcp", port);
  if (inode.empty()) inode = listening_inode("/proc/net/tcp6", port);
  if (inode.empty()) return {};
  const auto target = "socket:[" + inode + "]";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos || !has_socket(entry.path(), target))
      continue;
    std::ifstream in(entry.path() / "comm");
    std::string name;
    std::getline(in, name);
    return name + " (pid " + pid + ")";
  }
  return {};
}

std::vector<InheritedSocket> inherited_sockets() {
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(1, &names);
  std::vector<InheritedSocket> sockets;
  for (int i = 0; i < count; ++i) {
    const int descriptor = SD_LISTEN_FDS_START + i;
    ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    sockets.push_back(
        {names != nullptr && names[i] != nullptr ? names[i] : "smtp", net::ListeningSocket(descriptor)});
  }
  if (names != nullptr) {
    for (char** name = names; *name != nullptr; ++name) std::free(*name);
    std::free(names);
  }
  return sockets;
}

void notify_manager(const std::string& state) {
  ::sd_notify(0, state.c_str());
}

}  // namespace gatepost::gateway
