#include "relay/learned.hpp"

#include <algorithm>
#include <functional>

#include "core/state/octets.hpp"

namespace gatepost::relay {
namespace {

constexpr state::Second in_seconds(base::seconds span) {
  return static_cast<state::Second>(span.count());
}

}  // namespace

Learned::Learned(std::size_t capacity, const base::HashKey& hash_key)
    : capacity_(std::max<std::size_t>(capacity / shard_count, 1)), hash_key_(hash_key) {}

Learned::Shard& Learned::shard_of(const std::string& key) {
  return shards_[std::hash<std::string>{}(key) % shard_count];
}

std::string Learned::pair_key(const std::string& sender, const std::string& recipient) {
  return sender + '\0' + recipient;
}

/// Under the shard's lock.
void Learned::drop(Shard& shard, Found found) {
  // It is to be erased in the store; but while nobody collects, that list grows no further, and what was
  // dropped stays there until it expires.
  if (shard.changed.size() < 2 * capacity_) {
    shard.changed.insert(found->first);
  } else {
    shard.changed.erase(found->first);
  }
  shard.order.erase(found->second.place);
  shard.memories.erase(found);
  count_.fetch_sub(1, std::memory_order_relaxed);
}

/// A copy of what is known under `key`, if it has not expired.
std::optional<Learned::Memory> Learned::look(const std::string& key, state::Second now, bool renew) {
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
    auto& memory = found->second;
    memory.until = std::min(now + in_seconds(pair_life), memory.never_beyond);
    if (memory.until >= memory.written_until + written_renewal) shard.changed.insert(key);
    shard.order.splice(shard.order.end(), shard.order, memory.place);
  }
  return found->second;
}

/// A new memory under `key`, in place of the oldest if need be. Under the shard's lock.
Learned::Found Learned::add(Shard& shard, const std::string& key) {
  if (shard.memories.size() >= capacity_) {
    drop(shard, shard.memories.find(shard.order.front()));
    evicted_.fetch_add(1, std::memory_order_relaxed);
  }
  count_.fetch_add(1, std::memory_order_relaxed);
  shard.order.push_back(key);
  const auto found = shard.memories.emplace(key, Memory{}).first;
  found->second.place = std::prev(shard.order.end());
  return found;
}

template <class Change>
void Learned::change(const std::string& key, state::Second until, Change change) {
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.memories.find(key);
  if (found == shard.memories.end()) {
    found = add(shard, key);
    found->second.never_beyond = until + in_seconds(longest_renewal);
  }
  change(found->second);
  found->second.until = until;
  shard.changed.insert(key);
}

void Learned::erase(const std::string& key) {
  if (size() == 0) return;
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.memories.find(key);
  if (found != shard.memories.end()) drop(shard, found);
}

