// What of a transaction or a session speaks for its client, and what against it.
#pragma once

#include <string_view>

#include "checks/repute.hpp"
#include "smtp/server_session.hpp"

namespace gatepost::checks {

/// `already_known`: the reputation itself has spoken against the mail; then a refusal for the sum of points
/// says nothing new.
Deeds deeds_of(const smtp::MailFacts& facts, const smtp::TransactionRecord& record, bool already_known);
/// What no transaction holds: errors in the protocol, talk before the banner, refusals before MAIL.
Deeds deeds_of(const smtp::ConnectFacts& facts, const smtp::SessionTotals& totals);

}  // namespace gatepost::checks
