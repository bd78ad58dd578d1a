// Who is being asked by callouts at the moment, on all threads: one conversation per domain, and not too many
// in all. Taken only where a probe begins or ends, so that one lock is enough.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "checks/callouts.hpp"

namespace gatepost::gateway {

class CalloutBoard {
 public:
  static constexpr int most_per_server = 4;

  /// Takes a place. False: the domain is being asked already, or `most` are.
  bool begin(const std::string& domain, std::int64_t most);
  /// Which of the domain's servers it is about to be. False: that one is being asked about enough other
  /// domains (whoever owns domains may point all of them at a server that is not his).
  bool choose(const std::string& domain, const base::IpAddress& server);
  void end(const std::string& domain);
  /// Is the domain's server at this address being asked now?
  bool asks(const std::string& domain, const base::IpAddress& server) const;

  std::size_t open() const;
  void count(checks::CalloutResult result) {
    results_[static_cast<std::size_t>(result)].fetch_add(1, std::memory_order_relaxed);
  }
  /// Addresses that servers were asked about and what came of it, since the start.
  std::uint64_t count_of(checks::CalloutResult result) const {
    return results_[static_cast<std::size_t>(result)].load(std::memory_order_relaxed);
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, base::IpAddress> asked_;  ///< by domain; the unspecified address: not reached yet
  std::array<std::atomic<std::uint64_t>, checks::callout_result_names.size()> results_{};
};

}  // namespace gatepost::gateway
