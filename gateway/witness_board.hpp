// What has become of the witnesses that refusals rest on (DNS lists, the resolver): shared by all threads.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "checks/witness.hpp"
#include "core/base/clock.hpp"

namespace gatepost::gateway {

/// One witness. It outlives reloads.
class WitnessState {
 public:
  /// An examination holds so long, good or bad.
  static constexpr base::Millis holds{60000};
  static constexpr base::Millis holds_if_failed{5000};

  bool suspended() const { return suspended_.load(std::memory_order_relaxed); }
  bool passed_lately(base::Instant now) const { return within(passed_at_, now, holds); }
  bool failed_lately(base::Instant now) const { return within(failed_at_, now, holds_if_failed); }
  bool examined_within(base::Instant now, base::Millis span) const {
    return within(passed_at_, now, span) || within(failed_at_, now, span);
  }
  bool failed_since(base::Instant when) const {
    const auto ticks = failed_at_.load(std::memory_order_relaxed);
    return ticks != 0 && base::Instant(base::Instant::duration(ticks)) > when;
  }
  /// So often it failed or gave itself away.
  unsigned failures() const { return failures_.load(std::memory_order_relaxed); }
  std::string why() const;
  /// When it came to be trusted or not, as it is now; nothing before the first examination.
  std::optional<base::Instant> since() const;

  void pass(base::Instant now);
  /// Failed, or gave itself away: suspended from now on.
  void fail(base::Instant now, std::string_view why);

 private:
  using Ticks = std::atomic<base::Instant::rep>;
  void note_change(base::Instant now, bool suspended);
  static bool within(const Ticks& at, base::Instant now, base::Millis span) {
    const auto ticks = at.load(std::memory_order_relaxed);
    return ticks != 0 && now - base::Instant(base::Instant::duration(ticks)) < span;
  }

  std::atomic<bool> suspended_{false};
  std::atomic<unsigned> failures_{0};
  Ticks passed_at_{0};
  Ticks failed_at_{0};
  Ticks since_{0};
  mutable std::mutex mutex_;
  std::string why_;
};

class WitnessBoard {
 public:
  /// The state of the witness of that name; made if nobody knows it yet.
  std::shared_ptr<WitnessState> of(const std::string& name) const;

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<WitnessState>> states_;
};

}  // namespace gatepost::gateway
