// A value that is set once and awaited at most once: the second of the two suspension points.
#pragma once

#include <optional>
#include <utility>

#include "core/net/asio.hpp"
#include "core/net/callback.hpp"
#include "core/net/deadline.hpp"

namespace gatepost::net {

/// Lives on one thread; whoever finishes work elsewhere posts a call of set() to that thread.
template <class T>
class OneShot final : private Waiter {
 public:
  explicit OneShot(Executor executor) : executor_(executor) {}
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;

  /// Sets the value; a second call changes nothing.
  void set(T value) {
    if (value_) return;
    value_ = std::move(value);
    wake();
  }
  bool ready() const { return value_.has_value(); }
  /// The value; only when ready().
  T& get() { return *value_; }

  /// Suspends until the value is set (true) or `deadline` is interrupted (false). Do not await when ready().
  auto wait(Deadline& deadline) {
    return asio::async_initiate<const asio::deferred_t, void(bool)>(
        [](auto handler, OneShot* self, Deadline* limit) { self->begin(*limit, std::move(handler)); },
        asio::deferred, this, &deadline);
  }

 private:
  void begin(Deadline& deadline, Callback<bool> handler) {
    handler_ = std::move(handler);
    deadline_ = &deadline;
    deadline.attach(*this);
    if (ready() || deadline.interrupted() != Interrupt::none) wake();
  }
  void stop_waiting() override { wake(); }
  void wake() {
    if (!handler_) return;
    deadline_->detach();
    asio::post(executor_, [ready = ready(), handler = std::move(handler_)]() mutable { handler(ready); });
  }

  Executor executor_;
  std::optional<T> value_;
  Callback<bool> handler_;
  Deadline* deadline_ = nullptr;
};

}  // namespace gatepost::net
