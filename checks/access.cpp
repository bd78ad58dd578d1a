// access: the operator's own rules, first match wins. Conditions of a rule are ANDed; a rule is decided as
// soon as its conditions and those of the rules before it are known.
#include <algorithm>
#include <iterator>

#include "checks/access_file.hpp"
#include "checks/access_rules.hpp"
#include "checks/check.hpp"
#include "core/base/file.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using smtp::Stage;
using telemetry::Verdict;
using Hits = std::vector<AccessHit>;

/// A plain list of networks: what is to be done with clients in it.
struct AccessList {
  std::string path;
  AccessEffect then;

  void visit(base::Visitor& v) {
    v.field({.key = "path",
             .help = "A file with an address or network a line; # and ; begin comments.",
             .example = "\"/var/lib/gatepost/drop.txt\""},
            path);
    v.field({.key = "action", .help = "What to do with clients in one of them, as in rules."}, then.action);
    v.field({.key = "text", .help = "As in rules."}, then.text);
    v.field({.key = "checks", .help = "As in rules.", .example = "[\"spf\"]"}, then.checks);
    v.field({.key = "note", .help = "As in rules."}, then.note);
  }
};

std::string sender_key(const smtp::MailFacts& facts) {
  return facts.null_sender ? "<>" : facts.sender.key();
}

class Access final : public Check {
 public:
  explicit Access(AccessRules rules)
      : Check({Stage::connect, Stage::helo, Stage::mail, Stage::rcpt}), rules_(std::move(rules)) {}

  Findings connect(const smtp::ConnectFacts& facts, Evidence& evidence) const override {
    if (rules_.empty()) return Findings{std::in_place};
    const auto hits = rules_.apply(known(facts, evidence));
    if (!hits) return std::nullopt;
    return say(*hits, {}, evidence);
  }
  Findings helo(const smtp::HeloFacts& facts, Evidence& evidence) const override {
    if (rules_.last_stage() < Stage::helo) return Findings{std::in_place};
    const auto before = known(facts.connect, evidence);
    auto now = before;
    now.helo = &facts.name;
    return say_new(before, now, evidence);
  }
  Findings mail(const smtp::MailFacts& facts, Evidence& evidence) const override {
    if (rules_.last_stage() < Stage::mail) return Findings{std::in_place};
    const auto sender = sender_key(facts);
    auto before = known(facts.helo.connect, evidence);
    before.helo = &facts.helo.name;
    auto now = before;
    now.sender = &sender;
    return say_new(before, now, evidence);
  }
  Findings rcpt(const smtp::RcptFacts& facts, Evidence& evidence) const override {
    if (rules_.last_stage() < Stage::rcpt) return Findings{std::in_place};
    const auto sender = sender_key(facts.mail);
    const auto recipient = facts.recipient.key();
    auto before = known(facts.mail.helo.connect, evidence);
    before.helo = &facts.mail.helo.name;
    before.sender = &sender;
    auto now = before;
    now.recipient = &recipient;
    return say_new(before, now, evidence);
  }

 private:
  static AccessFacts known(const smtp::ConnectFacts& facts, Evidence& evidence) {
    const auto& client = facts.client.address;
    return {client,
            nullptr,
            nullptr,
            nullptr,
            std::chrono::floor<std::chrono::seconds>(evidence.wall()),
            [&client, &evidence] { return evidence.client_name(client); }};
  }

  /// What the facts of this stage add to what an earlier one has said.
  Findings say_new(const AccessFacts& before, const AccessFacts& now, Evidence& evidence) const {
    const auto hits = rules_.apply(now);
    if (!hits) return std::nullopt;
    if (hits->empty()) return Findings{std::in_place};
    const auto said = rules_.apply(before);
    if (!said) return std::nullopt;
    return say(*hits, *said, evidence);
  }

  Findings say(const Hits& hits, const Hits& said, const Evidence& evidence) const {
    std::vector<Finding> findings;
    bool might_be_allowed = false;
    for (const auto& hit : hits) {
      if (!std::binary_search(said.begin(), said.end(), hit))
        findings.push_back(hit.unknown ? unknown(hit.rule, evidence) : finding(hit.rule, might_be_allowed));
      might_be_allowed =
          might_be_allowed || (hit.unknown && rules_.effect(hit.rule).action == AccessAction::allow);
    }
    return findings;
  }

  Finding about(std::uint32_t rule) const {
    Finding finding;
    const auto& note = rules_.effect(rule).note;
    finding.stage = rules_.stage(rule);
    finding.evidence = rules_.name(rule) + (note.empty() ? "" : ": " + note);
    return finding;
  }

  Finding unknown(std::uint32_t rule, const Evidence& evidence) const {
    auto finding = about(rule);
    finding.verdict = Verdict::unknown;
    finding.reason = "access.client_name_unknown";
    finding.evidence += "; not applied, since DNS does not tell the client's name";
    const auto* name = evidence.known_client_name();
    if (name != nullptr && !name->why.empty()) finding.evidence += ": " + name->why;
    return finding;
  }

