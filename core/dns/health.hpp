// How the resolvers that we ask are doing: counted by all threads, shown on the page and in the metrics.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/ip.hpp"

namespace gatepost::dns {

/// One server. Safe to use from any thread.
class ServerHealth {
 public:
  using Counter = std::atomic<std::uint64_t>;
  explicit ServerHealth(const base::Endpoint& endpoint) : name(endpoint.to_string()) {}

  const std::string name;     ///< "127.0.0.1:53"
  Counter queries{0};         ///< tries and probes
  Counter answers{0};         ///< SERVFAIL and REFUSED among them
  Counter timeouts{0};        ///< no answer in time
  Counter unreachable{0};     ///< nothing could be sent
  Counter garbage{0};         ///< answers that could not be read
  Counter servfail{0};        ///< without what failed DNSSEC
  Counter refused{0};         ///< REFUSED and other codes that are no answer
  Counter latency_micros{0};  ///< of all answers together
  /// Threads that take it for dead. Each decides by what it saw itself, so that none waits for another and a
  /// thread's own view never flips in the middle of its work.
  std::atomic<int> down_for{0};

  bool up() const { return down_for.load(std::memory_order_relaxed) == 0; }
  /// What went wrong last, for people, or empty.
  std::string last_failure() const;
  void note_failure(std::string why);

 private:
  mutable std::mutex mutex_;
  std::string last_failure_;
};

/// Shared by the resolvers of all threads.
class ResolverHealth {
 public:
  ServerHealth::Counter hits{0};    ///< questions that the caches knew
  ServerHealth::Counter misses{0};  ///< and those they did not

  /// The entry of that server, made when it is first asked for.
  std::shared_ptr<ServerHealth> of(const base::Endpoint& server);
  /// In the order in which they came.
  std::vector<std::shared_ptr<const ServerHealth>> servers() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<ServerHealth>> servers_;
};

}  // namespace gatepost::dns
