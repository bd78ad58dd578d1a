#include "gateway/callout_board.hpp"

#include <algorithm>

namespace gatepost::gateway {

bool CalloutBoard::begin(const std::string& domain, std::int64_t most) {
  const std::lock_guard lock(mutex_);
  if (static_cast<std::int64_t>(asked_.size()) >= most) return false;
  return asked_.try_emplace(domain).second;
}

bool CalloutBoard::choose(const std::string& domain, const base::IpAddress& server) {
  const std::lock_guard lock(mutex_);
  const auto others = std::count_if(asked_.begin(), asked_.end(), [&](const auto& asked) {
    return asked.second == server && asked.first != domain;
  });
  if (others >= most_per_server) return false;
  asked_[domain] = server;
  return true;
}

void CalloutBoard::end(const std::string& domain) {
  const std::lock_guard lock(mutex_);
  asked_.erase(domain);
}

bool CalloutBoard::asks(const std::string& domain, const base::IpAddress& server) const {
  const std::lock_guard lock(mutex_);
  const auto found = asked_.find(domain);
  return found != asked_.end() && found->second == server;
}

std::size_t CalloutBoard::open() const {
  const std::lock_guard lock(mutex_);
  return asked_.size();
}

}  // namespace gatepost::gateway
