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
  bool exempt = false;    ///< the client, sender or recipient is exempt from this check
  Finding finding;
};

struct DecisionBasis {
  smtp::Decision decision;
  const Judged* decisive = nullptr;  ///< the finding that decided, null for a score or for none
  /// "7.2 of 6 (dnsbl 4, helo 3.2)" where the score reaches policy.tag_score.
  std::string tag;
};

/// Of each finding, does it count? Not in observe mode; and unless it is absolute, not where its check is
/// exempt, where an allow ended the policy findings of its own and later stages, or where an allow names its
/// check.
std::vector<bool> counting(std::span<const Judged> findings, bool exempt);

/// Drop and reject beat defer, defer beats score; what veils comes first, then what is absolute. Only what
/// counts does.
/// `exempt`: of the policy findings none counts.
DecisionBasis decide(std::span<const Judged> findings, const PolicyOptions& policy, bool exempt);

}  // namespace gatepost::checks
