// The memory's own time. It goes by the steady clock while the program runs, and over a restart by the wall
// clock, of which it believes a day at most: a wall clock that is put back or leaps ahead makes nothing last
// for ever, and takes a day of life from what is remembered at worst.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.hpp"

namespace gatepost::state {

/// Seconds of the memory's own time.
using Second = std::uint32_t;

/// The same moment on a clock that shows so many seconds more. 0, "never", stays so.
constexpr Second moved(Second moment, std::int64_t seconds) {
  if (moment == 0) return 0;
  return static_cast<Second>(std::clamp<std::int64_t>(moment + seconds, 1, UINT32_MAX));
}

class StateClock {
 public:
  /// What an earlier run left; a first one begins here, so that times before have numbers, too.
  static constexpr Second beginning = 1U << 25U;  // a year
  static constexpr std::chrono::hours longest_absence{24};

  explicit StateClock(const base::Clock& clock) : clock_(clock), begun_(clock.now()) {}

  /// Goes on where an earlier run was when the wall clock said `wall`. To be said before anybody asks.
  void resume(Second then, base::WallTime wall) {
    const auto away = std::clamp<base::WallTime::duration>(clock_.wall() - wall, {}, longest_absence);
    offset_ = then + static_cast<Second>(std::chrono::duration_cast<base::seconds>(away).count());
    begun_ = clock_.now();
  }
  Second now() const {
    return offset_ +
           static_cast<Second>(std::chrono::duration_cast<base::seconds>(clock_.now() - begun_).count());
  }
  /// For people.
  base::WallTime wall() const { return clock_.wall(); }

 private:
  const base::Clock& clock_;
  base::Instant begun_;
  Second offset_ = beginning;
};

}  // namespace gatepost::state
