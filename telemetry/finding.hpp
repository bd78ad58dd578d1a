// What a check found, as the pipeline saw it: the evidence behind a decision.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "smtp/stage.hpp"

namespace gatepost::telemetry {

/// What a check says of the session so far.
enum class Verdict : std::uint8_t {
  none,
  allow,     ///< ends the policy checks of this and later stages
  score,     ///< adds points
  defer,     ///< 4xx
  reject,    ///< 5xx
  drop,      ///< refuse, then close
  discard,   ///< say 250 and throw away
  annotate,  ///< only to be recorded
  unknown,   ///< the check could not find out; not a verdict
};

inline constexpr std::array<std::string_view, 9> verdict_names{
    "none", "allow", "score", "defer", "reject", "drop", "discard", "annotate", "unknown"};
constexpr std::string_view name_of(Verdict verdict) {
  return verdict_names[static_cast<std::size_t>(verdict)];
}

/// Whether a finding counted.
enum class Weight : std::uint8_t {
  enforced,  ///< it did
  observed,  ///< it was only recorded
  exempt,    ///< sender, recipient or client is exempt from the check
};
inline constexpr std::array<std::string_view, 3> weight_names{"enforce", "observe", "exempt"};
constexpr std::string_view name_of(Weight weight) {
  return weight_names[static_cast<std::size_t>(weight)];
}

/// Does it keep mail from being delivered, if it counts?
constexpr bool refuses(Verdict verdict) {
  return verdict == Verdict::defer || verdict == Verdict::reject || verdict == Verdict::drop ||
         verdict == Verdict::discard;
}

/// The reason of a finding that says that nothing can be known of the client, since its own address is
/// hidden.
inline constexpr std::string_view hidden_client = "policy.hidden_client";

/// `check` and `reason` live as long as the program.
struct Finding {
  std::string_view check;  ///< the check's name
  smtp::Stage stage;
  Weight weight = Weight::enforced;
  Verdict verdict = Verdict::none;
  std::string_view reason;  ///< stable token: "access.denied"
  double score = 0;
  std::string evidence;    ///< what it rests on, in words
  std::string subject;     ///< the recipient concerned, if any
  base::Millis waited{0};  ///< for evidence
  bool cached = false;     ///< it rests on DNS answers, all from the cache
};

}  // namespace gatepost::telemetry
