// The pipeline with some of the checks: modes, delay, late evidence, witnesses, exemptions.
#include <gtest/gtest.h>

#include "checks/pipeline.hpp"
#include "gateway/config.hpp"
#include "tests/support/fake_evidence.hpp"

namespace gatepost::checks {
namespace {

struct Source final : tests::FakeEvidence {
  bool late = false;
  int asked = 0;
  void recipient(const mail::Mailbox& mailbox,
                 const std::shared_ptr<Answer<RecipientAnswer>>& answer) override {
    ++asked;
    if (!late) return FakeEvidence::recipient(mailbox, answer);
    later.push_back([this, mailbox, answer] { FakeEvidence::recipient(mailbox, answer); });
  }
  std::shared_ptr<Answer<Testimony>> examination;
  std::optional<Testimony> testimony = Testimony{true, {}};
  void examine(const WitnessPtr&, const std::shared_ptr<Answer<Testimony>>& answer) override {
    examination = answer;
    if (testimony) answer->set(*testimony);
  }
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
      if (name != "access" && !options->absolute() &&
          text.find("[checks." + std::string(name) + "]") == std::string::npos)
        options->mode = Mode::off;
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

// ---- Evidence from DNS

const std::string sender_domain = "[checks.sender_domain]\nmode = \"enforce\"\n";

TEST_F(PipelineTest, starts_lookups_early_and_awaits_them_at_rcpt) {
  configure(sender_domain);
  source.zone.add("remote.example * (no name)");
  source.late_dns = true;
  EXPECT_EQ(describe(pipeline->mail(mail, evidence, verdicts)), "accept");
  EXPECT_EQ(source.later.size(), 1U);
  EXPECT_EQ(rcpt("user@example.org"), "pending");
  source.clock.advance(base::Millis(40));
  source.answer_now();
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unknown");
  const auto findings = verdicts.transaction_findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].waited, base::Millis(40));
  EXPECT_FALSE(findings[0].cached);
}

TEST_F(PipelineTest, keeps_what_spf_says_of_a_helo_for_the_next_transaction) {
  using mail::SpfIdentity;
  using mail::SpfResult;
  source.zone.add("client.example TXT (failure)");
  EXPECT_EQ(evidence.spf(mail, SpfIdentity::helo)->result, SpfResult::temperror);
  evidence.end_transaction();
  source.zone = tests::FakeZone("client.example TXT \"v=spf1 ~all\"\nother.example TXT \"v=spf1 ?all\"");
  const auto* said = evidence.spf(mail, SpfIdentity::helo);
  EXPECT_EQ(said->result, SpfResult::softfail);
  evidence.end_transaction();
  EXPECT_EQ(evidence.spf(mail, SpfIdentity::helo), said);
  mail.sender = *mail::Mailbox::parse("a@other.example");
  EXPECT_EQ(evidence.spf(mail, SpfIdentity::mail_from)->result, SpfResult::neutral);
  evidence.end_transaction();
  mail.sender = *mail::Mailbox::parse("a@client.example");
  EXPECT_EQ(evidence.spf(mail, SpfIdentity::mail_from)->result, SpfResult::softfail);
  helo.name = "other.example";
  evidence.forget_spf();
  EXPECT_EQ(evidence.spf(mail, SpfIdentity::helo)->result, SpfResult::neutral);
}

TEST_F(PipelineTest, says_that_a_finding_rests_on_the_cache) {
  configure(sender_domain);
  source.zone.add("remote.example * (no name)");
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unknown");
  EXPECT_TRUE(verdicts.transaction_findings().at(0).cached);
}

TEST_F(PipelineTest, has_witnesses_examined_before_a_finding_counts) {
  configure(sender_domain);
  source.zone.add("remote.example * (no name)");
  source.testimony.reset();
  EXPECT_EQ(rcpt("user@example.org"), "pending");
  source.examination->set({true, {}});
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unknown");
}

TEST_F(PipelineTest, runs_no_check_within_a_check_when_an_examination_is_over_at_once) {
  configure("[checks.reverse_dns]\nmode = \"enforce\"\n[checks.sender_domain]\nmode = \"enforce\"\n");
  source.zone = tests::FakeZone("remote.example MX (no name)\n9.113.0.203.in-addr.arpa PTR (no name)");
  source.late_dns = true;
  pipeline->connect(connect, evidence, verdicts);
  ASSERT_TRUE(evidence.pending());
  int rung = 0;
  evidence.when_answered([&] {
    ++rung;
    pipeline->mail(mail, evidence, verdicts);
  });
  source.late_dns = false;  // from the cache
  pipeline->mail(mail, evidence, verdicts);
  EXPECT_EQ(rung, 0);
  EXPECT_EQ(verdicts.transaction_findings().size(), 1U);
  source.answer_now();
  EXPECT_EQ(rung, 1);
}

TEST_F(PipelineTest, takes_no_word_of_a_witness_that_is_not_to_be_trusted) {
  for (const auto* defer : {"", "on_error = \"defer\"\n"}) {
    configure(sender_domain + defer);
    source.zone.add("remote.example * (no name)");
    source.testimony = Testimony{false, "it says that nothing exists"};
    EXPECT_EQ(rcpt("user@example.org"), *defer == '\0' ? "accept" : "check.dns_unavailable");
    const auto findings = verdicts.transaction_findings();
    ASSERT_EQ(findings.size(), 1U);
    EXPECT_EQ(findings[0].verdict, telemetry::Verdict::unknown);
    EXPECT_EQ(findings[0].reason, "sender_domain.unknown");
    EXPECT_NE(findings[0].evidence.find("the resolver is not to be trusted: it says that nothing exists"),
              std::string::npos);
    verdicts.end_transaction();
    evidence.end_transaction();
  }
}

TEST_F(PipelineTest, looks_again_at_rcpt_at_a_witness_that_failed_ahead_of_time) {
  configure("[checks.reverse_dns]\nmode = \"enforce\"\n");
  source.zone.add("* (no name)");
  source.testimony = Testimony{false, "it says that nothing exists"};
  pipeline->connect(connect, evidence, verdicts);
  EXPECT_TRUE(verdicts.session_findings().empty());
  source.testimony = Testimony{true, {}};
  EXPECT_EQ(rcpt("user@example.org"), "reverse_dns.none");
}

TEST_F(PipelineTest, takes_silence_for_a_temporary_failure_when_time_is_over) {
  configure(sender_domain + "on_error = \"defer\"\n");
  source.zone.add("* (no name)");
  source.late_dns = true;
  EXPECT_EQ(rcpt("user@example.org"), "pending");
  EXPECT_TRUE(evidence.give_up());
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unavailable");
  EXPECT_FALSE(evidence.give_up());
  // What is asked from now on is not waited for either; a late answer disturbs nobody.
  verdicts.end_transaction();
  evidence.end_transaction();
  mail.sender = *mail::Mailbox::parse("a@other.example");
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unavailable");
  source.answer_now();
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unavailable");
}

TEST_F(PipelineTest, is_rung_for_each_answer_and_not_for_the_last_only) {
  configure(sender_domain);
  source.zone.add("remote.example MX 10 a.remote.example");
  source.zone.add("a.remote.example A 198.51.100.1");
  source.late_dns = true;
  EXPECT_EQ(rcpt("user@example.org"), "pending");
  const auto* other = evidence.lookup({"slow.example", dns::Type::a});
  EXPECT_EQ(other, nullptr);
  bool rung = false;
  evidence.when_answered([&rung] { rung = true; });
  source.later.front()();
  EXPECT_TRUE(rung);
  EXPECT_EQ(rcpt("user@example.org"), "pending");  // now the address
  EXPECT_EQ(source.later.size(), 3U);
}

TEST_F(PipelineTest, is_not_rung_while_checks_run) {
  configure(sender_domain);
  source.late_dns = true;
  source.zone.add("remote.example * (no name)");
  pipeline->mail(mail, evidence, verdicts);
  bool rung = false;
  evidence.when_answered([&rung] { rung = true; });
  EXPECT_EQ(rcpt("user@example.org"), "pending");  // the recipient was answered at once
  EXPECT_FALSE(rung);
}

// ---- Hidden clients

TEST_F(PipelineTest, asks_nothing_about_a_client_that_hides_behind_a_proxy) {
  for (const auto* address :
       {"127.0.0.1", "10.1.2.3", "172.17.0.1", "169.254.1.1", "100.64.0.1", "::1", "fe80::1", "fd00::1"}) {
    configure("[checks.reverse_dns]\nmode = \"enforce\"\non_error = \"defer\"\n");
    connect.client.address = *base::IpAddress::parse(address);
    verdicts = Verdicts();
    EXPECT_EQ(rcpt("user@example.org"), "accept") << address;
    const auto findings = verdicts.session_findings();
    ASSERT_EQ(findings.size(), 1U) << address;
    EXPECT_EQ(findings[0].reason, telemetry::hidden_client);
  }
  EXPECT_TRUE(source.zone.unexpected().empty());
}

TEST_F(PipelineTest, takes_documentation_addresses_and_networks_it_is_told_of_for_real) {
  configure("[checks.reverse_dns]\nmode = \"enforce\"\n");
  source.zone.add("* (no name)");
  for (const auto* address : {"203.0.113.9", "192.0.2.1", "198.51.100.1", "2001:db8::1", "10.1.2.3"}) {
    connect.client.address = *base::IpAddress::parse(address);
    source.own_site.real_clients = {*base::Network::parse("10.1.0.0/16")};
    Evidence fresh(source);
    Verdicts found;
    const auto recipient = *mail::Mailbox::parse("user@example.org");
    EXPECT_NE(describe(pipeline->rcpt({mail, recipient, {}}, fresh, found)), "accept") << address;
  }
}

// ---- Exemptions

TEST_F(PipelineTest, makes_no_check_for_exempt_clients) {
  configure(sender_domain + "[policy]\nexempt_clients = [\"203.0.113.0/24\"]\n");
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  EXPECT_TRUE(source.zone.unexpected().empty());
}

TEST_F(PipelineTest, asks_the_directory_for_exempt_clients_also_when_a_reload_has_switched_a_check_off) {
  const std::string exempt = "[policy]\nexempt_clients = [\"203.0.113.0/24\"]\n";
  configure(exempt + "[checks.headers]\nmode = \"enforce\"\n[checks.helo]\nmode = \"enforce\"\n");
  pipeline->connect(connect, evidence, verdicts);
  configure(exempt + "[checks.access]\nmode = \"off\"\n[checks.helo]\nmode = \"enforce\"\n");
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  EXPECT_EQ(source.asked, 1);
}

TEST_F(PipelineTest, makes_a_check_not_for_its_own_exempt_clients) {
  configure(sender_domain + "exempt_clients = [\"203.0.113.9\"]\n");
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  EXPECT_TRUE(source.zone.unexpected().empty());
}

TEST_F(PipelineTest, spares_senders_and_records_it) {
  configure(sender_domain + "exempt_senders = [\"remote.example\"]\n");
  source.zone.add("remote.example * (no name)");
  pipeline->mail(mail, evidence, verdicts);
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  EXPECT_EQ(verdicts.transaction_findings().at(0).weight, telemetry::Weight::exempt);
}

TEST_F(PipelineTest, spares_recipients_of_one_check_and_parts_them_from_others) {
  configure(sender_domain + "exempt_recipients = [\"support@example.org\"]\n");
  source.zone.add("remote.example * (no name)");
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unknown");
  EXPECT_EQ(rcpt("support@example.org"), "accept");
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unknown");
}

TEST_F(PipelineTest, parts_recipients_only_where_it_matters) {
  const std::string rules = "exempt_recipients = [\"support@example.org\"]\n";
  configure(sender_domain + rules);
  source.zone.add("remote.example MX 10 a.remote.example");
  source.zone.add("a.remote.example A 198.51.100.1");
  EXPECT_EQ(rcpt("support@example.org"), "accept");
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  verdicts.end_transaction();
  configure("[checks.headers]\nmode = \"enforce\"\n" + rules);
  EXPECT_EQ(rcpt("support@example.org"), "accept");
  EXPECT_EQ(rcpt("user@example.org"), "rcpt.other_policy");
}

// ---- Scores and headers

TEST_F(PipelineTest, puts_fields_in_front_when_all_is_judged) {
  configure(sender_domain + "unknown = \"score 4\"\n[policy]\ntag_score = 3\n[checks.spf]\n");
  source.zone.add("remote.example * (no name)");
  EXPECT_EQ(rcpt("user@example.org"), "accept");
  const auto fields = pipeline->header_fields(verdicts);
  EXPECT_EQ(fields.rfind("Received-SPF: none", 0), 0U) << fields;
  EXPECT_NE(fields.find("\r\nX-Gatepost-Score: 4 of 3 (sender_domain 4)\r\n"), std::string::npos) << fields;
}

TEST_F(PipelineTest, records_of_observed_checks_what_it_is_told_to) {
  for (const bool all : {true, false}) {
    configure("[checks.sender_domain]\nunknown = \"score 4\"\n[policy]\nobserve = \"" +
              std::string(all ? "all" : "refusals") + "\"\n");
    source.zone.add("remote.example * (no name)");
    EXPECT_EQ(rcpt("user@example.org"), "accept");
    EXPECT_EQ(verdicts.transaction_findings().size(), all ? 1U : 0U);
    verdicts.end_transaction();
  }
}

TEST_F(PipelineTest, lets_a_rule_be_enforced_in_a_check_that_is_observed) {
  configure("[checks.sender_domain]\nunknown = \"enforce reject\"\n");
  source.zone.add("remote.example * (no name)");
  EXPECT_EQ(rcpt("user@example.org"), "sender_domain.unknown");
}

TEST_F(PipelineTest, keeps_as_much_evidence_as_somebody_may_read) {
  configure("[checks.reverse_dns]\nmode = \"enforce\"\n");
  std::string zone;
  for (int i = 0; i < 10; ++i)
    zone += "9.113.0.203.in-addr.arpa PTR " + std::string(60, 'a') + "." + std::string(60, 'b') + "." +
            std::string(60, static_cast<char>('c' + i)) + ".example\n";
  source.zone = tests::FakeZone(zone + "* (no name)");
  pipeline->connect(connect, evidence, verdicts);
  ASSERT_EQ(verdicts.session_findings().size(), 1U);
  EXPECT_LE(verdicts.session_findings()[0].evidence.size(), 1003U);
}

TEST_F(PipelineTest, keeps_everything_for_who_wants_to_see_it) {
  configure(sender_domain);
  source.zone.add("remote.example MX 10 a.remote.example");
  source.zone.add("a.remote.example A 198.51.100.1");
  Verdicts all(true);
  const auto recipient = *mail::Mailbox::parse("user@example.org");
  pipeline->rcpt({mail, recipient, {}}, evidence, all);
  EXPECT_EQ(all.session_findings().size(), 2U);      // access at connect and HELO
  EXPECT_EQ(all.transaction_findings().size(), 4U);  // access at MAIL and RCPT, sender_domain, recipient
}

}  // namespace
}  // namespace gatepost::checks
