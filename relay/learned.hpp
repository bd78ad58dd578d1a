// What backends' refusals have taught, in memory: bounded, expiring, and shared by all threads in shards. No
// key holds the client's address, since retries come from other ones.
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

#include "core/base/clock.hpp"
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

class Learned {
 public:
  /// What is asked for again and again is renewed for so long, then the backend is asked anew.
  static constexpr std::chrono::hours longest_renewal{24 * 7};
  static constexpr std::chrono::hours pair_life{
      36};  ///< a (sender, recipient)'s refusal, renewed on each hit
  static constexpr std::chrono::hours address_life{1};  ///< an address's, for every sender

  explicit Learned(std::size_t capacity);

  /// Keys are lower-case addresses; the sender's is empty for the null reverse-path. `accepted`: the
  /// recipients accepted so far in the transaction. A 4xx that is repeated is forgotten thereby.
  Recollection recall(const std::string& sender, const std::string& recipient,
                      const std::vector<std::string>& accepted, base::Instant now);
  /// Is the pair under suspicion?
  bool is_suspect(const std::string& sender, const std::string& recipient, base::Instant now);

  /// `recipients`: keys, in the order that the lessons' indices mean.
  void apply(const std::string& sender, const std::vector<std::string>& recipients,
             const std::vector<Lesson>& lessons, base::Instant now);
  /// Forgets all about an address, e.g. since a directory knows it again.
  void forget(const std::unordered_set<std::string>& recipients);

  std::size_t size() const { return count_.load(std::memory_order_relaxed); }

 private:
  struct Memory {
    std::optional<smtp::BackendReply> refusal;
    bool once = false;       ///< the refusal is repeated only once
    std::size_t group = 0;   ///< how many suspects may go together; 0: no suspect
    bool step_back = false;  ///< lets others go first at the next try
    base::Instant until{};
    base::Instant never_beyond{};  ///< however often it is renewed
    std::list<std::string>::iterator place;
  };
  /// The oldest memories go first when a shard is full.
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Memory> memories;
    std::list<std::string> order;
  };
  static constexpr std::size_t shard_count = 64;

  using Found = std::unordered_map<std::string, Memory>::iterator;
  void drop(Shard& shard, Found found);
  Shard& shard_of(const std::string& key);
  static std::string pair_key(const std::string& sender, const std::string& recipient);
  std::optional<Memory> look(const std::string& key, base::Instant now, bool renew);
  std::size_t group_of(const std::string& sender, const std::string& recipient, base::Instant now);
  template <class Change>
  void change(const std::string& key, base::Instant until, Change change);
  void erase(const std::string& key);

  std::size_t capacity_;
  std::atomic<std::size_t> count_{0};  ///< usually 0: then nobody looks any further
  std::array<Shard, shard_count> shards_;
};

}  // namespace gatepost::relay
