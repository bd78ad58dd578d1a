// The resolver as a witness: refusals that rest on what DNS does not know, or on addresses that it gives,
// need one that tells names that exist from names that do not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checks/witness.hpp"

namespace gatepost::gateway {

inline constexpr std::string_view resolver_witness_name = "the resolver";

/// It passes if a name that cannot exist (RFC 6761 6.4) does not, and one of those that exist does: the root,
/// `names` (our host name and domains), or what the examiner adds.
checks::WitnessPtr make_resolver_witness(const std::vector<std::string>& names);

}  // namespace gatepost::gateway
