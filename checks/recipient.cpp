// recipient: relay control, the directory, and what the inside has said of this recipient before. It cannot
// be switched off and nothing exempts from it.
#include "checks/check.hpp"

namespace gatepost::checks {
namespace {

using Kind = directory::DomainTable::Answer::Kind;
using smtp::Say;
using telemetry::Verdict;

std::vector<Finding> refuse(smtp::Reply reply, std::string evidence = {}) {
  Finding finding;
  finding.verdict = reply.permanent() ? Verdict::reject : Verdict::defer;
  finding.reply = std::move(reply);
  finding.evidence = std::move(evidence);
  return {std::move(finding)};
}

class Recipient final : public Check {
 public:
  Recipient() : Check({smtp::Stage::rcpt}) {}
  Findings rcpt(const smtp::RcptFacts& facts, Evidence& evidence) const override {
    const auto& address = facts.recipient.text();
    // A bounce goes to the one who sent the message (RFC 5321 4.5.5).
    if (facts.mail.null_sender && !facts.accepted.empty())
      return refuse(smtp::reply(Say::second_bounce_recipient, {address}));
    const auto* answer = evidence.recipient(facts.recipient);
    if (answer == nullptr) return std::nullopt;
    switch (answer->kind) {
      case Kind::not_ours:
        return refuse(smtp::reply(Say::relaying_denied, {address, facts.recipient.domain()}));
      case Kind::unknown: return refuse(smtp::reply(Say::unknown_recipient, {address}));
      case Kind::unavailable: return refuse(smtp::reply(Say::directory_unavailable, {address}));
      case Kind::found: break;
    }
    const auto& past = evidence.past(facts);
    if (past.kind == PastAnswer::Kind::refuse)
      return refuse(repeat(past, address), "the backend said so before: " + past.text);
    if (past.kind == PastAnswer::Kind::not_now) return refuse(smtp::reply(Say::suspect_turn, {address}));
    if (!facts.accepted.empty()) {
      const auto* first = evidence.recipient(facts.accepted.front().mailbox);
      if (first == nullptr) return std::nullopt;
      if (first->route != answer->route) return refuse(smtp::reply(Say::other_route, {address}));
    }
    if (!answer->route_up) return refuse(smtp::reply(Say::backend_down), "route " + answer->route);
    return Findings{std::in_place};
  }

 private:
  /// A backend's earlier words with its codes.
  static smtp::Reply repeat(const PastAnswer& past, const std::string& address) {
    const bool permanent = past.code >= 500;
    auto said =
        smtp::reply(permanent ? Say::remembered_refusal : Say::remembered_deferral, {address, past.text});
    auto enhanced = past.enhanced;
    if (!enhanced.present()) enhanced = {static_cast<std::uint8_t>(past.code / 100), 0, 0};
    return smtp::Reply(past.code == 421 ? 451 : past.code, enhanced, said.token(), said.text());
  }
};

class RecipientOptions final : public CheckOptions {
 public:
  RecipientOptions() : CheckOptions(Mode::enforce) {}
  void visit(base::Visitor&) override {}
  std::unique_ptr<const Check> make(CheckFiles&) const override { return std::make_unique<Recipient>(); }
  bool absolute() const override { return true; }
};

}  // namespace

std::unique_ptr<CheckOptions> make_recipient_options() {
  return std::make_unique<RecipientOptions>();
}

}  // namespace gatepost::checks
