// How rules and exemptions name addresses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/options.hpp"

namespace gatepost::checks {

/// Is `address` (a Mailbox::key(), or "<>" for the null sender) meant by `pattern`: "user@domain", "domain",
/// "*.domain" or "<>"? "domain" and "*.domain" stand for all their addresses; * stands for any characters.
bool address_matches(std::string_view pattern, std::string_view address);
bool any_address_matches(const std::vector<std::string>& patterns, std::string_view address);

/// Why a pattern can match nothing, with what was probably meant; empty: it can.
std::string mistake_in_address_pattern(std::string_view pattern);
/// Says so of each option `path`[i].
void validate_address_patterns(const std::vector<std::string>& patterns, const std::string& path,
                               base::Problems& problems);

}  // namespace gatepost::checks
