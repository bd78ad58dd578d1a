#include "gateway/full_tables.hpp"

#include <fmt/format.h>

namespace gatepost::gateway {

void FullTables::look(const std::vector<state::Durable*>& tables, base::Instant now) {
  for (const auto* table : tables) {
    auto& seen = seen_[table->table()];
    const auto refused = table->use().refused;
    if (refused > seen.refused) {
      if (!seen.full) seen.before = seen.refused;
      seen.full = true;
      seen.last = now;
      seen.refused = refused;
    } else if (now - seen.last >= calm) {
      seen.full = false;
    }
  }
}

std::string FullTables::Full::in_words() const {
  return fmt::format(
      "table {} of what is remembered is full, and turned {} newcomers away: raise state.memory", table,
      refused);
}

std::vector<FullTables::Full> FullTables::full() const {
  std::vector<Full> all;
  for (const auto& [table, seen] : seen_) {
    if (seen.full) all.push_back({table, seen.refused - seen.before});
  }
  return all;
}

bool FullTables::is_full(std::string_view table) const {
  const auto found = seen_.find(table);
  return found != seen_.end() && found->second.full;
}

}  // namespace gatepost::gateway
