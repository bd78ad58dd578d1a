// How much memory messages may take in all sessions together. A budget refuses nothing by itself: whoever
// reads messages asks for the level and reacts (spill to disk, 452, 421).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gatepost::base {

/// The cap shared by all threads. Threads take from it in slices (MemorySlice).
class MemoryBudget {
 public:
  enum class Level {
    plenty,  ///< below half of the cap
    tight,   ///< half or more: large messages go to disk earlier
    full,    ///< 90 % or more: no new message
  };
  explicit MemoryBudget(std::size_t cap) : cap_(cap) {}

  Level level() const {
    const auto used = used_.load(std::memory_order_relaxed);
    if (used >= cap_ / 10 * 9) return Level::full;
    return used >= cap_ / 2 ? Level::tight : Level::plenty;
  }
  bool exhausted() const { return used_.load(std::memory_order_relaxed) >= cap_; }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t cap() const { return cap_; }

 private:
  friend class MemorySlice;
  const std::size_t cap_;
  alignas(64) std::atomic<std::size_t> used_{0};
};

/// One thread's view of the budget; touches the shared counter once per `step` bytes of change.
class MemorySlice {
 public:
  static constexpr std::size_t step = 1 << 20;
  explicit MemorySlice(MemoryBudget& budget) : budget_(budget) {}
  ~MemorySlice() { budget_.used_.fetch_sub(held_, std::memory_order_relaxed); }
  MemorySlice(const MemorySlice&) = delete;
  MemorySlice& operator=(const MemorySlice&) = delete;

  void take(std::size_t bytes) {
    used_ += bytes;
    if (used_ > held_) settle();
  }
  void give(std::size_t bytes) {
    used_ -= bytes;
    if (held_ - used_ > 2 * step) settle();
  }
  /// Gives back what was taken ahead but for a step: many idle threads must not fill the budget.
  void trim() {
    if (held_ - used_ >= step) settle();
  }
  MemoryBudget::Level level() const { return budget_.level(); }
  bool exhausted() const { return budget_.exhausted(); }

 private:
  void settle() {
    const auto wanted = (used_ + step - 1) / step * step;
    if (wanted > held_) {
      budget_.used_.fetch_add(wanted - held_, std::memory_order_relaxed);
    } else {
      budget_.used_.fetch_sub(held_ - wanted, std::memory_order_relaxed);
    }
    held_ = wanted;
  }

  MemoryBudget& budget_;
  std::size_t used_ = 0;
  std::size_t held_ = 0;
};

}  // namespace gatepost::base
