// All tables of what is remembered, for who looks at state.db beside the running gateway: a copy of their
// own, of which nothing gets back.
#pragma once

#include "checks/memory.hpp"
#include "gateway/options.hpp"
#include "relay/learned.hpp"

namespace gatepost::gateway {

struct Remembered {
  /// `bytes`: what the tables of the checks may take together.
  Remembered(const base::Clock& clock, const state::Origin& origin, std::size_t bytes,
             std::size_t learned_entries)
      : memory(clock, origin, bytes), learned(learned_entries, origin.hash_key), tables(memory.tables()) {
    tables.push_back(&learned);
  }

  checks::Memory memory;
  relay::Learned learned;
  std::vector<state::Durable*> tables;

  /// Nothing: there is none of that name.
  state::Durable* find(std::string_view table) const {
    for (auto* known : tables) {
      if (known->table() == table) return known;
    }
    return nullptr;
  }
};

}  // namespace gatepost::gateway
