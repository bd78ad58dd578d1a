// early_talker: bytes before the banner, and how long the banner is held back to see whether they come.
#include <fmt/format.h>

#include "checks/check.hpp"
#include "checks/policy.hpp"
#include "checks/repute.hpp"
#include "checks/rule.hpp"

namespace gatepost::checks {
namespace {

using smtp::Say;

/// A client waits five minutes for the banner (RFC 5321 4.5.3.2.1), but not all do.
constexpr base::Millis longest_delay = std::chrono::seconds(30);

struct Settings {
  Rule talk = Rule::reject();
  base::Millis greet_delay{0};
};

class EarlyTalker final : public Check {
 public:
  explicit EarlyTalker(const Settings& settings) : Check({smtp::Stage::connect}), settings_(settings) {}

  Findings connect(const smtp::ConnectFacts& facts, Evidence& evidence) const override {
    Findings findings{std::in_place};
    if (facts.early_talk) {
      if (settings_.talk.on())
        findings->push_back(finding_of(settings_.talk, Say::early_talk, {}, "bytes came before the banner"));
    } else if (holds_back(facts.client.address, evidence)) {
      findings->push_back(delay());
    }
    return findings;
  }

 private:
  bool holds_back(const base::IpAddress& client, Evidence& evidence) const {
    auto& memory = evidence.memory();
    return settings_.greet_delay > base::Millis{0} && is_real_client(client, evidence.site().real_clients) &&
           !memory.reputation.known_good(client, memory.now());
  }
  Finding delay() const {
    Finding finding;
    finding.verdict = telemetry::Verdict::annotate;
    finding.reason = "early_talker.greet_delay";
    finding.evidence = fmt::format("the banner is held back for {}, since the client has no good history",
                                   base::TextForm<base::Millis>::print(settings_.greet_delay));
    finding.delay = settings_.greet_delay;
    return finding;
  }

  Settings settings_;
};

class EarlyTalkerOptions final : public CheckOptions {
 public:
  EarlyTalkerOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "talk", .help = "The client spoke before the banner."}, settings_.talk);
    v.field({.key = "greet_delay",
             .help = "How long the banner is held back for clients without a good history (see the check "
                     "reputation), at most 30 s. Only in mode enforce."},
            settings_.greet_delay);
  }
  void validate(const std::string& path, base::Problems& problems) const override {
    CheckOptions::validate(path, problems);
    if (settings_.greet_delay > longest_delay)
      problems.error(path + ".greet_delay", "must be at most 30 s: clients do not wait for ever");
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<EarlyTalker>(settings_);
  }

 private:
  Settings settings_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_early_talker_options() {
  return std::make_unique<EarlyTalkerOptions>();
}

}  // namespace gatepost::checks
