#include "checks/deeds.hpp"

#include <algorithm>
#include <array>

namespace gatepost::checks {
namespace {

/// Unknown recipients count one by one if none of a transaction was delivered to, up to here: who tries out
/// addresses is known by the next transaction.
constexpr int most_unknown = 10;
/// Anybody makes fewer errors. That a session was cut off does not count by itself: who is refused again and
/// again, even by the reputation, says RSET often.
constexpr unsigned many_errors = 3;

enum class Kind { nothing, unknown_recipient, refused, score };

/// Refusals that say nothing of the sender, by the first part of their token:
constexpr std::array<std::string_view, 11> silent{
    "reputation",                // it would never end
    "access",                    // the operator's own rule; when it is gone nothing is to remain
    "early_talker",              // counted with the session
    "rate",         "greylist",  // about when, not what
    "message",      "limit",     // large, or much
    "check",        "relay",     // ours
    "protocol",     "ok",        // errors are counted with the session
};

Kind kind_of(const smtp::Reply& reply) {
  if (!reply.permanent()) return Kind::nothing;
  const auto token = reply.token();
  const auto& enhanced = reply.enhanced();
  // Also what the internal server says, or said before: 5.1.1, and Exchange's 5.1.10.
  if (token == "rcpt.unknown" || ((token == "rcpt.remembered_refusal" || token == "relay.refused") &&
                                  enhanced.subject == 1 && (enhanced.detail == 1 || enhanced.detail == 10)))
    return Kind::unknown_recipient;
  if (token == "rcpt.relaying_denied") return Kind::refused;
  if (token == "policy.score") return Kind::score;
  const auto family = token.substr(0, token.find('.'));
  const bool says_nothing =
      family == "rcpt" || std::find(silent.begin(), silent.end(), family) != silent.end();
  return says_nothing ? Kind::nothing : Kind::refused;
}

/// The answers of a transaction, sorted.
struct Tally {
  int accepted = 0;
  int unknown = 0;
  int refused = 0;
  int all() const { return accepted + unknown + refused; }
};

}  // namespace

Deeds deeds_of(const smtp::MailFacts& facts, const smtp::TransactionRecord& record, bool already_known) {
  const auto counts = [already_known](Kind kind) {
    return kind == Kind::refused || (kind == Kind::score && !already_known);
  };
  Tally tally;
  for (const auto& [address, reply] : record.recipients) {
    const auto kind = kind_of(reply);
    if (reply.positive()) ++tally.accepted;
    if (counts(kind)) ++tally.refused;
    // Bounces of what others forged, and servers that call back whom others forged.
    if (kind == Kind::unknown_recipient && !facts.null_sender) ++tally.unknown;
  }
  if (record.ending == smtp::Ending::delivered) {
    const auto all = static_cast<float>(std::max(tally.all(), 1));
    const auto bad = static_cast<float>(tally.unknown + tally.refused) / all;
    return {1 - bad, bad};
  }
  const auto last = record.reply ? kind_of(*record.reply) : Kind::nothing;
  const bool refused = tally.refused > 0 || counts(last) || record.ending == smtp::Ending::discarded;
  const bool unknown_at_the_end = last == Kind::unknown_recipient && !facts.null_sender;
  const auto unknown = std::min(std::max(tally.unknown, unknown_at_the_end ? 1 : 0), most_unknown);
  return {0, static_cast<float>(std::max(unknown, refused ? 1 : 0))};
}

Deeds deeds_of(const smtp::ConnectFacts& facts, const smtp::SessionTotals& totals) {
  const auto grave = [](const smtp::Mistake& mistake) {
    const auto token = mistake.reply.token();
    return token == "protocol.auth_not_offered" || token == "protocol.not_smtp" ||
           token == "protocol.pipelining";
  };
  const auto refused = [](const smtp::Mistake& mistake) {
    return mistake.stage <= smtp::Stage::helo && kind_of(mistake.reply) == Kind::refused;
  };
  const auto& mistakes = totals.mistakes;
  unsigned errors = 0;
  for (const auto& error : totals.errors_by_reason)
    errors += error.reason.starts_with("protocol.") ? error.count : 0;
  const bool mistaken = errors >= many_errors || std::any_of(mistakes.begin(), mistakes.end(), grave);
  const bool refusal = std::any_of(mistakes.begin(), mistakes.end(), refused);
  return {0, static_cast<float>(int{mistaken} + int{facts.early_talk} + int{refusal})};
}

}  // namespace gatepost::checks
