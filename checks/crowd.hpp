// Who is here now: the open sessions of each client, exact to the one, whatever thread they are on. It holds
// an entry per client that has a session open, and so is bounded by the sessions.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/siphash.hpp"

namespace gatepost::checks {

class Crowd {
 public:
  explicit Crowd(const base::HashKey& hash_key) : hash_key_(hash_key) {}
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  /// A session's place among those of its client, given back when it goes. The crowd outlives it.
  class Place {
   public:
    Place(Place&& other) noexcept : crowd_(std::exchange(other.crowd_, nullptr)), key_(other.key_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(crowd_, other.crowd_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Place() {
      if (crowd_ != nullptr) crowd_->leave(key_);
    }

   private:
    friend class Crowd;
    Place(Crowd& crowd, const base::Hash128& key) : crowd_(&crowd), key_(key) {}
    Crowd* crowd_;
    base::Hash128 key_;
  };

  /// Nothing if `most` are there already; who has no place does not count.
  std::optional<Place> enter(std::string_view client, std::uint32_t most);
  /// How many of this client are there.
  std::uint32_t of(std::string_view client) const;
  /// How many clients have a place.
  std::size_t clients() const;

 private:
  static constexpr std::size_t shard_count = 64;
  struct KeyHash {
    std::size_t operator()(const base::Hash128& key) const { return static_cast<std::size_t>(key.low); }
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<base::Hash128, std::uint32_t, KeyHash> open;
  };
  void leave(const base::Hash128& key);
  Shard& shard_of(const base::Hash128& key) { return shards_[key.high >> 58U]; }
  const Shard& shard_of(const base::Hash128& key) const { return shards_[key.high >> 58U]; }

  const base::HashKey hash_key_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace gatepost::checks
