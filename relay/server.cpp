#include "relay/server.hpp"

#include <algorithm>

#include "relay/connection.hpp"

namespace gatepost::relay {

bool Breaker::allow(base::Instant now) {
  if (!open()) return true;
  const std::lock_guard lock(mutex_);
  if (now < retry_at_) return false;
  retry_at_ = now + pause_;  // this one tries; the others wait for what it finds
  return true;
}

bool Breaker::would_allow(base::Instant now) const {
  if (!open()) return true;
  const std::lock_guard lock(mutex_);
  return now >= retry_at_;
}

void Breaker::succeeded() {
  const std::lock_guard lock(mutex_);
  failures_ = 0;
  only_greeted_ = false;
  pause_ = first_pause;
  open_.store(false, std::memory_order_relaxed);
}

void Breaker::greeted() {
  const std::lock_guard lock(mutex_);
  if (!open()) return;
  failures_ = threshold - 1;
  only_greeted_ = true;
  open_.store(false, std::memory_order_relaxed);
}

void Breaker::failed(base::Instant now) {
  const std::lock_guard lock(mutex_);
  if (++failures_ < threshold) return;
  if (open() || only_greeted_) pause_ = std::min(pause_ * 2, longest_pause);
  only_greeted_ = false;
  open_.store(true, std::memory_order_relaxed);
  retry_at_ = now + pause_;
}

bool Permits::try_take() {
  if (used_.fetch_add(1, std::memory_order_relaxed) < limit_.load(std::memory_order_relaxed)) return true;
  used_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Permits::give() {
  used_.fetch_sub(1, std::memory_order_relaxed);
  if (anybody_waits()) hand_over(nullptr, nullptr);
}

Permits::Ticket Permits::wait(const void* pool, Waiter waiter) {
  const std::lock_guard lock(mutex_);
  line_.emplace(++last_ticket_, Place{pool, std::move(waiter)});
  waiting_.fetch_add(1);
  return last_ticket_;
}

void Permits::leave(Ticket ticket) {
  const std::lock_guard lock(mutex_);
  if (line_.erase(ticket) > 0) waiting_.fetch_sub(1, std::memory_order_relaxed);
}

std::unique_ptr<Connection> Permits::hand_over(std::unique_ptr<Connection> connection, const void* pool) {
  Waiter waiter;
  {
    const std::lock_guard lock(mutex_);
    if (line_.empty()) return connection;
    auto next = line_.begin();
    if (++turn_ % 4 != 0) {
      const auto same = std::find_if(line_.begin(), line_.end(),
                                     [pool](const auto& place) { return place.second.pool == pool; });
      if (same != line_.end()) next = same;
    }
    waiter = std::move(next->second.waiter);
    line_.erase(next);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  waiter(std::move(connection), pool);
  return nullptr;
}

void Server::learned(const smtp::Extensions& extensions) {
  assume(extensions);
  answered_.store(true, std::memory_order_relaxed);
}

void Server::assume(const smtp::Extensions& extensions) {
  const std::lock_guard lock(mutex_);
  known_ = extensions;
}

std::optional<smtp::Extensions> Server::known() const {
  const std::lock_guard lock(mutex_);
  return known_;
}

void Server::note_failure(std::string why) {
  counters.failures.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  last_failure_ = std::move(why);
}

std::string Server::last_failure() const {
  const std::lock_guard lock(mutex_);
  return last_failure_;
}

}  // namespace gatepost::relay
