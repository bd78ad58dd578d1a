// Finds a client's address in its host name, in the notations of those who name whole networks by rule.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ip.hpp"

namespace gatepost::checks {

/// The longest runs of characters of a kind, in order.
template <class Kind>
std::vector<std::string_view> runs_of(std::string_view text, Kind kind) {
  std::vector<std::string_view> runs;
  for (auto at = text.begin(); at != text.end();) {
    const auto begin = std::find_if(at, text.end(), kind);
    at = std::find_if_not(begin, text.end(), kind);
    if (begin != at) runs.emplace_back(begin, at);
  }
  return runs;
}

/// The part of `name` (in lower case) that holds at least three octets of an IPv4 address, decimal or hex,
/// separated or not, forward or backward; or half of an IPv6 address.
std::optional<std::string> find_address(std::string_view name, const base::IpAddress& address);

/// Does it hold the two octets that tell the lines of a network apart, as decimal numbers? (Not for IPv6.)
bool holds_last_octets(std::string_view name, const base::IpAddress& address);

}  // namespace gatepost::checks