Recollection Learned::recall(const std::string& sender, const std::string& recipient,
                             const std::vector<std::string>& accepted, state::Second now) {
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
    change(key, now + in_seconds(pair_life), [](Memory& memory) { memory.step_back = false; });
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

std::size_t Learned::group_of(const std::string& sender, const std::string& recipient, state::Second now) {
  const auto known = look(pair_key(sender, recipient), now, false);
  return known ? known->group : 0;
}

bool Learned::is_suspect(const std::string& sender, const std::string& recipient, state::Second now) {
  return group_of(sender, recipient, now) > 0;
}

void Learned::apply(const std::string& sender, const std::vector<std::string>& recipients,
                    const std::vector<Lesson>& lessons, state::Second now) {
  for (const auto& lesson : lessons) {
    const auto& recipient = recipients[lesson.recipient];
    const auto key = pair_key(sender, recipient);
    const auto pair_until = now + in_seconds(pair_life);
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
        change(recipient, now + in_seconds(address_life),
               [&](Memory& memory) { memory.refusal = lesson.reply; });
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

// ---- Durable

namespace {

constexpr char form = 1;  ///< of a row's value
enum Flag : unsigned { has_refusal = 1, is_once = 2, steps_back = 4 };

using state::put_number;

/// Reads a value; what lies beyond its end is bad.
struct Take {
  std::string_view rest;
  bool good = true;

  std::uint32_t number(unsigned octets) {
    auto text = string(octets);
    return good ? state::take_number(text, octets) : 0;
  }
  std::string_view string(std::size_t octets) {
    good = good && octets <= rest.size();
    if (!good) return {};
    const auto text = rest.substr(0, octets);
    rest.remove_prefix(octets);
    return text;
  }
};

}  // namespace

std::string Learned::encode(const std::string& key, const Memory& memory) {
  const auto& refusal = memory.refusal.value_or(smtp::BackendReply{});
  std::string value(1, form);
  put_number(value,
             (memory.refusal ? has_refusal : 0U) | (memory.once ? is_once : 0U) |
                 (memory.step_back ? steps_back : 0U),
             1);
  put_number(value, memory.group, 4);
  put_number(value, memory.until, 4);
  put_number(value, memory.never_beyond, 4);
  put_number(value, refusal.code, 2);
  put_number(value, refusal.enhanced.klass, 1);
  put_number(value, refusal.enhanced.subject, 2);
  put_number(value, refusal.enhanced.detail, 2);
  put_number(value, refusal.text.size(), 4);
  return value + refusal.text + key;
}

std::optional<std::pair<std::string, Learned::Memory>> Learned::decode(std::string_view value) {
  Take take{value};
  if (take.number(1) != form) return std::nullopt;
  Memory memory;
  const auto flags = take.number(1);
  memory.once = (flags & is_once) != 0;
  memory.step_back = (flags & steps_back) != 0;
  memory.group = take.number(4);
  memory.until = static_cast<state::Second>(take.number(4));
  memory.never_beyond = static_cast<state::Second>(take.number(4));
  memory.written_until = memory.until;
  smtp::BackendReply refusal;
  refusal.code = static_cast<std::uint16_t>(take.number(2));
  refusal.enhanced.klass = static_cast<std::uint8_t>(take.number(1));
  refusal.enhanced.subject = static_cast<std::uint16_t>(take.number(2));
  refusal.enhanced.detail = static_cast<std::uint16_t>(take.number(2));
  refusal.text = take.string(take.number(4));
  if ((flags & has_refusal) != 0) memory.refusal = std::move(refusal);
  if (!take.good || take.rest.empty()) return std::nullopt;
  return std::pair(std::string(take.rest), std::move(memory));
}

std::string Learned::describe(std::string_view value, state::Second) const {
  const auto known = decode(value);
  if (!known) return {};
  const auto& memory = known->second;
  if (memory.refusal)
    return "the backend says " + memory.refusal->line() + (memory.once ? " (once more)" : "");
  return "suspect, at most " + std::to_string(memory.group) + " together";
}

std::optional<std::string> Learned::moved(std::string_view value, std::int64_t seconds) const {
  auto known = decode(value);
  if (!known) return std::nullopt;
  auto& [key, memory] = *known;
  memory.until = state::moved(memory.until, seconds);
  memory.never_beyond = state::moved(memory.never_beyond, seconds);
  return encode(key, memory);
}

state::TableUse Learned::use() const {
  state::TableUse use;
  use.capacity = capacity_ * shard_count;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    use.entries += shard.memories.size();
    for (const auto& [key, memory] : shard.memories) {
      // The key stands in the list, too; and each of the two has its node.
      use.bytes += 2 * (sizeof(std::string) + key.capacity()) + sizeof(Memory) + 6 * sizeof(void*);
      if (memory.refusal) use.bytes += memory.refusal->text.capacity();
    }
  }
  use.evicted = evicted_.load(std::memory_order_relaxed);
  return use;
}

void Learned::collect(state::Batch& batch, std::size_t most) {
  constexpr std::size_t at_once = 256;  // under one lock
  const auto until = batch.size() + most;
  for (std::size_t i = 0; i < shard_count && batch.size() < until; ++i) {
    auto& shard = shards_[(next_collected_ + i) % shard_count];
    const std::lock_guard lock(shard.mutex);
    for (auto left = std::min(at_once, until - batch.size()); left > 0 && !shard.changed.empty(); --left) {
      const auto key = std::move(shard.changed.extract(shard.changed.begin()).value());
      const auto found = shard.memories.find(key);
      const auto hash = base::siphash128(hash_key_, key);
      if (found == shard.memories.end()) {
        batch.erased.push_back({std::string(table()), hash});
        continue;
      }
      auto& memory = found->second;
      memory.written_until = memory.until;
      batch.rows.push_back({std::string(table()), hash, key, encode(key, memory), memory.until});
    }
  }
  ++next_collected_;
}

bool Learned::restore(const state::Row& row) {
  auto read = decode(row.value);
  if (!read) return false;
  auto& [key, memory] = *read;
  auto& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.memories.find(key);
  if (found == shard.memories.end()) found = add(shard, key);
  memory.place = found->second.place;
  found->second = std::move(memory);
  return true;
}

/// Keys are not looked for by their hashes in mail's way, so that an admin's wish may take a walk.
bool Learned::forget(const state::Key& wanted) {
  for (auto& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto it = shard.memories.begin(); it != shard.memories.end(); ++it) {
      if (base::siphash128(hash_key_, it->first) != wanted) continue;
      drop(shard, it);
      return true;
    }
  }
  return false;
}

}  // namespace gatepost::relay
