// How much clients and senders do: counts that slide, by client network and by sender's domain. They do not
// survive a restart: a window is over soon enough.
#pragma once

#include <bit>
#include <string>
#include <string_view>

#include "core/state/sliding_count.hpp"
#include "core/state/table.hpp"

namespace gatepost::checks {

/// What one client or domain did: 64 octets, with its key and place in the table 96.
struct Counts {
  static constexpr bool survives = false;
  static constexpr bool newcomers_yield = false;

  state::SlidingCount sessions;
  state::SlidingCount messages;    ///< those that came as far as DATA
  state::SlidingCount recipients;  ///< accepted ones; for harvest all that were named
  state::SlidingCount unknown;     ///< recipients refused since there are no such
  state::SlidingCount refused;     ///< recipients refused for a rate
  state::Second until = 0;         ///< nothing in it counts any more from then on

  void add(state::SlidingCount Counts::*what, state::Second now, state::Second window) {
    (this->*what).add(now, window);
    until = std::max(until, now + window + window / 3 + 2);
  }

  state::Second expires() const { return until; }
  /// Who did much stays, so that those who come once from many addresses do not wash it away. Who did little
  /// is worth the same as who is new: else nobody new got in while the table is full.
  unsigned worth(state::Second) const {
    constexpr unsigned little = 16;
    unsigned all = 0;
    for (const auto* count : {&sessions, &messages, &recipients, &unknown, &refused}) all += count->total();
    return all < little ? 0 : static_cast<unsigned>(std::bit_width(all));
  }
};

static_assert(sizeof(Counts) == 64);

using Rates = state::Table<Counts>;

}  // namespace gatepost::checks
