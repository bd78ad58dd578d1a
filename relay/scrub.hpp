// What of a backend's words a stranger may read.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "smtp/client_reply.hpp"
#include "smtp/reply.hpp"

namespace gatepost::relay {

/// `text` as one line, with IP addresses, `names` and host names of internal domains (.local, .internal,
/// .lan, .corp, .intra, or in a name's domain) replaced by "[...]". Mail addresses stay.
std::string scrub(std::string_view text, std::span<const std::string> names);

/// A backend's 4xx or 5xx as we say it to the sender: its code and enhanced code, its text scrubbed. 421
/// becomes 451: our connection stays.
smtp::Reply pass_on(const smtp::BackendReply& reply, std::span<const std::string> names);

}  // namespace gatepost::relay
