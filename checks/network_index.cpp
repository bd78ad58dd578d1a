#include "checks/network_index.hpp"

#include <algorithm>

namespace gatepost::checks {

void NetworkIndex::build() {
  entries_.shrink_to_fit();
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.network < b.network; });
  for (std::uint32_t i = 1; i < entries_.size(); ++i) {
    auto around = i - 1;
    while (around != none && !entries_[around].network.contains(entries_[i].network.first()))
      around = entries_[around].around;
    entries_[i].around = around;
  }
}

void NetworkIndex::find(const base::IpAddress& address, std::vector<std::uint32_t>& numbers) const {
  // What contains the address begins before it, and contains whatever else begins between.
  const auto behind = std::upper_bound(
      entries_.begin(), entries_.end(), address,
      [](const base::IpAddress& wanted, const Entry& entry) { return wanted < entry.network.first(); });
  if (behind == entries_.begin()) return;
  for (auto i = static_cast<std::uint32_t>(behind - entries_.begin() - 1); i != none;
       i = entries_[i].around) {
    if (entries_[i].network.contains(address)) numbers.push_back(entries_[i].number);
  }
}

}  // namespace gatepost::checks
