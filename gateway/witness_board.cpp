#include "gateway/witness_board.hpp"

namespace gatepost::gateway {

std::string WitnessState::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

void WitnessState::pass(base::Instant now) {
  passed_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  suspended_.store(false, std::memory_order_relaxed);
}

void WitnessState::fail(base::Instant now, std::string_view why) {
  {
    const std::lock_guard lock(mutex_);
    why_ = why;
  }
  failed_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  passed_at_.store(0, std::memory_order_relaxed);
  suspended_.store(true, std::memory_order_relaxed);
}

std::shared_ptr<WitnessState> WitnessBoard::of(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  auto& state = states_[name];
  if (!state) state = std::make_shared<WitnessState>();
  return state;
}

}  // namespace gatepost::gateway
