// What a backend's answers mean for the sender, and what is to be remembered of them: one pure function.
#pragma once

#include <string>
#include <vector>

#include "smtp/client_session.hpp"

namespace gatepost::relay {

/// Something to remember (or forget) about one recipient of one sender.
struct Lesson {
  enum class Kind {
    cleared,           ///< delivered: whatever was held against it is forgotten
    refused,           ///< 5xx of its own: to be repeated to this sender
    refused_address,   ///< the address itself is bad: to be repeated to every sender, for a shorter time
    deferred_once,     ///< 4xx of its own: to be repeated once, so that the others go through
    suspect,           ///< one of `group` recipients of which one was refused, unnamed
    suspect_deferred,  ///< it was among `group` recipients whose message got 4xx: at the next try it lets
                       ///< others go first
  };
  Kind kind;
  std::size_t recipient;  ///< index in the envelope
  smtp::BackendReply reply;
  std::size_t group = 0;
};

struct Outcome {
  enum class Verdict {
    delivered,
    passed_on,  ///< the sender gets `reply`, class for class
    split,      ///< 451: recipients were answered differently, nothing was delivered
    suspects,   ///< 451: one of several was refused, unnamed
    none,       ///< the transcript is not complete enough to answer
  };
  Verdict verdict = Verdict::none;
  smtp::BackendReply reply;
  std::vector<Lesson> lessons;
};

/// Is a 5xx about the address itself, not about the message or us? (5.1.1, 5.1.10, 5.2.1, 5.4.1)
bool is_address_refusal(const smtp::BackendReply& reply);

/// `suspects`: per recipient, whether it is under suspicion; empty: none is.
Outcome outcome(const smtp::Envelope& envelope, const smtp::TransactionReplies& replies,
                const std::vector<bool>& suspects);

}  // namespace gatepost::relay
