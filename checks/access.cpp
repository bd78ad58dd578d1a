// access: the operator's own rules, first match wins. Conditions of a rule are ANDed; a rule is decided as
// soon as its conditions and those of the rules before it are known.
#include "checks/address_pattern.hpp"
#include "checks/check.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using smtp::Stage;
using telemetry::Verdict;

enum class Action { allow, deny, defer };

struct Rule {
  std::vector<base::Network> client;
  std::vector<std::string> helo;
  std::vector<std::string> sender;
  std::vector<std::string> recipient;
  Action action = Action::deny;
  std::string text;
  std::string note;

  void visit(base::Visitor& v);
};

}  // namespace
}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::Action> {
  static constexpr std::array<std::string_view, 3> names{"allow", "deny", "defer"};
  static constexpr std::string_view form = "\"allow\", \"deny\" or \"defer\"";
  static std::string parse(std::string_view in, checks::Action& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const checks::Action& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

}  // namespace gatepost::base

namespace gatepost::checks {
namespace {

void Rule::visit(base::Visitor& v) {
  v.field({.key = "client",
           .help = "The client's address is in one of these networks.",
           .example = "[\"203.0.113.0/24\"]"},
          client);
  v.field({.key = "helo",
           .help = "The HELO name is like one of these; * stands for any characters.",
           .example = "[\"*.dyn.example.com\"]"},
          helo);
  v.field({.key = "sender",
           .help = "The sender is one of these: user@domain, domain, *.domain, or <> for bounces; * stands "
                   "for any characters.",
           .example = "[\"bulk.example.com\"]"},
          sender);
  v.field({.key = "recipient",
           .help = "The recipient is one of these, written like senders.",
           .example = "[\"sales@example.org\"]"},
          recipient);
  v.field({.key = "action", .help = "allow: no check refuses the mail; deny: 550; defer: 451."}, action);
  v.field({.key = "text",
           .help = "What to tell the sender instead of \"access denied\".",
           .example = "\"please call us\""},
          text);
  v.field({.key = "note",
           .help = "For yourselves: why the rule is here. Goes to the log.",
           .example = "\"ticket 4711\""},
          note);
}

/// What is known so far; null where it is not.
struct Known {
  const base::IpAddress* client = nullptr;
  const std::string* helo = nullptr;
  const std::string* sender = nullptr;
  const std::string* recipient = nullptr;
};

enum class Match { no, yes, open };

template <class Patterns, class Value, class Like>
Match match_one(const Patterns& patterns, const Value* value, Like like) {
  if (patterns.empty()) return Match::yes;
  if (value == nullptr) return Match::open;
  for (const auto& pattern : patterns) {
    if (like(pattern, *value)) return Match::yes;
  }
  return Match::no;
}

Match match(const Rule& rule, const Known& known) {
  const auto in = [](const base::Network& network, const base::IpAddress& address) {
    return network.contains(address);
  };
  const auto like_name = [](const std::string& pattern, const std::string& name) {
    return base::wildcard_match(pattern, name);
  };
  const std::array results{match_one(rule.client, known.client, in),
                           match_one(rule.helo, known.helo, like_name),
                           match_one(rule.sender, known.sender, address_matches),
                           match_one(rule.recipient, known.recipient, address_matches)};
  auto all = Match::yes;
  for (const auto result : results) {
    if (result == Match::no) return Match::no;
    if (result == Match::open) all = Match::open;
  }
  return all;
}

/// The stage at which a rule's own conditions are known.
Stage stage_of(const Rule& rule) {
  if (!rule.recipient.empty()) return Stage::rcpt;
  if (!rule.sender.empty()) return Stage::mail;
  return rule.helo.empty() ? Stage::connect : Stage::helo;
}

class Access final : public Check {
 public:
  explicit Access(std::vector<Rule> rules)
      : Check({Stage::connect, Stage::helo, Stage::mail, Stage::rcpt}), rules_(std::move(rules)) {}

  Findings connect(const smtp::ConnectFacts& facts, Evidence&) const override {
    return say(first(known(facts)));
  }
  Findings helo(const smtp::HeloFacts& facts, Evidence&) const override {
    return decided(known(facts.connect)) ? say(nullptr) : say(first(known(facts)));
  }
  Findings mail(const smtp::MailFacts& facts, Evidence&) const override {
    if (decided(known(facts.helo))) return say(nullptr);
    const auto sender = sender_key(facts);
    return say(first(known(facts, sender)));
  }
  Findings rcpt(const smtp::RcptFacts& facts, Evidence&) const override {
    const auto sender = sender_key(facts.mail);
    auto all = known(facts.mail, sender);
    if (decided(all)) return say(nullptr);
    const auto recipient = facts.recipient.key();
    all.recipient = &recipient;
    return say(first(all));
  }

 private:
  static Known known(const smtp::ConnectFacts& facts) {
    return {&facts.client.address, nullptr, nullptr, nullptr};
  }
  static Known known(const smtp::HeloFacts& facts) {
    return {&facts.connect.client.address, &facts.name, nullptr, nullptr};
  }
  static Known known(const smtp::MailFacts& facts, const std::string& sender) {
    auto all = known(facts.helo);
    all.sender = &sender;
    return all;
  }
  static std::string sender_key(const smtp::MailFacts& facts) {
    return facts.null_sender ? "<>" : facts.sender.key();
  }

  /// The first rule that matches, unless one before it is still open.
  const Rule* first(const Known& known) const {
    for (const auto& rule : rules_) {
      const auto result = match(rule, known);
      if (result != Match::no) return result == Match::yes ? &rule : nullptr;
    }
    return nullptr;
  }
  /// An earlier stage has spoken already.
  bool decided(const Known& known) const { return rules_.empty() || first(known) != nullptr; }

  Findings say(const Rule* rule) const {
    std::vector<Finding> findings;
    if (rule != nullptr) {
      Finding finding;
      finding.stage = stage_of(*rule);
      finding.evidence =
          "rule " + std::to_string(rule - rules_.data() + 1) + (rule->note.empty() ? "" : ": " + rule->note);
      const std::string text = rule->text.empty() ? "access denied by a rule of this site" : rule->text;
      if (rule->action == Action::allow) {
        finding.verdict = Verdict::allow;
        finding.reason = "access.allowed";
      } else {
        finding.verdict = rule->action == Action::deny ? Verdict::reject : Verdict::defer;
        finding.reply = smtp::reply(
            rule->action == Action::deny ? smtp::Say::access_denied : smtp::Say::access_deferred, {text});
      }
      findings.push_back(std::move(finding));
    }
    return findings;
  }

  std::vector<Rule> rules_;
};

class AccessOptions final : public CheckOptions {
 public:
  AccessOptions() : CheckOptions(Mode::enforce) {}

  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.list({.key = "rules", .help = "Rules; the first one whose conditions all hold is carried out."},
           rules_);
  }
  void validate(const std::string& path, base::Problems& problems) const override {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const auto& rule = rules_[i];
      const auto at = path + ".rules[" + std::to_string(i) + "]";
      if (rule.client.empty() && rule.helo.empty() && rule.sender.empty() && rule.recipient.empty()) {
        problems.error(at, "a rule without conditions matches everything",
                       "give it client, helo, sender or recipient");
      }
      if (!base::is_ascii(rule.text))
        problems.error(at + ".text", "must be ASCII, since it is part of an SMTP reply");
    }
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override { return std::make_unique<Access>(rules_); }

 private:
  std::vector<Rule> rules_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_access_options() {
  return std::make_unique<AccessOptions>();
}

}  // namespace gatepost::checks
