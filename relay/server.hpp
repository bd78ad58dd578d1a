// One internal server as all threads share it: how many connections it may have, whether it is worth trying,
// and what it was last seen to offer.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "relay/options.hpp"
#include "smtp/extensions.hpp"

namespace gatepost::relay {

/// Keeps a dead server from costing each message its timeout: after some failures in a row nobody tries it
/// for a while, then one message (or the prober) does.
class Breaker {
 public:
  static constexpr int threshold = 3;
  static constexpr base::Millis first_pause{5000};
  static constexpr base::Millis longest_pause{60000};

  /// May it be tried now? While open, true once per pause.
  bool allow(base::Instant now);
  /// Would allow() say yes? Asks without taking the turn.
  bool would_allow(base::Instant now) const;
  /// A transaction was answered.
  void succeeded();
  /// It greets again, which is not yet an answer to a message: it may be tried, but the next failure counts
  /// as the last straw.
  void greeted();
  void failed(base::Instant now);
  bool open() const { return open_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> open_{false};
  int failures_ = 0;
  bool only_greeted_ = false;
  base::Millis pause_ = first_pause;
  base::Instant retry_at_{};
};

struct Connection;

/// Limits the connections to a server. Whoever finds none left waits in line: for a connection that another
/// message has done with, or for the right to open one.
class Permits {
 public:
  explicit Permits(int limit) : limit_(limit) {}
  void set_limit(int limit) { limit_.store(limit, std::memory_order_relaxed); }

  bool try_take();
  void give();
  int used() const { return used_.load(std::memory_order_relaxed); }

  /// Gets a connection and the pool it comes from, or null: try again to take a permit. Called on any thread,
  /// at most once.
  using Waiter = std::function<void(std::unique_ptr<Connection>, const void* from)>;
  /// A place in line.
  using Ticket = std::uint64_t;
  /// `pool` names the waiter's pool. Whoever stops waiting must leave().
  Ticket wait(const void* pool, Waiter waiter);
  /// Harmless if the waiter has been called.
  void leave(Ticket ticket);
  bool anybody_waits() const { return waiting_.load() > 0; }
  /// Gives `connection` to somebody in line: mostly to the first of the same pool, since moving to another
  /// thread costs, but every fourth time to the first of all. It comes back if nobody waits.
  std::unique_ptr<Connection> hand_over(std::unique_ptr<Connection> connection, const void* pool);

 private:
  std::atomic<int> limit_;
  std::atomic<int> used_{0};
  std::atomic<int> waiting_{0};
  struct Place {
    const void* pool;
    Waiter waiter;
  };
  std::mutex mutex_;
  std::map<Ticket, Place> line_;
  Ticket last_ticket_ = 0;
  unsigned turn_ = 0;
};

class Server {
 public:
  Server(HostPort at, int max_connections) : address(std::move(at)), permits(max_connections) {}

  const HostPort address;
  Breaker breaker;
  Permits permits;

  /// Counted for the page and the metrics.
  struct Counters {
    std::atomic<std::uint64_t> connections{0};
    std::atomic<std::uint64_t> failures{0};
    std::atomic<std::uint64_t> delivered{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> deferred{0};
    std::atomic<std::uint64_t> outcome_unknown{0};
  };
  Counters counters;

  /// What its EHLO said, just now or (assume) before the program was started.
  void learned(const smtp::Extensions& extensions);
  void assume(const smtp::Extensions& extensions);
  /// It has answered since the start.
  bool answered() const { return answered_.load(std::memory_order_relaxed); }
  std::optional<smtp::Extensions> known() const;

  void note_failure(std::string why);
  std::string last_failure() const;

 private:
  mutable std::mutex mutex_;
  std::atomic<bool> answered_{false};
  std::optional<smtp::Extensions> known_;
  std::string last_failure_;
};

}  // namespace gatepost::relay
