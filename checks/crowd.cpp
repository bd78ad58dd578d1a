#include "checks/crowd.hpp"

namespace gatepost::checks {

std::optional<Crowd::Place> Crowd::enter(std::string_view client, std::uint32_t most) {
  const auto key = base::siphash128(hash_key_, client);
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.open.try_emplace(key, 0).first;
  if (found->second >= most) {
    if (found->second == 0) shard.open.erase(found);
    return std::nullopt;
  }
  ++found->second;
  return Place(*this, key);
}

void Crowd::leave(const base::Hash128& key) {
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.open.find(key);
  if (--found->second == 0) shard.open.erase(found);
}

std::uint32_t Crowd::of(std::string_view client) const {
  const auto key = base::siphash128(hash_key_, client);
  const auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.open.find(key);
  return found == shard.open.end() ? 0 : found->second;
}

std::size_t Crowd::clients() const {
  std::size_t all = 0;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    all += shard.open.size();
  }
  return all;
}

}  // namespace gatepost::checks
