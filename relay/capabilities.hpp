// What servers' EHLO said, as text that survives a restart: EHLO to clients can be right from the first one
// on.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "relay/options.hpp"
#include "smtp/extensions.hpp"

namespace gatepost::relay {

using Capabilities = std::map<std::string, smtp::Extensions>;  ///< by HostPort::to_string()

/// A line a server: "10.0.0.5:25 8BITMIME CHUNKING SIZE=37748736".
std::string write_capabilities(const Capabilities& all);
/// Leaves out what it does not understand.
Capabilities read_capabilities(std::string_view text);

}  // namespace gatepost::relay
