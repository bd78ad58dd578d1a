// Counters that cost a session nothing: one thread writes, others read at any time.
#pragma once

#include <atomic>
#include <cstdint>

namespace gatepost::telemetry {

/// Written by one thread, read by others: no read-modify-write is needed.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace gatepost::telemetry
