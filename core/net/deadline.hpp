// Until when a session may wait, and how it is woken early. There is no timer per operation: each thread
// sweeps its sessions every 250 ms and calls check(now).
#pragma once

#include "core/base/clock.hpp"

namespace gatepost::net {

/// Something a session waits on, that can be told to stop.
class Waiter {
 public:
  virtual void stop_waiting() = 0;

 protected:
  ~Waiter() = default;
};

/// Why a wait ended without what it waited for.
enum class Interrupt {
  none,
  expired,   ///< the time set here is over
  hung_up,   ///< the client vanished
  shutdown,  ///< the program stops
};

/// One per session. Whatever the session waits on attaches itself; an interruption that comes while nothing
/// waits is remembered and ends the next wait at once.
class Deadline {
 public:
  void set(base::Instant when) { when_ = when; }
  void never() { when_ = base::Instant::max(); }
  base::Instant when() const { return when_; }

  Interrupt interrupted() const { return interrupt_; }
  void interrupt(Interrupt why) {
    if (interrupt_ != Interrupt::none) return;
    interrupt_ = why;
    if (waiter_ != nullptr) waiter_->stop_waiting();
  }
  /// Forgets an interruption that has been dealt with.
  void clear() { interrupt_ = Interrupt::none; }

  /// Called by the sweep.
  void check(base::Instant now) {
    if (now >= when_) interrupt(Interrupt::expired);
  }

  void attach(Waiter& waiter) { waiter_ = &waiter; }
  void detach() { waiter_ = nullptr; }

 private:
  base::Instant when_ = base::Instant::max();
  Interrupt interrupt_ = Interrupt::none;
  Waiter* waiter_ = nullptr;
};

/// For a while, a nearer limit than the one set: a step that may not use up the whole budget.
class NearerDeadline {
 public:
  NearerDeadline(Deadline& deadline, base::Instant limit) : deadline_(deadline), outer_(deadline.when()) {
    if (limit < outer_) deadline_.set(limit);
  }
  /// Restores the outer limit. If only the nearer one ran out, the interruption is forgotten.
  void restore(base::Instant now) {
    deadline_.set(outer_);
    if (deadline_.interrupted() == Interrupt::expired && now < outer_) deadline_.clear();
  }

 private:
  Deadline& deadline_;
  base::Instant outer_;
};

}  // namespace gatepost::net
