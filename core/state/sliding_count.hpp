// How often something happened within a window of time that slides: 12 octets for each.
#pragma once

#include <algorithm>
#include <array>
#include <limits>

#include "core/state/state_clock.hpp"

namespace gatepost::state {

/// Counts by thirds of the window. The third that is on its way out of the window counts by the share that is
/// still within, as if what it holds had come evenly: the count is off by less than what that one third
/// holds, and lies between what came in the last 2/3 of the window and what came in the last 4/3. What comes
/// evenly is counted exactly.
///
/// `window` is in seconds, at least 3; with another window than before the count begins anew.
class SlidingCount {
 public:
  /// A third of the window holds 65535 at most.
  static constexpr std::uint32_t most = std::numeric_limits<std::uint16_t>::max();

  void add(Second now, Second window) {
    move_to(third_of(now, window));
    if (thirds_[0] < most) ++thirds_[0];
  }

  std::uint32_t in(Second now, Second window) const {
    const auto newest = third_of(now, window);
    if (newest < newest_ || newest - newest_ >= thirds_.size()) return 0;
    const auto age = newest - newest_;
    std::uint32_t count = 0;
    for (std::size_t i = 0; i + age < 3; ++i) count += thirds_[i];
    const auto gone = static_cast<std::uint32_t>(std::uint64_t{now} * 3 % window);
    const auto leaving = std::uint64_t{thirds_[3 - age]} * (window - gone) / window;
    return count + static_cast<std::uint32_t>(leaving);
  }

  /// Seconds until less than `limit` (1 at least) are counted, if nothing is added; 0: that is so now.
  Second until_below(std::uint32_t limit, Second now, Second window) const {
    Second low = 0;  // by then it may still be too much
    Second high = 2 * window;
    if (in(now, window) < limit) return 0;
    while (high - low > 1) {
      const auto middle = low + (high - low) / 2;
      (in(now + middle, window) < limit ? high : low) = middle;
    }
    return high;
  }

  /// All that it holds, whatever the window: what is worth more was counted oftener.
  std::uint32_t total() const {
    std::uint32_t sum = 0;
    for (const auto third : thirds_) sum += third;
    return sum;
  }

 private:
  static std::uint32_t third_of(Second now, Second window) {
    return static_cast<std::uint32_t>(std::uint64_t{now} * 3 / window);
  }
  void move_to(std::uint32_t newest) {
    const auto by = newest < newest_ ? thirds_.size() : std::min<std::size_t>(newest - newest_, 4);
    newest_ = newest;
    if (by == 0) return;
    std::copy_backward(thirds_.begin(), thirds_.end() - static_cast<std::ptrdiff_t>(by), thirds_.end());
    std::fill_n(thirds_.begin(), by, std::uint16_t{0});
  }

  std::uint32_t newest_ = 0;               ///< thirds of the window since the beginning of time
  std::array<std::uint16_t, 4> thirds_{};  ///< the newest first
};

}  // namespace gatepost::state
