// Host names of those who send for very many: what one of their customers does says nothing of the next.
#pragma once

#include <string>
#include <vector>

namespace gatepost::checks {

/// Patterns of confirmed host names, * for any characters.
const std::vector<std::string>& known_bulk_senders();

}  // namespace gatepost::checks
