// The pipeline with the two checks there are: modes, delay, late evidence, exemptions.
#include <gtest/gtest.h>

#include "checks/pipeline.hpp"
#include "gateway/config.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::checks {
namespace {

struct Source final : EvidenceSource {
  bool late = false;
  int asked = 0;
  std::shared_ptr<Answer<RecipientAnswer>> pending;
  void recipient(const mail::Mailbox&, const std::shared_ptr<Answer<RecipientAnswer>>& answer) override {
    ++asked;
    pending = answer;
    if (!late) answer_now();
  }
  void answer_now() { pending->set({directory::DomainTable::Answer::Kind::found, "inside", true}); }
  PastAnswer past(const smtp::RcptFacts&) override { return {}; }
  DnsAnswer dns(const dns::Question&, const std::shared_ptr<Answer<DnsAnswer>>&) override {
    return std::make_shared<const dns::Answer>();
  }
  bool suspended(const Witness&) const override { return false; }
  void examine(const WitnessPtr&, const std::shared_ptr<Answer<Testimony>>& answer) override {
    answer->set({true, {}});
  }
  void impeach(const WitnessPtr&, std::string_view) override {}
  WitnessPtr resolver() const override { return nullptr; }
  const Site& site() const override { return site_; }
  bool ours(std::string_view) const override { return false; }
  base::Instant now() const override { return clock_.now(); }
  base::WallTime wall() const override { return clock_.wall(); }

 private:
  Site site_;
  tests::FakeClock clock_;
};

struct PipelineTest : testing::Test {
  Source source;
  Evidence evidence{source};
  Verdicts verdicts;
  smtp::ConnectFacts connect;
  smtp::HeloFacts helo{connect, "client.example", true, false, {}, {}, 0};
  smtp::MailFacts mail{helo, *mail::Mailbox::parse("a@remote.example"), false, {}};
  std::unique_ptr<Pipeline> pipeline;

  PipelineTest() { connect.client.address = *base::IpAddress::parse("203.0.113.9"); }

