// DNS packets (RFC 1035 4): a query is written, an answer is read. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/dns/answer.hpp"

namespace gatepost::dns {

/// A query with recursion desired and EDNS (RFC 6891: answers up to 1232 octets over UDP, and extended
/// errors). The name must be askable; \DDD in it is an octet, as parse_answer() writes it.
std::string make_query(const Question& question, std::uint16_t id);

/// The answer to `question` in a packet, whose id the caller has compared. CNAMEs are followed within the
/// packet. Names come back in lower case, without trailing dot, and octets that would confuse (dots within
/// labels, backslashes, spaces, control characters, non-ASCII) as \DDD (RFC 4343 2.1), so that they can be
/// shown and asked again. Failure: the packet is malformed or answers something else.
base::Result<Answer> parse_answer(const Question& question, std::string_view packet);

}  // namespace gatepost::dns
