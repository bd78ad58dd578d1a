// How often each check found what: counted on the path of every message, so without lock or allocation.
#pragma once

#include <array>
#include <map>

#include "telemetry/counter.hpp"
#include "telemetry/finding.hpp"

namespace gatepost::telemetry {

/// What findings are counted by.
struct FindingKind {
  std::string_view check;
  std::string_view reason;
  Verdict verdict = Verdict::none;
  Weight weight = Weight::enforced;
  auto operator<=>(const FindingKind&) const = default;
};

struct FindingCount {
  std::uint64_t found = 0;
  std::uint64_t delivered = 0;  ///< of these, where the mail was delivered all the same
};
using FindingSums = std::map<FindingKind, FindingCount>;

/// One thread counts, others read at any time. Names of checks and reasons must live as long as the program.
class FindingCounts {
 public:
  /// Kinds that have counters of their own; more than all checks together have.
  static constexpr std::size_t room = 512;

  void add(const FindingKind& kind, bool delivered);
  /// Adds what was counted so far to `sums`.
  void add_to(FindingSums& sums) const;

 private:
  /// Written once, before it is taken; from then on only its counters change.
  struct Slot {
    std::atomic<bool> taken{false};
    FindingKind kind;
    Counter found;
    Counter delivered;
  };
  Slot& slot_of(const FindingKind& kind);

  std::array<Slot, room> slots_;  ///< by hash; the next free one where two collide
  Slot others_;                   ///< of kinds that found no room
};

}  // namespace gatepost::telemetry
