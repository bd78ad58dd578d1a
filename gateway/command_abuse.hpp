// What a client did against the protocol, as a finding: the limits are the state machine's, the record is the
// same as that of the checks.
#pragma once

#include <optional>

#include "smtp/server_session.hpp"
#include "telemetry/finding.hpp"

namespace gatepost::gateway {

/// Of the check "protocol": drop, limit.errors, where the session was ended for its errors or for commands
/// that lead to nothing; annotate, protocol.slowed, where its errors were answered late. Nothing otherwise.
std::optional<telemetry::Finding> command_abuse(const smtp::SessionTotals& totals);

}  // namespace gatepost::gateway
