// What the checks remember of clients and senders from one session to the next: bounded tables, shared by all
// threads, each with its share of the memory given.
#pragma once

#include <vector>

#include "checks/callouts.hpp"
#include "checks/crowd.hpp"
#include "checks/greylist_table.hpp"
#include "checks/rates.hpp"
#include "checks/reputation_table.hpp"
#include "core/state/table.hpp"

namespace gatepost::checks {

class Memory {
 public:
  /// `bytes`: what all tables may take together.
  Memory(const base::Clock& clock, const state::Origin& origin, std::size_t bytes);

  state::Second now() const { return clock_.now(); }
  const state::StateClock& clock() const { return clock_; }
  /// All tables.
  std::vector<state::Durable*> tables();

  Crowd crowd;
  Rates rates;
  Greylist greylist;
  Callouts callouts;
  Reputation reputation;

 private:
  state::StateClock clock_;
};

}  // namespace gatepost::checks
