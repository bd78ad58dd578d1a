#include "checks/memory.hpp"

namespace gatepost::checks {

Memory::Memory(const base::Clock& clock, const state::Origin& origin, std::size_t bytes)
    : crowd(origin.hash_key),
      rates("rates", origin.hash_key, bytes / 100 * 25),
      reputation(origin.hash_key, bytes / 100 * 25),
      greylist(origin.hash_key, bytes / 100 * 40),
      callouts("callout", origin.hash_key, bytes / 100 * 5),
      clock_(clock) {
  if (!origin.fresh) clock_.resume(origin.now, origin.wall);
}

std::vector<state::Durable*> Memory::tables() {
  return {
      &rates,
      &reputation.table(),
      &greylist.table(),
      &callouts,
  };
}

}  // namespace gatepost::checks
