// Which tables have been too full to take newcomers, lately.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/state/durable.hpp"

namespace gatepost::gateway {

class FullTables {
 public:
  /// So long after the last newcomer was refused a table counts as full.
  static constexpr std::chrono::minutes calm{10};

  /// To be called every second or so.
  void look(const std::vector<state::Durable*>& tables, base::Instant now);

  struct Full {
    std::string_view table;
    std::uint64_t refused = 0;  ///< since it became full
    std::string in_words() const;
  };
  /// As of the last look.
  std::vector<Full> full() const;
  bool is_full(std::string_view table) const;

 private:
  struct Seen {
    std::uint64_t refused = 0;  ///< as of the last look
    std::uint64_t before = 0;   ///< it became full
    base::Instant last{};       ///< refusal
    bool full = false;
  };
  std::map<std::string_view, Seen> seen_;
};

}  // namespace gatepost::gateway
