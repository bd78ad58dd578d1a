// A bounded table of remembered things, shared by all threads in shards with one short mutex each. Names are
// kept as keyed hashes only: an entry costs the same whatever strangers call themselves. When it is full, the
// one of eight that is worth least makes way.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/state/durable.hpp"

namespace gatepost::state {

/// `Record` is a value with
///   static constexpr bool survives          it is to be written to the store
///   static constexpr bool newcomers_yield   a new one is not taken where the one to make way is worth as
///                                           much
///   Second expires() const                  gone from then on
///   unsigned worth(Second now) const        what is worth less makes way first
/// and, if it survives,
///   std::string encode() const
///   static std::optional<Record> decode(std::string_view)
///   std::string describe(Second now) const  for people, see Durable; may be missing
///   static constexpr std::chrono::seconds may_wait   see Durable; may be missing
///   void move(std::int64_t seconds)         moves all its moments with state::moved(); where it is missing,
///                                           no row can be imported from another clock
template <class Record>
class Table final : public Durable {
 public:
  /// As many entries as fit into `bytes`, at least a few per shard.
  Table(std::string_view name, const base::HashKey& hash_key, std::size_t bytes)
      : name_(name),
        hash_key_(hash_key),
        capacity_(std::max<std::size_t>(bytes / entry_bytes / shard_count, 16)) {}

  /// A copy of what is known under `name`.
  std::optional<Record> find(std::string_view name, Second now) const {
    const auto key = key_of(name);
    auto& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.find(key);
    if (at == none || shard.slots[at].record.expires() <= now) return std::nullopt;
    return shard.slots[at].record;
  }

  /// Calls `change(record)` for what is known under `name`, or for a new record. It runs under a lock: it is
  /// short and takes no other. False: it could not be stored, since all that could make way is worth more.
  template <class Change>
  bool update(std::string_view name, Second now, Change change) {
    const auto key = key_of(name);
    auto& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    auto at = shard.find(key);
    if (at != none) {
      auto& record = shard.slots[at].record;
      if (record.expires() <= now) {
        record = Record{};
        note_name(shard, at, name);  // the store may have thrown it away by now
      }
      change(record);
    } else {
      Record record{};
      change(record);
      at = place(shard, key, std::move(record), now);
      if (at == none) return false;
      note_name(shard, at, name);
    }
    note_change(shard, at);
    return true;
  }

  /// Forgets what is known under `name`.
  bool erase(std::string_view name) { return forget(key_of(name)); }

  Key key_of(std::string_view name) const { return base::siphash128(hash_key_, name); }

  // Durable
  std::string_view table() const override { return name_; }
  bool survives() const override { return Record::survives; }
  std::chrono::seconds may_wait() const override {
    if constexpr (requires { Record::may_wait; }) return Record::may_wait;
    return std::chrono::seconds(0);
  }
  TableUse use() const override {
    TableUse use;
    use.capacity = capacity_ * shard_count;
    for (const auto& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      use.entries += shard.slots.size() - shard.free.size();
      use.bytes += shard.slots.capacity() * sizeof(Slot) + shard.buckets.capacity() * sizeof(std::uint32_t);
    }
    use.evicted = evicted_.load(std::memory_order_relaxed);
    use.refused = refused_.load(std::memory_order_relaxed);
    return use;
  }

  void collect(Batch& batch, std::size_t most) override {
    if constexpr (Record::survives) {
      const auto until = batch.size() + most;
      for (std::size_t i = 0; i < shard_count && batch.size() < until; ++i) {
        auto& shard = shards_[(next_collected_ + i) % shard_count];
        const std::lock_guard lock(shard.mutex);
        collect(shard, batch, std::min(until - batch.size(), at_once));
      }
      ++next_collected_;
    }
  }

  bool restore(const Row& row) override {
    if constexpr (Record::survives) {
      auto record = Record::decode(row.value);
      if (!record) return false;
      auto& shard = shard_of(row.key);
      const std::lock_guard lock(shard.mutex);
      const auto at = shard.find(row.key);
      if (at != none) {
        shard.slots[at].record = std::move(*record);
      } else {
        place(shard, row.key, std::move(*record), 0);
      }
      return true;
    } else {
      return false;
    }
  }

  bool forget(const Key& key) override {
    auto& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.find(key);
    if (at == none) return false;
    remove(shard, at);
    return true;
  }

  std::optional<std::string> moved(std::string_view value, std::int64_t seconds) const override {
    if constexpr (Record::survives) {
      auto record = Record::decode(value);
      if (!record) return std::nullopt;
      if (seconds == 0) return std::string(value);
      if constexpr (requires { record->move(seconds); }) {
        record->move(seconds);
        return record->encode();
      }
    }
    return std::nullopt;
  }
  std::string describe(std::string_view value, Second now) const override {
    if constexpr (Record::survives && requires(const Record& r) { r.describe(now); }) {
      const auto record = Record::decode(value);
      return record ? record->describe(now) : std::string();
    } else {
      return {};
    }
  }

 private:
  static constexpr std::size_t shard_count = 64;
  static constexpr std::uint32_t none = ~0U;
  /// Looked at to find one that makes way.
  static constexpr std::size_t sample = 8;
  /// Collected under one lock.
  static constexpr std::size_t at_once = 256;
  /// Names not written yet, and erasures, per shard: beyond that, rows have no name, or stay until they
  /// expire.
  static constexpr std::size_t most_names = 256;
  static constexpr std::size_t most_erased = 1024;

