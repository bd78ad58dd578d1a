#include "relay/learned.hpp"

#include <algorithm>
#include <functional>

namespace gatepost::relay {

Learned::Learned(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity / shard_count, 1)) {}

Learned::Shard& Learned::shard_of(const std::string& key) {
  return shards_[std::hash<std::string>{}(key) % shard_count];
}

std::string Learned::pair_key(const std::string& sender, const std::string& recipient) {
  return sender + '\0' + recipient;
}

/// Under the shard's lock.
void Learned::drop(Shard& shard, Found found) {
  shard.order.erase(found->second.place);
  shard.memories.erase(found);
  count_.fetch_sub(1, std::memory_order_relaxed);
}

/// A copy of what is known under `key`, if it has not expired.
std::optional<Learned::Memory> Learned::look(const std::string& key, base::Instant now, bool renew) {
  if (size() == 0) return std::nullopt;
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.memories.find(key);
  if (found == shard.memories.end()) return std::nullopt;
  if (found->second.until <= now) {
    drop(shard, found);
    return std::nullopt;
  }
  // Not for bounces, whose sender is everybody.
  if (renew && !key.starts_with('\0')) {
    found->second.until = std::min(now + base::Millis(pair_life), found->second.never_beyond);
    shard.order.splice(shard.order.end(), shard.order, found->second.place);
  }
  return found->second;
}

template <class Change>
void Learned::change(const std::string& key, base::Instant until, Change change) {
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.memories.find(key);
  if (found == shard.memories.end()) {
    if (shard.memories.size() >= capacity_) drop(shard, shard.memories.find(shard.order.front()));
    count_.fetch_add(1, std::memory_order_relaxed);
    shard.order.push_back(key);
    found = shard.memories.emplace(key, Memory{}).first;
    found->second.never_beyond = until + longest_renewal;
    found->second.place = std::prev(shard.order.end());
  }
  change(found->second);
  found->second.until = until;
}

void Learned::erase(const std::string& key) {
  if (size() == 0) return;
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.memories.find(key);
  if (found != shard.memories.end()) drop(shard, found);
}

Recollection Learned::recall(const std::string& sender, const std::string& recipient,
                             const std::vector<std::string>& accepted, base::Instant now) {
  if (size() == 0) return {};
  const auto key = pair_key(sender, recipient);
  const auto known = look(key, now, true);
  if (known && known->refusal) {
    if (known->once) erase(key);
    return {Recollection::Kind::refuse, *known->refusal};
  }
  if (const auto address = look(recipient, now, false); address && address->refusal) {
    return {Recollection::Kind::refuse, *address->refusal};
  }
  if (!known || known->group == 0) return {};
  if (known->step_back) {
    change(key, now + pair_life, [](Memory& memory) { memory.step_back = false; });
    return {Recollection::Kind::not_now, {}};
  }
  auto smallest = known->group;
  std::size_t together = 1;
  for (const auto& other : accepted) {
    const auto group = group_of(sender, other, now);
    if (group == 0) continue;
    ++together;
    smallest = std::min(smallest, group);
  }
  return {together <= smallest ? Recollection::Kind::nothing : Recollection::Kind::not_now, {}};
}

std::size_t Learned::group_of(const std::string& sender, const std::string& recipient, base::Instant now) {
  const auto known = look(pair_key(sender, recipient), now, false);
  return known ? known->group : 0;
}

bool Learned::is_suspect(const std::string& sender, const std::string& recipient, base::Instant now) {
  return group_of(sender, recipient, now) > 0;
}

void Learned::apply(const std::string& sender, const std::vector<std::string>& recipients,
                    const std::vector<Lesson>& lessons, base::Instant now) {
  for (const auto& lesson : lessons) {
    const auto& recipient = recipients[lesson.recipient];
    const auto key = pair_key(sender, recipient);
    const auto pair_until = now + pair_life;
    switch (lesson.kind) {
      case Lesson::Kind::cleared:
        erase(key);
        erase(recipient);
        break;
      case Lesson::Kind::refused:
      case Lesson::Kind::deferred_once:
        change(key, pair_until, [&](Memory& memory) {
          memory.refusal = lesson.reply;
          memory.once = lesson.kind == Lesson::Kind::deferred_once;
          memory.group = 0;
        });
        break;
      case Lesson::Kind::refused_address:
        change(recipient, now + address_life, [&](Memory& memory) { memory.refusal = lesson.reply; });
        break;
      case Lesson::Kind::suspect:
      case Lesson::Kind::suspect_deferred:
        // A 4xx that names nobody is halved down to its cause like a 5xx, but the others go first.
        change(key, pair_until, [&](Memory& memory) {
          const auto half = std::max<std::size_t>(lesson.group / 2, 1);
          memory.group = memory.group == 0 ? half : std::min(memory.group, half);
          memory.step_back = lesson.kind == Lesson::Kind::suspect_deferred;
        });
        break;
    }
  }
}

void Learned::forget(const std::unordered_set<std::string>& recipients) {
  if (size() == 0 || recipients.empty()) return;
  for (auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto it = shard.memories.begin(); it != shard.memories.end();) {
      const auto here = it++;
      const auto& key = here->first;  // of a pair, or of an address
      if (recipients.count(key.substr(key.find('\0') + 1)) > 0) drop(shard, here);
    }
  }
}

}  // namespace gatepost::relay
