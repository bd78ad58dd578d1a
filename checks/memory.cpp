#include "checks/memory.hpp"

namespace gatepost::checks {

Memory::Memory(const base::Clock& clock, const state::Origin& origin, std::size_t bytes)
    : reputation(origin.hash_key, bytes / 4), clock_(clock) {
  if (!origin.fresh) clock_.resume(origin.now, origin.wall);
}

std::vector<state::Durable*> Memory::tables() {
  return {&reputation.table()};
}

}  // namespace gatepost::checks
