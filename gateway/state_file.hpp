// Where what is remembered is on disk.
#pragma once

#include <optional>

#include "gateway/options.hpp"

namespace gatepost::gateway {

/// state_dir/state.db
std::string state_file(const Options& options);

/// What is wrong with it, found without changing anything; nothing if there is none yet.
std::optional<std::string> trouble_with_state_file(const Options& options);

}  // namespace gatepost::gateway
