// Sessions one after another before the real pipeline and a real memory: for checks that go by what was
// before.
#pragma once

#include <gtest/gtest.h>

#include "checks/pipeline.hpp"
#include "gateway/config.hpp"
#include "tests/support/fake_evidence.hpp"

namespace gatepost::checks {

/// A configuration, what DNS says, and time. In example.org all exist but nobody@.
class RememberingWorld final : public tests::FakeEvidence {
 public:
  explicit RememberingWorld(const std::string& config, const std::string& zone_text = {})
      : FakeEvidence(tests::FakeZone(zone_text), std::size_t{1} << 22), pipeline_(make(config)) {}

  void pass(base::Millis time) { clock.advance(time); }
  const Pipeline& pipeline() const { return pipeline_; }
  /// As if `name` had not been refused for a rate yet.
  void forget_refusals(const std::string& name) {
    memory().rates.update(name, memory().now(), [](Counts& counts) { counts.refused = {}; });
  }

  void recipient(const mail::Mailbox& mailbox,
                 const std::shared_ptr<Answer<RecipientAnswer>>& answer) override {
    answer->set(
        {mailbox.local() == "nobody" ? RecipientKind::unknown : RecipientKind::found, "inside", true});
  }
  bool ours(std::string_view domain) const override { return domain == "example.org"; }

 private:
  /// Of the checks, those that the configuration names; the recipient's check is always there.
  static Pipeline make(const std::string& text) {
    auto config = gateway::read_config_text(text, "test");
    for (const auto& [name, options] : config.options.checks.all()) {
      if (name != "rate" && name != "harvest" && !options->absolute() &&
          text.find("[checks." + std::string(name)) == std::string::npos)
        options->mode = Mode::off;
    }
    for (const auto& problem : config.problems)
      EXPECT_TRUE(problem.warning || problem.to_string().find("checks.") == std::string::npos)
          << problem.to_string();
    CheckFiles files;
    return Pipeline(config.options.checks, config.options.policy, files);
  }

  Pipeline pipeline_;
};

/// A session of one client, with one transaction after another; it ends with the object.
class RememberingSession {
 public:
  explicit RememberingSession(RememberingWorld& world, const std::string& client = "203.0.113.9")
      : world_(world), evidence_(world) {
    connect_.client.address = *base::IpAddress::parse(client);
    const auto answer = world_.pipeline().connect(connect_, evidence_, verdicts_);
    welcome_ = answer.decision.act == smtp::Decision::Act::accept;
    begin_transaction("a@remote.example");
  }
  ~RememberingSession() {
    if (record_.stage >= smtp::Stage::rcpt) end(smtp::Ending::aborted);
    world_.pipeline().session_closed(helo_, {}, evidence_, verdicts_);
  }

  struct Answered {
    smtp::Decision decision;
    bool accepted() const { return decision.act == smtp::Decision::Act::accept; }
    /// Empty if it was accepted.
    std::string_view reason() const { return decision.reply ? decision.reply->token() : std::string_view{}; }
  };

  /// It was not turned away when it connected.
  bool welcome() const { return welcome_; }
  void begin_transaction(const std::string& from) {
    mail_.null_sender = from == "<>";
    mail_.sender = mail_.null_sender ? mail::Mailbox{} : *mail::Mailbox::parse(from);
    accepted_.clear();
    record_ = {};
  }
  Answered rcpt(const std::string& to) {
    evidence_.begin_recipient();
    record_.stage = smtp::Stage::rcpt;
    const auto recipient = *mail::Mailbox::parse(to);
    auto answer = world_.pipeline().rcpt({mail_, recipient, accepted_}, evidence_, verdicts_);
    EXPECT_FALSE(answer.pending);
    if (answer.decision.act == smtp::Decision::Act::accept) accepted_.push_back({recipient, {}});
    return {std::move(answer.decision)};
  }
  /// The transaction, which has a message if somebody is to get it.
  void end(smtp::Ending ending) {
    if (!accepted_.empty() && ending != smtp::Ending::aborted) record_.stage = smtp::Stage::message;
    record_.ending = ending;
    world_.pipeline().transaction_ended(mail_, record_, evidence_, verdicts_);
    evidence_.end_transaction();
    verdicts_.end_transaction();
    accepted_.clear();
    record_ = {};
  }
  std::vector<telemetry::Finding> findings() const { return verdicts_.transaction_findings(); }

 private:
  RememberingWorld& world_;
  Evidence evidence_;
  Verdicts verdicts_;
  smtp::ConnectFacts connect_;
  smtp::HeloFacts helo_{connect_, "client.example", true, false, {}, {}, 0, {}};
  smtp::MailFacts mail_{helo_, {}, false, {}};
  std::vector<smtp::Recipient> accepted_;
  smtp::TransactionRecord record_;
  bool welcome_ = false;
};

}  // namespace gatepost::checks