  void configure(const std::string& text) {
    const auto config = gateway::read_config_text(text, "test");
    // The others have tests of their own.
    for (const auto& [name, options] : config.options.checks.all()) {
      if (name != "access" && !options->absolute()) options->mode = Mode::off;
    }
    CheckFiles files;
    pipeline = std::make_unique<Pipeline>(config.options.checks, config.options.policy, files);
  }
  static std::string describe(const Pipeline::Consultation& answer) {
    if (answer.pending) return "pending";
    return answer.decision.reply ? std::string(answer.decision.reply->token()) : "accept";
  }
  std::string rcpt(const std::string& to) {
    const auto recipient = *mail::Mailbox::parse(to);
    return describe(pipeline->rcpt({mail, recipient, {}}, evidence, verdicts));
  }
};

const std::string deny_client = "[[checks.access.rules]]\nclient = [\"203.0.113.9\"]\naction = \"deny\"\n";

TEST_F(PipelineTest, speaks_early_refusals_at_rcpt) {
  configure(deny_client);
  EXPECT_EQ(describe(pipeline->connect(connect, evidence, verdicts)), "accept");
  EXPECT_EQ(describe(pipeline->helo(helo, evidence, verdicts)), "accept");
  EXPECT_EQ(describe(pipeline->mail(mail, evidence, verdicts)), "accept");
  EXPECT_EQ(rcpt("user@example.org"), "access.denied");
  EXPECT_EQ(rcpt("abuse@example.org"), "accept");
}

TEST_F(PipelineTest, speaks_at_once_where_refusals_are_not_delayed) {
  configure(deny_client + "[policy]\ndelay_reject = false\n");
  EXPECT_EQ(describe(pipeline->connect(connect, evidence, verdicts)), "access.denied");
}

TEST_F(PipelineTest, records_what_observed_checks_would_have_done) {
  configure("[checks.access]\nmode = \"observe\"\n" + deny_client);
  pipeline->connect(connect, evidence, verdicts);
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  ASSERT_EQ(verdicts.session_findings().size(), 1U);
  EXPECT_EQ(verdicts.session_findings()[0].reason, "access.denied");
  EXPECT_EQ(verdicts.session_findings()[0].weight, telemetry::Weight::observed);
}

TEST_F(PipelineTest, runs_nothing_that_is_off) {
  configure("[checks.access]\nmode = \"off\"\n" + deny_client);
  pipeline->connect(connect, evidence, verdicts);
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  EXPECT_TRUE(verdicts.session_findings().empty());
}

TEST_F(PipelineTest, names_all_checks_with_their_modes) {
  configure("[checks.access]\nmode = \"observe\"\n");
  std::map<std::string_view, Mode> modes;
  for (const auto& [name, mode] : pipeline->modes()) modes[name] = mode;
  EXPECT_EQ(modes.size(), all_checks().size());
  EXPECT_EQ(modes.at("access"), Mode::observe);
  EXPECT_EQ(modes.at("recipient"), Mode::enforce);
  EXPECT_EQ(modes.at("helo"), Mode::off);
}

TEST_F(PipelineTest, says_what_a_refusal_rests_on) {
  configure(deny_client);
  EXPECT_EQ(rcpt("user@example.org"), "access.denied");
  EXPECT_EQ(verdicts.basis_of("access.denied", "user@example.org"), "access: rule 1");
  EXPECT_EQ(verdicts.basis_of("protocol.unknown_command", "WHAT"), "");
}

TEST_F(PipelineTest, does_not_say_of_one_recipient_what_was_found_of_another) {
  configure("[[checks.access.rules]]\nrecipient = [\"user@example.org\"]\naction = \"deny\"\n");
  EXPECT_EQ(rcpt("user@example.org"), "access.denied");
  EXPECT_EQ(verdicts.basis_of("access.denied", "user@example.org"), "access: rule 1");
  EXPECT_EQ(verdicts.basis_of("access.denied", "other@example.org"), "");
}

TEST_F(PipelineTest, rests_no_refusal_on_what_was_only_observed) {
  configure("[checks.access]\nmode = \"observe\"\n" + deny_client);
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  EXPECT_EQ(verdicts.basis_of("access.denied", "user@example.org"), "");
}

TEST_F(PipelineTest, waits_for_evidence_and_asks_once) {
  configure("");
  source.late = true;
  EXPECT_EQ(rcpt("user@example.org"), "pending");
  bool ready = false;
  evidence.when_answered([&] { ready = true; });
  EXPECT_FALSE(ready);
  source.answer_now();
  EXPECT_TRUE(ready);
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  EXPECT_EQ(source.asked, 1);
}

TEST_F(PipelineTest, does_not_mind_an_answer_that_comes_when_the_session_is_gone) {
  configure("");
  source.late = true;
  {
    Evidence short_lived(source);
    const auto recipient = *mail::Mailbox::parse("user@example.org");
    EXPECT_TRUE(pipeline->rcpt({mail, recipient, {}}, short_lived, verdicts).pending);
    short_lived.when_answered([] {});
  }
  source.answer_now();
}

TEST_F(PipelineTest, keeps_findings_about_one_recipient_from_the_others) {
  configure("[[checks.access.rules]]\nrecipient = [\"closed@example.org\"]\naction = \"deny\"\n");
  EXPECT_EQ(rcpt("closed@example.org"), "access.denied");
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  auto findings = verdicts.transaction_findings();
  std::erase_if(findings, [](const auto& finding) { return finding.check != "access"; });
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].subject, "closed@example.org");
  verdicts.end_transaction();
  EXPECT_TRUE(verdicts.transaction_findings().empty());
}

TEST_F(PipelineTest, separates_exempt_recipients_from_others) {
  configure("");
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  EXPECT_EQ(rcpt("postmaster@example.org"), "rcpt.other_policy");
  verdicts.end_transaction();
  EXPECT_EQ(rcpt("postmaster@example.org"), "accept");
  EXPECT_EQ(rcpt("user@example.org"), "rcpt.other_policy");
}

TEST_F(PipelineTest, forgets_the_helo_before) {
  configure("[[checks.access.rules]]\nhelo = [\"bad.example\"]\naction = \"deny\"\n");
  helo.name = "bad.example";
  pipeline->helo(helo, evidence, verdicts);
  EXPECT_EQ(rcpt("user@example.org"), "access.denied");
  verdicts.begin_helo();
  verdicts.end_transaction();
  helo.name = "good.example";
  pipeline->helo(helo, evidence, verdicts);
  EXPECT_EQ(rcpt("user@example.org"), "accept");
}

}  // namespace
}  // namespace gatepost::checks
