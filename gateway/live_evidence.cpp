#include "gateway/live_evidence.hpp"

namespace gatepost::gateway {

std::string learned_key(const smtp::MailFacts& facts) {
  return facts.null_sender ? std::string() : facts.sender.key();
}

/// A resolver that answers each question with a failure is up, and refusals that would have it examined never
/// come about: so that somebody hears of it, a failure has it examined.
checks::DnsAnswer LiveEvidence::dns(const dns::Question& question,
                                    const std::shared_ptr<checks::Answer<checks::DnsAnswer>>& answer) {
  if (auto known = context_.resolver.known(question)) return known;
  return context_.resolver.resolve(question, [answer, question, &context = context_](const auto& said) {
    context.examiner.note(question, *said);
    if (said->failed()) context.examiner.examine(context.resolver_witness, [](const auto&) {});
    answer->set(said);
  });
}

void LiveEvidence::examine(const checks::WitnessPtr& witness,
                           const std::shared_ptr<checks::Answer<checks::Testimony>>& answer) {
  context_.examiner.examine(witness, [answer](const checks::Testimony& said) { answer->set(said); });
}

void LiveEvidence::callout(const checks::CalloutQuestion& question,
                           const std::shared_ptr<checks::Answer<checks::CalloutAnswer>>& answer) {
  if (context_.prober != nullptr)
    return context_.prober->ask(question, [answer](const auto& said) { answer->set(said); });
  const auto& memory = context_.memory;
  auto known = checks::recall(memory.callouts, question.address, memory.now());
  const checks::CalloutAnswer not_asked{checks::CalloutResult::not_asked, "explain asks only with --callout",
                                        false};
  answer->set(known ? std::move(*known) : not_asked);
}

void LiveEvidence::recipient(const mail::Mailbox& mailbox,
                             const std::shared_ptr<checks::Answer<checks::RecipientAnswer>>& answer) {
  const auto& live = *context_.live;
  const auto found = live.domains.find(mailbox);
  checks::RecipientAnswer said{found.kind, {}, true};
  if (found.domain != nullptr) {
    said.route = found.domain->route;
    said.route_up = live.routes.at(said.route)->available(context_.clock.now());
  }
  answer->set(std::move(said));
}

checks::PastAnswer LiveEvidence::past(const smtp::RcptFacts& facts) {
  auto& learned = context_.learned;
  if (learned.size() == 0) return {};
  std::vector<std::string> accepted;
  for (const auto& recipient : facts.accepted) accepted.push_back(recipient.mailbox.key());
  const auto recalled =
      learned.recall(learned_key(facts.mail), facts.recipient.key(), accepted, context_.memory.now());
  using Kind = relay::Recollection::Kind;
  if (recalled.kind == Kind::nothing) return {};
  if (recalled.kind == Kind::not_now) return {checks::PastAnswer::Kind::not_now, 0, {}, {}};
  return {checks::PastAnswer::Kind::refuse, recalled.reply.code, recalled.reply.enhanced,
          recalled.reply.text};
}

}  // namespace gatepost::gateway
