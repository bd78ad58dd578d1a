#include "checks/sender_identity.hpp"

namespace gatepost::checks {

SenderIdentity proven_sender(const smtp::MailFacts& facts, Evidence& evidence) {
  if (facts.null_sender) return {};
  const auto* spf = evidence.spf(facts, mail::SpfIdentity::mail_from);
  if (spf == nullptr) return {true, {}};
  return {false, spf->result == mail::SpfResult::pass ? facts.sender.domain_key() : std::string()};
}

}  // namespace gatepost::checks
