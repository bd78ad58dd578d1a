// Sessions one after another before the real pipeline and a real memory: for checks that go by what was
// before.
#pragma once

#include <gtest/gtest.h>

#include "checks/pipeline.hpp"
#include "gateway/config.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_zone.hpp"

namespace gatepost::checks {

/// A configuration, what DNS says, and time. In example.org all exist but nobody@.
class RememberingWorld final : public EvidenceSource {
 public:
  explicit RememberingWorld(const std::string& config, const std::string& zone = {})
      : zone_(zone), pipeline_(make(config)) {}

  void pass(base::Millis time) { clock_.advance(time); }
  const Pipeline& pipeline() const { return pipeline_; }
  /// As if `name` had not been refused for a rate yet.
  void forget_refusals(const std::string& name) {
    memory_.rates.update(name, memory_.now(), [](Counts& counts) { counts.refused = {}; });
  }

  void recipient(const mail::Mailbox& mailbox,
                 const std::shared_ptr<Answer<RecipientAnswer>>& answer) override {
    using Kind = directory::DomainTable::Answer::Kind;
    answer->set({mailbox.local() == "nobody" ? Kind::unknown : Kind::found, "inside", true});
  }
  PastAnswer past(const smtp::RcptFacts&) override { return {}; }
  DnsAnswer dns(const dns::Question& question, const std::shared_ptr<Answer<DnsAnswer>>&) override {
    return std::make_shared<const dns::Answer>(zone_.answer(question));
  }
  bool suspended(const Witness&) const override { return false; }
  void examine(const WitnessPtr&, const std::shared_ptr<Answer<Testimony>>& answer) override {
    answer->set({true, {}});
  }
  void impeach(const WitnessPtr&, std::string_view) override {}
  WitnessPtr resolver() const override { return resolver_; }
  void callout(const CalloutQuestion&, const std::shared_ptr<Answer<CalloutAnswer>>&) override {}
  Memory& memory() override { return memory_; }
  const Site& site() const override { return site_; }
  bool ours(std::string_view domain) const override { return domain == "example.org"; }
  base::Instant now() const override { return clock_.now(); }
  base::WallTime wall() const override { return clock_.wall(); }

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

  tests::FakeClock clock_;
  tests::FakeZone zone_;
  Memory memory_{clock_, state::Origin{}, std::size_t{1} << 22};
  WitnessPtr resolver_ = std::make_shared<const Witness>(Witness{"the resolver", {}, {}});
  Site site_;
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
