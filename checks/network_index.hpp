// Finds all networks that contain an address among hundreds of thousands.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/ip.hpp"

namespace gatepost::checks {

/// Networks with a number each. They are sorted so that a network stands before those within it, and each
/// knows the nearest one around it: those that contain an address are found by one binary search and a walk
/// outwards.
class NetworkIndex {
 public:
  void add(const base::Network& network, std::uint32_t number) { entries_.push_back({network, number}); }
  /// To be called once, behind the last add() and before the first find().
  void build();
  /// Appends the numbers of all networks that contain `address`, in no order.
  void find(const base::IpAddress& address, std::vector<std::uint32_t>& numbers) const;

 private:
  struct Entry {
    base::Network network;
    std::uint32_t number;
    std::uint32_t around = none;  ///< the entry of the nearest network around it, or of the same
  };
  static constexpr std::uint32_t none = UINT32_MAX;

  std::vector<Entry> entries_;
};

}  // namespace gatepost::checks
