#include "checks/pattern_index.hpp"

#include "core/base/text.hpp"

namespace gatepost::checks {

bool PatternIndex::takes(std::string_view pattern) {
  const bool address = pattern.find('@') != std::string_view::npos;
  return pattern.rfind('*') == std::string_view::npos ||
         (!address && pattern.starts_with("*.") && pattern.rfind('*') == 0);
}

void PatternIndex::add(std::string_view pattern, std::uint32_t number) {
  if (pattern.starts_with('*')) {
    below_.emplace(base::to_lower(pattern.substr(1)), number);
  } else {
    whole_.emplace(base::to_lower(pattern), number);
  }
}

void PatternIndex::find(const Table& table, std::string_view key, std::vector<std::uint32_t>& numbers) {
  const auto [begin, end] = table.equal_range(key);
  for (auto entry = begin; entry != end; ++entry) numbers.push_back(entry->second);
}

void PatternIndex::find_key(std::string_view key, std::vector<std::uint32_t>& numbers) const {
  find(whole_, key, numbers);
  if (below_.empty()) return;
  for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1))
    find(below_, key.substr(dot), numbers);
}

void PatternIndex::find_name(std::string_view name, std::vector<std::uint32_t>& numbers) const {
  find_key(base::to_lower(name), numbers);
}

void PatternIndex::find_address(std::string_view address, std::vector<std::uint32_t>& numbers) const {
  const auto key = base::to_lower(address);
  const auto at = key.rfind('@');
  if (at != std::string::npos || key == "<>") find(whole_, key, numbers);
  if (at != std::string::npos) find_key(std::string_view(key).substr(at + 1), numbers);
}

}  // namespace gatepost::checks
