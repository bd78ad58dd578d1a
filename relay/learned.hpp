// What backends' refusals have taught, in memory: bounded, expiring, and shared by all threads in shards; the
// store behind it keeps it over a restart. No key holds the client's address, since retries come from other
// ones.
#pragma once

#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/state/durable.hpp"
#include "relay/outcome.hpp"

namespace gatepost::relay {

/// What is remembered of a recipient when it is named again.
struct Recollection {
  enum class Kind {
    nothing,
    refuse,   ///< repeat `reply` (4xx or 5xx)
    not_now,  ///< a suspect whose turn is later: 452
  };
  Kind kind = Kind::nothing;
  smtp::BackendReply reply;
};

class Learned final : public state::Durable {
 public:
  /// What is asked for again and again is renewed for so long, then the backend is asked anew.
  static constexpr base::seconds longest_renewal{std::chrono::hours{24 * 7}};
  /// A (sender, recipient)'s refusal, renewed on each hit.
  static constexpr base::seconds pair_life{std::chrono::hours{36}};
  /// An address's, for every sender.
  static constexpr base::seconds address_life{std::chrono::hours{1}};

  /// `hash_key`: of the store.
  explicit Learned(std::size_t capacity, const base::HashKey& hash_key = {});

  /// Keys are lower-case addresses; the sender's is empty for the null reverse-path. `accepted`: the
  /// recipients accepted so far in the transaction. A 4xx that is repeated is forgotten thereby.
  Recollection recall(const std::string& sender, const std::string& recipient,
                      const std::vector<std::string>& accepted, state::Second now);
  /// Is the pair under suspicion?
  bool is_suspect(const std::string& sender, const std::string& recipient, state::Second now);

  /// `recipients`: keys, in the order that the lessons' indices mean.
  void apply(const std::string& sender, const std::vector<std::string>& recipients,
             const std::vector<Lesson>& lessons, state::Second now);
  /// Forgets all about an address, e.g. since a directory knows it again.
  void forget(const std::unordered_set<std::string>& recipients);

  std::size_t size() const { return count_.load(std::memory_order_relaxed); }

  // Durable. Rows are named "<sender>\0<recipient>", or "<recipient>" for what counts for every sender.
  std::string_view table() const override { return "learned"; }
  bool survives() const override { return true; }
  state::TableUse use() const override;
  void collect(state::Batch& batch, std::size_t most) override;
  bool restore(const state::Row& row) override;
  bool forget(const state::Key& key) override;
  std::string describe(std::string_view value, state::Second now) const override;
  std::optional<std::string> moved(std::string_view value, std::int64_t seconds) const override;

 private:
  struct Memory {
    std::optional<smtp::BackendReply> refusal;
    bool once = false;       ///< the refusal is repeated only once
    std::size_t group = 0;   ///< how many suspects may go together; 0: no suspect
    bool step_back = false;  ///< lets others go first at the next try
    state::Second until = 0;
    state::Second never_beyond = 0;   ///< however often it is renewed
    state::Second written_until = 0;  ///< as the store has it
    std::list<std::string>::iterator place;
  };
  /// The oldest memories go first when a shard is full.
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Memory> memories;
    std::list<std::string> order;
    std::unordered_set<std::string> changed;  ///< to be written, or erased if it is not there any more
  };
  static constexpr std::size_t shard_count = 64;

  /// A renewal is worth writing from here on.
  static constexpr state::Second written_renewal = 3600;

  using Found = std::unordered_map<std::string, Memory>::iterator;
  void drop(Shard& shard, Found found);
  Shard& shard_of(const std::string& key);
  Found add(Shard& shard, const std::string& key);
  static std::string encode(const std::string& key, const Memory& memory);
  static std::optional<std::pair<std::string, Memory>> decode(std::string_view value);
  static std::string pair_key(const std::string& sender, const std::string& recipient);
  std::optional<Memory> look(const std::string& key, state::Second now, bool renew);
  std::size_t group_of(const std::string& sender, const std::string& recipient, state::Second now);
  template <class Change>
  void change(const std::string& key, state::Second until, Change change);
  void erase(const std::string& key);

  const std::size_t capacity_;  ///< of a shard
  const base::HashKey hash_key_;
  std::atomic<std::size_t> count_{0};  ///< usually 0: then nobody looks any further
  std::atomic<std::uint64_t> evicted_{0};
  std::array<Shard, shard_count> shards_;
  std::size_t next_collected_ = 0;  ///< collect() is the writer's alone
};

}  // namespace gatepost::relay
