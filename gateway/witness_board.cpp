#include "gateway/witness_board.hpp"

namespace gatepost::gateway {

std::string WitnessState::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

std::optional<base::Instant> WitnessState::since() const {
  const auto ticks = since_.load(std::memory_order_relaxed);
  if (ticks == 0) return std::nullopt;
  return base::Instant(base::Instant::duration(ticks));
}

void WitnessState::note_change(base::Instant now, bool suspended) {
  const bool was_suspended = suspended_.exchange(suspended, std::memory_order_relaxed);
  if (was_suspended != suspended || since_.load(std::memory_order_relaxed) == 0)
    since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
}

void WitnessState::pass(base::Instant now) {
  passed_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  note_change(now, false);
}

void WitnessState::fail(base::Instant now, std::string_view why) {
  {
    const std::lock_guard lock(mutex_);
    why_ = why;
  }
  failures_.fetch_add(1, std::memory_order_relaxed);
  failed_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  passed_at_.store(0, std::memory_order_relaxed);
  note_change(now, true);
}

std::shared_ptr<WitnessState> WitnessBoard::of(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  auto& state = states_[name];
  if (!state) state = std::make_shared<WitnessState>();
  return state;
}

}  // namespace gatepost::gateway