  struct Slot {
    Key key;
    Record record;
    std::uint32_t next = none;  ///< in its bucket
    bool used = false;
    bool changed = false;  ///< and listed as such
  };
  /// With its places in the buckets and in the lists of what is free and what has changed.
  static constexpr std::size_t entry_bytes = sizeof(Slot) + 4 * sizeof(std::uint32_t);

  struct Shard {
    mutable std::mutex mutex;
    std::vector<std::uint32_t> buckets;  ///< a power of two of them
    std::vector<Slot> slots;
    std::vector<std::uint32_t> free;
    std::vector<std::uint32_t> changed;
    std::unordered_map<std::uint32_t, std::string> names;  ///< of slots not written yet
    std::vector<Key> erased;
    std::size_t hand = 0;

    std::uint32_t& bucket(const Key& key) { return buckets[key.low & (buckets.size() - 1)]; }
    std::uint32_t find(const Key& key) const {
      if (buckets.empty()) return none;
      auto at = buckets[key.low & (buckets.size() - 1)];
      while (at != none && slots[at].key != key) at = slots[at].next;
      return at;
    }
    void link(std::uint32_t at) {
      auto& head = bucket(slots[at].key);
      slots[at].next = std::exchange(head, at);
    }
    void unlink(std::uint32_t at) {
      auto* link = &bucket(slots[at].key);
      while (*link != at) link = &slots[*link].next;
      *link = slots[at].next;
    }
  };

  Shard& shard_of(const Key& key) const { return shards_[key.high >> 58U]; }

  /// A slot for a new record, if need be that of one that is worth less.
  std::uint32_t place(Shard& shard, const Key& key, Record record, Second now) {
    std::uint32_t at = none;
    if (!shard.free.empty()) {
      at = shard.free.back();
      shard.free.pop_back();
    } else if (shard.slots.size() < capacity_) {
      at = static_cast<std::uint32_t>(shard.slots.size());
      grow(shard);
      shard.slots.emplace_back();
    } else {
      at = make_way(shard, record, now);
      if (at == none) return none;
    }
    auto& slot = shard.slots[at];
    slot.key = key;
    slot.record = std::move(record);
    slot.used = true;
    shard.link(at);
    return at;
  }

  void grow(Shard& shard) {
    if (shard.slots.size() == shard.slots.capacity())
      shard.slots.reserve(std::min(std::max<std::size_t>(shard.slots.size() * 2, 16), capacity_));
    if (shard.slots.size() < shard.buckets.size()) return;
    shard.buckets.assign(std::max<std::size_t>(shard.buckets.size() * 2, 16), none);
    for (std::uint32_t at = 0; at < shard.slots.size(); ++at) {
      if (shard.slots[at].used) shard.link(at);
    }
  }

  /// Removes the one of the next few that is worth least, of such as are worth the same that which expires
  /// first.
  std::uint32_t make_way(Shard& shard, const Record& newcomer, Second now) {
    const auto worth = [now](const Record& r) { return r.expires() <= now ? 0U : 1 + r.worth(now); };
    std::uint32_t least = none;
    for (std::size_t i = 0; i < sample; ++i) {
      const auto at = static_cast<std::uint32_t>(shard.hand++ % shard.slots.size());
      const auto& record = shard.slots[at].record;
      if (least == none ||
          std::pair(worth(record), record.expires()) <
              std::pair(worth(shard.slots[least].record), shard.slots[least].record.expires()))
        least = at;
    }
    const auto lowest = worth(shard.slots[least].record);
    const auto own = worth(newcomer);
    if (lowest > own || (lowest == own && Record::newcomers_yield)) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return none;
    }
    if (lowest > 0) evicted_.fetch_add(1, std::memory_order_relaxed);
    remove(shard, least);
    shard.free.pop_back();
    return least;
  }

  void remove(Shard& shard, std::uint32_t at) {
    shard.unlink(at);
    auto& slot = shard.slots[at];
    slot.used = false;
    slot.record = Record{};
    shard.free.push_back(at);
    if constexpr (Record::survives) {
      // What was never written need not be erased.
      if (shard.names.erase(at) == 0 && shard.erased.size() < most_erased) shard.erased.push_back(slot.key);
    }
  }

  void note_name(Shard& shard, std::uint32_t at, std::string_view name) {
    if constexpr (Record::survives) {
      if (shard.names.size() < most_names) shard.names.emplace(at, name);
    }
  }

  void note_change(Shard& shard, std::uint32_t at) {
    if constexpr (Record::survives) {
      if (!std::exchange(shard.slots[at].changed, true)) shard.changed.push_back(at);
    }
  }

  void collect(Shard& shard, Batch& batch, std::size_t most) {
    for (auto& key : shard.erased) batch.erased.push_back({std::string(name_), key});
    shard.erased.clear();
    // The oldest changes first: what is written must not wait for what comes.
    const auto first = shard.changed.begin();
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(most, shard.changed.size()));
    for (auto changed = first; changed != last; ++changed) {
      const auto at = *changed;
      auto& slot = shard.slots[at];
      slot.changed = false;
      if (!slot.used) continue;
      Row row{std::string(name_), slot.key, {}, slot.record.encode(), slot.record.expires()};
      if (const auto found = shard.names.find(at); found != shard.names.end()) {
        row.name = std::move(found->second);
        shard.names.erase(found);
      }
      batch.rows.push_back(std::move(row));
    }
    shard.changed.erase(first, last);
  }

  const std::string_view name_;
  const base::HashKey hash_key_;
  const std::size_t capacity_;  ///< of a shard
  mutable std::array<Shard, shard_count> shards_;
  std::atomic<std::uint64_t> evicted_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::size_t next_collected_ = 0;  ///< collect() is the writer's alone
};

}  // namespace gatepost::state
