// What a mail server's answers to a callout mean. It is asked about strangers' addresses, and what it refuses
// may be us: only what can be nothing else counts as a refusal of the address.
#pragma once

#include "checks/callouts.hpp"
#include "smtp/client_session.hpp"

namespace gatepost::gateway {

struct DomainJudgement {
  checks::CalloutAnswer answer;  ///< takes_all, selective, sender_refused or unknown
  /// Is it worth asking about the address itself? Also where a made-up one is deferred: a server that
  /// greylists answers both the next time.
  bool go_on = false;
};
/// Answers to MAIL and one RCPT, the address made up.
DomainJudgement judge_made_up(const smtp::TransactionReplies& replies);

struct AddressJudgement {
  checks::CalloutAnswer answer;  ///< taken, refused, sender_refused or unknown
  /// Refused, but perhaps whatever the address had been: to be believed only of a server that takes mail for
  /// postmaster from us, as all must (RFC 5321 4.5.1).
  bool doubtful = false;
};
/// The same for the address itself, at a server that refuses what is made up.
AddressJudgement judge_address(const smtp::TransactionReplies& replies);

/// What remains of a doubtful refusal, after the answers for postmaster.
checks::CalloutAnswer judge_doubtful(const checks::CalloutAnswer& refusal,
                                     const smtp::TransactionReplies& postmaster);

/// A reply as it is kept: one line, printable.
std::string callout_words(const smtp::BackendReply& reply);

}  // namespace gatepost::gateway
