// Which senders are one and the same, although each message of theirs has a reverse-path of its own: what is
// signed, forwarded, counted or addressed for one message only is taken out.
#pragma once

#include <string>
#include <string_view>

#include "mail/address.hpp"

namespace gatepost::mail {

/// A reverse-path without what changes from message to message; never longer than the mailbox's key. Only to
/// compare by: it need not be an address.
///
/// * Signed senders are the user: prvs=tag=user, prvs=user=tag and prvs=user/tag (BATV), btv1==hash==user,
///   msprvs1=tag=user.
/// * Forwarded ones (SRS) are user@domain, as they were: SRS0=hash=time=domain=user@forwarder,
///   SRS1=hash=forwarder==hash=time=domain=user@second.
/// * user+detail is the user.
/// * Words that count messages or recipients are #: decimal digits; eight hexadecimal digits or more, one of
///   them decimal (bounce-1a2b3c4d5e@; no language has such words); UUIDs. A word ends where neither letter
///   nor digit follows.
std::string sender_form(const Mailbox& sender);

/// The same for a Mailbox::key(). It is at peace with any octets, and its own result does not change it.
std::string sender_form(std::string_view key);

}  // namespace gatepost::mail
