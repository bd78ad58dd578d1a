#include "relay/outcome.hpp"

#include <algorithm>

namespace gatepost::relay {
namespace {

using smtp::BackendReply;

void learn_refusal(Outcome& outcome, const smtp::Envelope& envelope, std::size_t i, const BackendReply& reply,
                   bool for_sender) {
  if (envelope.recipients[i].spared) {
    if (for_sender) outcome.lessons.push_back({Lesson::Kind::deferred_once, i, reply});
    return;
  }
  if (for_sender) outcome.lessons.push_back({Lesson::Kind::refused, i, reply});
  if (is_address_refusal(reply)) outcome.lessons.push_back({Lesson::Kind::refused_address, i, reply});
}

/// Some recipients were refused: there was no message.
Outcome refused_at_rcpt(const smtp::Envelope& envelope, const std::vector<BackendReply>& rcpts) {
  Outcome outcome;
  const auto count = [&](auto predicate) {
    return static_cast<std::size_t>(std::count_if(rcpts.begin(), rcpts.end(), predicate));
  };
  const auto permanent = count([](const BackendReply& r) { return r.permanent(); });
  const auto accepted = count([](const BackendReply& r) { return r.positive(); });
  const bool mixed = accepted > 0 || (permanent > 0 && permanent < rcpts.size());
  for (std::size_t i = 0; i < rcpts.size(); ++i) {
    if (rcpts[i].positive()) continue;
    if (rcpts[i].permanent()) {
      learn_refusal(outcome, envelope, i, rcpts[i], mixed);
    } else if (accepted > 0) {
      outcome.lessons.push_back({Lesson::Kind::deferred_once, i, rcpts[i]});
    }
  }
  outcome.verdict = mixed ? Outcome::Verdict::split : Outcome::Verdict::passed_on;
  outcome.reply =
      *std::find_if(rcpts.begin(), rcpts.end(), [](const BackendReply& r) { return !r.positive(); });
  return outcome;
}

Outcome answered_message(const smtp::Envelope& envelope, const BackendReply& dot,
                         const std::vector<bool>& suspects) {
  Outcome outcome;
  outcome.reply = dot;
  outcome.verdict = Outcome::Verdict::passed_on;
  const auto all = envelope.recipients.size();
  if (dot.positive()) {
    outcome.verdict = Outcome::Verdict::delivered;
    for (std::size_t i = 0; i < all; ++i) outcome.lessons.push_back({Lesson::Kind::cleared, i, {}});
    return outcome;
  }
  const auto suspected = [&suspects](std::size_t i) { return i < suspects.size() && suspects[i]; };
  if (dot.transient()) {
    for (std::size_t i = 0; i < all; ++i) {
      if (suspected(i)) outcome.lessons.push_back({Lesson::Kind::suspect_deferred, i, dot, all});
    }
    return outcome;
  }
  if (!is_address_refusal(dot)) return outcome;  // about the message: nothing is learned
  if (all == 1) {
    learn_refusal(outcome, envelope, 0, dot, suspected(0));
    return outcome;
  }
  outcome.verdict = Outcome::Verdict::suspects;
  for (std::size_t i = 0; i < all; ++i) outcome.lessons.push_back({Lesson::Kind::suspect, i, dot, all});
  return outcome;
}

}  // namespace

bool is_address_refusal(const BackendReply& reply) {
  if (!reply.permanent()) return false;
  const auto& e = reply.enhanced;
  return e == smtp::Enhanced{5, 1, 1} || e == smtp::Enhanced{5, 1, 10} || e == smtp::Enhanced{5, 2, 1} ||
         e == smtp::Enhanced{5, 4, 1};
}

Outcome outcome(const smtp::Envelope& envelope, const smtp::TransactionReplies& replies,
                const std::vector<bool>& suspects) {
  const auto passed_on = [](const BackendReply& reply) {
    return Outcome{Outcome::Verdict::passed_on, reply, {}};
  };
  const auto sensible = [](const BackendReply& reply) {
    return reply.positive() || reply.transient() || reply.permanent();
  };
  if (!replies.mail || !sensible(*replies.mail)) return {};
  if (!replies.mail->positive()) return passed_on(*replies.mail);
  if (replies.rcpts.size() < envelope.recipients.size() ||
      !std::all_of(replies.rcpts.begin(), replies.rcpts.end(), sensible))
    return {};
  const bool refused = std::any_of(replies.rcpts.begin(), replies.rcpts.end(),
                                   [](const BackendReply& r) { return !r.positive(); });
  if (refused) return refused_at_rcpt(envelope, replies.rcpts);
  if (!replies.data) return {};
  if (replies.data->code != 354) {
    return replies.data->transient() || replies.data->permanent() ? passed_on(*replies.data) : Outcome{};
  }
  if (!replies.dot || !sensible(*replies.dot)) return {};
  return answered_message(envelope, *replies.dot, suspects);
}

}  // namespace gatepost::relay
