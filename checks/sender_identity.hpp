// Whose mail it is, as far as that is proven: a sender's domain whose SPF record allows the client speaks for
// itself from whatever address it comes, and nobody else can speak for it.
#pragma once

#include "checks/evidence.hpp"

namespace gatepost::checks {

struct SenderIdentity {
  bool pending = false;  ///< SPF has not been answered yet
  std::string domain;    ///< as a key (A-labels, lower case); empty: nothing is proven, or the sender is null
};

SenderIdentity proven_sender(const smtp::MailFacts& facts, Evidence& evidence);

}  // namespace gatepost::checks
