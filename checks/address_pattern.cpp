#include "checks/address_pattern.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::checks {

bool address_matches(std::string_view pattern, std::string_view address) {
  if (pattern.find('@') != std::string_view::npos || pattern == "<>")
    return base::wildcard_match(pattern, address);
  const auto at = address.rfind('@');
  return at != std::string_view::npos && base::wildcard_match(pattern, address.substr(at + 1));
}

bool any_address_matches(const std::vector<std::string>& patterns, std::string_view address) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return address_matches(pattern, address); });
}

}  // namespace gatepost::checks
