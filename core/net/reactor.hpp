// Readiness of our streams, edge-triggered: a descriptor is registered once and then waiting for it costs no
// system call, where asio's async_wait() calls epoll_ctl each time. See docs/adr/0004.
#pragma once

#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <vector>

#include "core/net/asio.hpp"

namespace gatepost::net {

/// Told what epoll says of its descriptor.
class Watched {
 public:
  /// Takes notice (EPOLLIN, EPOLLOUT, EPOLLRDHUP ...), and does no more: others are told before anybody acts.
  virtual void note_events(std::uint32_t events) = 0;
  /// Now it may act on what it noted.
  virtual void act() = 0;

 protected:
  ~Watched() = default;
};

/// One per io_context, as an Asio service; used on that context's thread only.
class Reactor final : public asio::execution_context::service {
 public:
  using key_type = Reactor;
  static inline asio::execution_context::id id;
  static Reactor& of(asio::io_context& context) { return asio::use_service<Reactor>(context); }

  explicit Reactor(asio::execution_context& context);
  ~Reactor() override;

  /// Names a registration; an event that is under way when its descriptor is removed finds nobody.
  using Key = std::uint64_t;
  Key add(int descriptor, Watched& watched);
  void remove(int descriptor, Key which);
  /// Like remove(), for a descriptor that is closed at once, which removes it from epoll too.
  void forget(Key which);

 private:
  struct Slot {
    Watched* watched = nullptr;
    std::uint32_t generation = 0;
  };
  void shutdown() override;
  void wait();
  void dispatch();
  Watched* find(Key which) const;

  int epoll_;
  asio::posix::basic_stream_descriptor<Executor> waiter_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace gatepost::net
