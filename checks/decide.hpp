// From findings to one decision: a pure function, and the most tested one here.
#pragma once

#include <span>
#include <string_view>

#include "checks/check.hpp"
#include "checks/policy.hpp"
#include "smtp/decision.hpp"

namespace gatepost::checks {

/// A finding as the decision sees it.
struct Judged {
  std::string_view check;
  smtp::Stage stage = smtp::Stage::connect;
  Mode mode = Mode::enforce;
  OnError on_error = OnError::ignore;
  bool absolute = false;  ///< relay control, directory: no allow and no exemption touches it
  Finding finding;
};

struct DecisionBasis {
  smtp::Decision decision;
  const Judged* decisive = nullptr;  ///< the finding that decided, null for a score or for none
};

/// Drop and reject beat defer, defer beats score; absolute findings come first. An allow ends the policy
/// findings of its own and later stages. Findings in observe mode do not count. `exempt`: of the policy
/// findings none counts.
DecisionBasis decide(std::span<const Judged> findings, const PolicyOptions& policy, bool exempt);

}  // namespace gatepost::checks
