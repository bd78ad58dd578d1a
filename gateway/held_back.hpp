// How many sessions are held back on purpose, in all threads: so many and no more, since each keeps its
// connection and its place among the sessions.
#pragma once

#include <atomic>
#include <cstdint>

namespace gatepost::gateway {

class HeldBack {
 public:
  /// A session's place among those held back, or none since there are too many.
  class Place {
   public:
    Place(HeldBack& all, std::int64_t most) : all_(all), held_(all.enter(most)) {}
    ~Place() {
      if (held_) all_.now_.fetch_sub(1, std::memory_order_relaxed);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    explicit operator bool() const { return held_; }

   private:
    HeldBack& all_;
    bool held_;
  };

  std::int64_t now() const { return now_.load(std::memory_order_relaxed); }
  /// How often a session was answered at once since too many were held back.
  std::uint64_t skipped() const { return skipped_.load(std::memory_order_relaxed); }

 private:
  bool enter(std::int64_t most) {
    if (now_.fetch_add(1, std::memory_order_relaxed) < most) return true;
    now_.fetch_sub(1, std::memory_order_relaxed);
    skipped_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }

  std::atomic<std::int64_t> now_{0};
  std::atomic<std::uint64_t> skipped_{0};
};

}  // namespace gatepost::gateway
