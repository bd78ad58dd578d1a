#include "gateway/callout_judgement.hpp"

#include "core/base/text.hpp"
#include "relay/outcome.hpp"

namespace gatepost::gateway {
namespace {

using checks::CalloutAnswer;
using checks::CalloutResult;
using smtp::BackendReply;

CalloutAnswer answer(CalloutResult result, const BackendReply& reply) {
  return {result, callout_words(reply), false};
}

CalloutAnswer nothing_said() {
  return {CalloutResult::unknown, "no answer", false};
}

/// The reply to RCPT, or the answer if it did not come so far.
const BackendReply* reply_to_rcpt(const smtp::TransactionReplies& replies, CalloutAnswer& otherwise) {
  otherwise = nothing_said();
  if (!replies.mail) return nullptr;
  if (!replies.mail->positive()) {
    // 5.7.x: it does not like us, whoever the sender is.
    const bool of_sender = replies.mail->permanent() && replies.mail->enhanced.subject != 7;
    otherwise = answer(of_sender ? CalloutResult::sender_refused : CalloutResult::unknown, *replies.mail);
    return nullptr;
  }
  return replies.rcpts.empty() ? nullptr : &replies.rcpts.front();
}

/// Could a refusal be about the address? Not where the code says that it is about policy, TLS or commands.
bool may_concern_address(const BackendReply& reply) {
  const bool fits = reply.code == 550 || reply.code == 551 || reply.code == 553 || reply.code == 554;
  const auto subject = reply.enhanced.present() ? reply.enhanced.subject : 1;
  return fits && (subject == 0 || subject == 1);
}

}  // namespace

std::string callout_words(const BackendReply& reply) {
  return base::printable(reply.line(),
                         checks::CalloutRecord::longest_words - 8);  // "\xNN..." may stand behind
}

DomainJudgement judge_made_up(const smtp::TransactionReplies& replies) {
  DomainJudgement judgement;
  const auto* reply = reply_to_rcpt(replies, judgement.answer);
  if (reply == nullptr) return judgement;
  if (reply->positive()) return {answer(CalloutResult::takes_all, *reply), false};
  if (relay::is_address_refusal(*reply) || may_concern_address(*reply))
    return {answer(CalloutResult::selective, *reply), true};
  return {answer(CalloutResult::unknown, *reply), reply->transient()};
}

AddressJudgement judge_address(const smtp::TransactionReplies& replies) {
  AddressJudgement judgement;
  const auto* reply = reply_to_rcpt(replies, judgement.answer);
  if (reply == nullptr) return judgement;
  if (reply->positive()) return {answer(CalloutResult::taken, *reply), false};
  if (relay::is_address_refusal(*reply)) return {answer(CalloutResult::refused, *reply), false};
  if (may_concern_address(*reply)) return {answer(CalloutResult::refused, *reply), true};
  return {answer(CalloutResult::unknown, *reply), false};
}

CalloutAnswer judge_doubtful(const CalloutAnswer& refusal, const smtp::TransactionReplies& postmaster) {
  const bool takes = postmaster.mail && postmaster.mail->positive() && !postmaster.rcpts.empty() &&
                     postmaster.rcpts.front().positive();
  if (takes) return refusal;
  return {CalloutResult::unknown, refusal.words + "; and postmaster is not taken either", false};
}

}  // namespace gatepost::gateway
