// Time as the program sees it. Everything that reads a clock takes a Clock, so that tests own time.
#pragma once

#include <chrono>

namespace gatepost::base {

using Instant = std::chrono::steady_clock::time_point;   ///< for deadlines and durations; never shown
using WallTime = std::chrono::system_clock::time_point;  ///< for people: logs, trace fields, pages
using Millis = std::chrono::milliseconds;
using std::chrono::seconds;

/// Source of time. Implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wall() const = 0;
};

/// The machine's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME).
class SystemClock final : public Clock {
 public:
  Instant now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

}  // namespace gatepost::base
