// spf: does the domain that the sender names, or that HELO names, allow this client to send for it (RFC
// 7208)?
#include "checks/rule.hpp"

#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using mail::SpfAnswer;
using mail::SpfIdentity;
using mail::SpfResult;
using smtp::Say;

struct Rules {
  Rule fail = Rule::reject();
  Rule softfail = Rule::points(2);
  Rule neutral = Rule::off();
  Rule none = Rule::off();
  Rule permerror = Rule::points(1);
  Rule helo_fail = Rule::points(2);
  bool header = true;
};

/// "a@b.example: fail by -all in "v=spf1 mx -all"". Of a pass the record need not be told.
std::string in_words(const SpfAnswer& answer) {
  auto text = answer.sender + ": " + std::string(mail::name_of(answer.result));
  if (!answer.mechanism.empty()) text += " by " + answer.mechanism;
  if (!answer.record.empty() && answer.result != SpfResult::pass)
    text += " in \"" + base::printable(answer.record, 200) + "\"";
  if (!answer.problem.empty()) text += ": " + answer.problem;
  return text;
}

Finding refusing(const Rule& rule, Say say, const SpfAnswer& answer, const base::IpAddress& address) {
  const auto client = address.to_string();
  switch (say) {
    case Say::spf_fail: {
      const auto explained = answer.explanation.empty()
                                 ? std::string()
                                 : "; the domain " + answer.domain + " explains: " + answer.explanation;
      return finding_of(rule, say, {answer.domain, client, explained}, in_words(answer));
    }
    case Say::spf_permerror: return finding_of(rule, say, {answer.domain, answer.problem}, in_words(answer));
    case Say::spf_none: return finding_of(rule, say, {answer.domain}, in_words(answer));
    default: return finding_of(rule, say, {answer.domain, client}, in_words(answer));
  }
}

class Spf final : public Check {
 public:
  explicit Spf(const Rules& rules) : Check({smtp::Stage::mail}), rules_(rules) {}
  bool depends_on_client() const override { return true; }

  Findings mail(const smtp::MailFacts& facts, Evidence& evidence) const override {
    const auto* sender = evidence.spf(facts, SpfIdentity::mail_from);
    // For bounces the sender's identity is that of HELO.
    const auto* helo =
        facts.null_sender || !rules_.helo_fail.on() ? sender : evidence.spf(facts, SpfIdentity::helo);
    if (sender == nullptr || helo == nullptr) return std::nullopt;
    Findings findings{std::in_place};
    findings->push_back(of_sender(*sender, facts, evidence));
    if (helo != sender && helo->result == SpfResult::fail) {
      auto finding = refusing(rules_.helo_fail, Say::spf_fail, *helo, facts.helo.connect.client.address);
      finding.stage = smtp::Stage::helo;
      finding.rests_on = {evidence.resolver()};
      findings->push_back(std::move(finding));
    }
    return findings;
  }

 private:
  Finding of_sender(const SpfAnswer& answer, const smtp::MailFacts& facts, const Evidence& evidence) const {
    auto finding = judged(answer, facts.helo.connect.client.address);
    if (finding.verdict != telemetry::Verdict::annotate && finding.verdict != telemetry::Verdict::unknown)
      finding.rests_on = {evidence.resolver()};
    if (rules_.header) {
      finding.header = mail::received_spf_field(evidence.spf_question(facts, SpfIdentity::mail_from), answer);
    }
    return finding;
  }

  Finding judged(const SpfAnswer& answer, const base::IpAddress& client) const {
    switch (answer.result) {
      case SpfResult::fail: return by(rules_.fail, Say::spf_fail, answer, client);
      case SpfResult::softfail: return by(rules_.softfail, Say::spf_softfail, answer, client);
      case SpfResult::neutral: return by(rules_.neutral, Say::spf_neutral, answer, client);
      case SpfResult::none: return by(rules_.none, Say::spf_none, answer, client);
      case SpfResult::permerror: return by(rules_.permerror, Say::spf_permerror, answer, client);
      case SpfResult::temperror: return cannot_know(Say::spf_unavailable, {answer.domain}, in_words(answer));
      case SpfResult::pass: break;
    }
    Finding finding;
    finding.verdict = telemetry::Verdict::annotate;
    finding.reason = "spf.pass";
    finding.evidence = in_words(answer);
    return finding;
  }

  /// A rule that is off leaves the result on record.
  static Finding by(const Rule& rule, Say say, const SpfAnswer& answer, const base::IpAddress& client) {
    return refusing(rule.on() ? rule : Rule::note(), say, answer, client);
  }

  Rules rules_;
};

class SpfOptions final : public CheckOptions {
 public:
  SpfOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "fail", .help = "The sender's domain says that this client may not send for it (-all)."},
            rules_.fail);
    v.field({.key = "softfail", .help = "It says that the client probably may not (~all)."}, rules_.softfail);
    v.field({.key = "neutral", .help = "It says nothing about the client (?all)."}, rules_.neutral);
    v.field({.key = "none", .help = "It has no SPF record."}, rules_.none);
    v.field({.key = "permerror", .help = "Its record cannot be understood, or needs too many lookups."},
            rules_.permerror);
    v.field({.key = "helo_fail", .help = "The domain that HELO names says that this client may not use it."},
            rules_.helo_fail);
    v.field({.key = "header", .help = "Put Received-SPF (RFC 7208 9.1) in front of the message."},
            rules_.header);
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override { return std::make_unique<Spf>(rules_); }

 private:
  Rules rules_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_spf_options() {
  return std::make_unique<SpfOptions>();
}

}  // namespace gatepost::checks
