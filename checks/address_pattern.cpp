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

std::string mistake_in_address_pattern(std::string_view pattern) {
  if (pattern.empty()) return "is empty";
  const auto shown = "\"" + base::printable(pattern, 100) + "\"";
  if (pattern.find('"') == std::string_view::npos && pattern.find_first_of(" \t,;") != std::string_view::npos)
    return shown + " holds a separator: each address is a text of its own";
  if (pattern.front() == '@') return shown + " matches nothing: a domain is written without \"@\" here";
  if (pattern.back() == '@') return shown + " has no domain; \"user@*\" is that user at each domain";
  return {};
}

void validate_address_patterns(const std::vector<std::string>& patterns, const std::string& path,
                               base::Problems& problems) {
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (auto mistake = mistake_in_address_pattern(patterns[i]); !mistake.empty())
      problems.error(path + "[" + std::to_string(i) + "]", std::move(mistake));
  }
}

}  // namespace gatepost::checks
