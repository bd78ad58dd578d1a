// Examines witnesses on one thread, with that thread's resolver.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/dns/resolver.hpp"
#include "gateway/witness_board.hpp"

namespace gatepost::gateway {

class Examiner {
 public:
  Examiner(dns::Resolver& resolver, WitnessBoard& board, const base::Clock& clock)
      : resolver_(resolver), board_(board), clock_(clock) {}

  bool suspended(const checks::Witness& witness);
  /// Calls `done` at once if the last examination holds still, else when this one is over. Who has just
  /// recovered is trusted from the next question on: what `done` asks for may rest on an earlier answer.
  void examine(const checks::WitnessPtr& witness, std::function<void(const checks::Testimony&)> done);
  void impeach(const checks::Witness& witness, std::string_view why);
  /// Has it been examined within `span`?
  bool examined_within(const checks::Witness& witness, base::Millis span) {
    return state(witness).examined_within(clock_.now(), span);
  }
  /// What was asked otherwise. The resolver is examined about the last name that it knew, too: a proof at
  /// sites whose resolver knows neither the root nor our own names.
  void note(const dns::Question& question, const dns::Answer& answer) {
    if (!answer.found()) return;
    first_proof_ |= !existing_;
    existing_ = question;
  }
  /// Another configuration: states of witnesses that are gone are forgotten.
  void forget() { states_.clear(); }

 private:
  struct Examination {
    checks::WitnessPtr witness;
    base::Instant began;
    std::vector<std::shared_ptr<const dns::Answer>> answers;
    std::size_t open = 0;
    bool first_proof = false;  ///< it is about a name that was not known when it failed before
    std::vector<std::function<void(const checks::Testimony&)>> waiting;
  };
  struct Known {
    std::shared_ptr<WitnessState> state;
    unsigned failures = 0;  ///< those whose answers have been forgotten
  };
  Known& known(const checks::Witness& witness);
  WitnessState& state(const checks::Witness& witness) { return *known(witness).state; }
  bool recovered(Known& it);
  void finish(Examination& examination);

  dns::Resolver& resolver_;
  WitnessBoard& board_;
  const base::Clock& clock_;
  std::optional<dns::Question> existing_;
  bool first_proof_ = false;  ///< not used yet: a failure before it may have been for want of it
  std::unordered_map<std::string, Known> states_;
  std::unordered_map<std::string, std::shared_ptr<Examination>> under_way_;
};

}  // namespace gatepost::gateway
