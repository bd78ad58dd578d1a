// Message identifiers (RFC 5322 3.6.4).
#pragma once

#include <string>
#include <string_view>

namespace gatepost::mail {

/// Is this body of a Message-ID field one identifier, with comments around it at most? More is taken than RFC
/// 5322 allows, since software writes more: between the brackets only an "@" with something at either side is
/// asked for, and that there is no white space, control character or "<".
bool is_message_id(std::string_view body);

/// The identifier for a log: with its brackets, without comments, printable, cut to `limit` characters. If
/// there is none, what stands there instead.
std::string printable_message_id(std::string_view body, std::size_t limit = 250);

}  // namespace gatepost::mail
