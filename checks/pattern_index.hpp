// Finds all patterns that a name or mail address matches among hundreds of thousands, as long as they have no
// wildcard but a leading "*.".
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gatepost::checks {

/// Patterns with a number each, of host names or of addresses (see address_matches()).
class PatternIndex {
 public:
  static bool takes(std::string_view pattern);
  /// Only what it takes.
  void add(std::string_view pattern, std::uint32_t number);

  // Both append the numbers of all patterns that match, in no order.
  void find_name(std::string_view name, std::vector<std::uint32_t>& numbers) const;
  void find_address(std::string_view address, std::vector<std::uint32_t>& numbers) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Table = std::unordered_multimap<std::string, std::uint32_t, Hash, std::equal_to<>>;

  static void find(const Table& table, std::string_view key, std::vector<std::uint32_t>& numbers);
  void find_key(std::string_view key, std::vector<std::uint32_t>& numbers) const;

  Table whole_;
  Table below_;  ///< "*.example.com" as ".example.com"
};

}  // namespace gatepost::checks
