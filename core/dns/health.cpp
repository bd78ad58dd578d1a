#include "core/dns/health.hpp"

#include <algorithm>

namespace gatepost::dns {

std::string ServerHealth::last_failure() const {
  const std::lock_guard lock(mutex_);
  return last_failure_;
}

void ServerHealth::note_failure(std::string why) {
  const std::lock_guard lock(mutex_);
  last_failure_ = std::move(why);
}

std::shared_ptr<ServerHealth> ResolverHealth::of(const base::Endpoint& server) {
  const std::lock_guard lock(mutex_);
  const auto known = std::find_if(servers_.begin(), servers_.end(),
                                  [name = server.to_string()](const auto& one) { return one->name == name; });
  return known != servers_.end() ? *known : servers_.emplace_back(std::make_shared<ServerHealth>(server));
}

std::vector<std::shared_ptr<const ServerHealth>> ResolverHealth::servers() const {
  const std::lock_guard lock(mutex_);
  return {servers_.begin(), servers_.end()};
}

}  // namespace gatepost::dns