  /// A temporary failure must not refuse for good what a rule before this one might have allowed.
  Finding finding(std::uint32_t rule, bool might_be_allowed) const {
    auto finding = about(rule);
    const auto& effect = rules_.effect(rule);
    const auto text = effect.text.empty() ? "access denied by a rule of this site" : effect.text;
    switch (effect.action) {
      case AccessAction::allow:
        finding.verdict = Verdict::allow;
        finding.reason = "access.allowed";
        return finding;
      case AccessAction::exempt:
        finding.verdict = Verdict::allow;
        finding.reason = "access.exempt";
        finding.exempts = effect.checks;
        return finding;
      case AccessAction::deny:
        if (might_be_allowed) break;
        finding.verdict = Verdict::reject;
        finding.reply = smtp::reply(smtp::Say::access_denied, {text});
        return finding;
      case AccessAction::defer: break;
    }
    finding.verdict = Verdict::defer;
    finding.reply = smtp::reply(smtp::Say::access_deferred, {text});
    return finding;
  }

  AccessRules rules_;
};

/// Checks that a rule may exempt from: not relay control and the directory, nor these rules themselves.
std::vector<std::string_view> exemptable_checks() {
  std::vector<std::string_view> names;
  for (const auto& type : all_checks()) {
    if (type.name != "access" && !type.make_options()->absolute()) names.push_back(type.name);
  }
  return names;
}

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

class AccessOptions final : public CheckOptions {
 public:
  AccessOptions() : CheckOptions(Mode::enforce) {}

  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "files",
             .help = "Files with more rules, which stand behind those of the configuration: comma-separated "
                     "values, the first line names the columns. Read again when they change.",
             .example = "[\"/etc/gatepost/access.csv\"]"},
            files_);
    v.list({.key = "rules", .help = "Rules; the first one whose conditions all hold is carried out."},
           rules_);
    v.list(
        {.key = "lists",
         .help = "Files with networks and nothing else, such as published block lists; they stand behind all "
                 "rules. Read again when they change."},
        lists_);
  }

  void validate(const std::string& path, base::Problems& problems) const override {
    const auto exemptable = exemptable_checks();
    const auto report = [&problems](const std::string& at, const std::vector<AccessMistake>& mistakes) {
      for (const auto& mistake : mistakes)
        problems.error(mistake.field.empty() ? at : at + "." + mistake.field, mistake.message, mistake.hint);
    };
    for (std::size_t i = 0; i < rules_.size(); ++i)
      report(path + ".rules[" + std::to_string(i) + "]", mistakes_in(rules_[i], exemptable));
    for (std::size_t i = 0; i < lists_.size(); ++i) {
      const auto at = path + ".lists[" + std::to_string(i) + "]";
      if (lists_[i].path.empty()) problems.error(at, "a list needs a path");
      report(at, mistakes_in(lists_[i].then, exemptable));
    }
  }

  std::unique_ptr<const Check> make(CheckFiles& files) const override {
    AccessRules rules;
    const auto inline_rules = rules.add_source("rule");
    for (std::uint32_t i = 0; i < rules_.size(); ++i) rules.add(rules_[i], inline_rules, i + 1);
    for (const auto& file : files_) add_file(file, rules, files);
    for (const auto& list : lists_) add_list(list, rules, files);
    rules.build();
    return std::make_unique<Access>(std::move(rules));
  }

 private:
  static void add_file(const std::string& path, AccessRules& rules, CheckFiles& files) {
    const auto text = read(path, files);
    FileMistakes mistakes(path, files);
    const auto source = rules.add_source(std::string(file_name(path)) + " line");
    read_access_csv(
        text, exemptable_checks(),
        [&](AccessRule rule, std::size_t line) {
          rules.add(std::move(rule), source, static_cast<std::uint32_t>(line));
        },
        mistakes);
  }
  static void add_list(const AccessList& list, AccessRules& rules, CheckFiles& files) {
    const auto text = read(list.path, files);
    FileMistakes mistakes(list.path, files);
    const auto source = rules.add_source(std::string(file_name(list.path)) + " line");
    read_network_list(
        text,
        [&](base::Network network, std::size_t line) {
          rules.add({{{network}, {}, {}, {}, {}}, list.then}, source, static_cast<std::uint32_t>(line));
        },
        mistakes);
  }
  static std::string read(const std::string& path, CheckFiles& files) {
    files.read.emplace(path, base::stamp_of(path));
    auto text = base::read_file(path);
    if (text) return std::move(*text);
    files.mistakes.push_back({path, 0, "cannot read access rules: " + text.error().message, {}});
    return {};
  }

  std::vector<AccessRule> rules_;
  std::vector<std::string> files_;
  std::vector<AccessList> lists_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_access_options() {
  return std::make_unique<AccessOptions>();
}

}  // namespace gatepost::checks
