// Time that only moves when told.
#pragma once

#include "core/base/clock.hpp"
#include "core/base/random.hpp"

namespace gatepost::tests {

class FakeClock final : public base::Clock {
 public:
  base::Instant now() const override { return now_; }
  base::WallTime wall() const override { return wall_; }
  /// The wall clock leaps; the steady one never does.
  void set_wall(base::WallTime wall) { wall_ = wall; }
  void advance(base::Millis by) {
    now_ += by;
    wall_ += by;
  }

 private:
  base::Instant now_{std::chrono::hours(1000)};
  base::WallTime wall_{std::chrono::seconds(1795213800)};  // Fri, 20 Nov 2026 22:30:00 UTC
};

/// Numbers in a row.
class FakeRandom final : public base::Random {
 public:
  std::uint64_t next() override { return ++last_; }

 private:
  std::uint64_t last_ = 0;
};

}  // namespace gatepost::tests
