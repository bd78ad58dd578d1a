// The checks reputation and early_talker in sequences of sessions: who becomes bad, until when, and who
// never.
#include <gtest/gtest.h>

#include "checks/pipeline.hpp"
#include "gateway/config.hpp"
#include "tests/support/fake_evidence.hpp"

namespace gatepost::checks {
namespace {

using smtp::Ending;

struct Source final : tests::FakeEvidence {
  void recipient(const mail::Mailbox& mailbox,
                 const std::shared_ptr<Answer<RecipientAnswer>>& answer) override {
    answer->set({!directory_up                          ? RecipientKind::unavailable
                 : mailbox.key().starts_with("unknown") ? RecipientKind::unknown
                                                        : RecipientKind::found,
                 "inside", true});
  }

  bool directory_up = true;
};

/// What one transaction came to.
struct Outcome {
  std::string said;  ///< to RCPT: token, or "ok"
  std::string line;
  std::vector<telemetry::Finding> findings;
};

struct ReputationTest : testing::Test {
  Source source;
  std::unique_ptr<Pipeline> pipeline;

  void configure(const std::string& text) {
    const auto config = gateway::read_config_text(text, "test");
    for (const auto& problem : config.problems)
      EXPECT_TRUE(problem.warning || problem.to_string().find("checks.") == std::string::npos)
          << problem.to_string();
    for (const auto& [name, options] : config.options.checks.all()) {
      if (!options->absolute() && text.find("[checks." + std::string(name)) == std::string::npos)
        options->mode = Mode::off;
    }
    CheckFiles files;
    pipeline = std::make_unique<Pipeline>(config.options.checks, config.options.policy, files);
  }

  /// A session with one transaction of one recipient. What is accepted is delivered.
  Outcome session(const std::string& client, const std::string& from, const std::string& to,
                  const smtp::SessionTotals& totals = {}) {
    Evidence evidence(source);
    Verdicts verdicts;
    smtp::ConnectFacts connect;
    connect.client.address = *base::IpAddress::parse(client);
    const smtp::HeloFacts helo{connect, "client.example", true, false, {}, {}, 0};
    const smtp::MailFacts mail{
        helo, from == "<>" ? mail::Mailbox() : *mail::Mailbox::parse(from), from == "<>", {}};
    pipeline->connect(connect, evidence, verdicts);
    pipeline->helo(helo, evidence, verdicts);
    pipeline->mail(mail, evidence, verdicts);
    const auto recipient = *mail::Mailbox::parse(to);
    const auto answer = pipeline->rcpt({mail, recipient, {}}, evidence, verdicts);
    EXPECT_FALSE(answer.pending);
    Outcome outcome{"ok", {}, verdicts.transaction_findings()};
    const auto reply = answer.decision.reply.value_or(smtp::reply(smtp::Say::rcpt_ok));
    if (answer.decision.reply) outcome.said = reply.token();
    outcome.line = reply.line();
    smtp::TransactionRecord record;
    record.stage = smtp::Stage::rcpt;
    record.recipients.push_back({to, reply});
    record.ending = reply.positive()    ? Ending::delivered
                    : reply.permanent() ? Ending::refused
                                        : Ending::deferred;
    pipeline->transaction_ended(mail, record, evidence, verdicts);
    pipeline->session_closed(helo, totals, evidence, verdicts);
    return outcome;
  }
  Outcome good(const std::string& client, const std::string& from = "a@remote.example") {
    return session(client, from, "user@example.org");
  }
  /// To a recipient that does not exist.
  void bad(const std::string& client, int times, const std::string& from = "a@remote.example") {
    for (int i = 0; i < times; ++i)
      EXPECT_EQ(session(client, from, "unknown@example.org").said, "rcpt.unknown");
  }
  void pass(std::chrono::seconds time) { source.clock.advance(time); }
  Reputation& reputation() { return source.memory().reputation; }
  state::Second now() { return source.memory().now(); }
  float bad_of(const std::string& client) {
    return reputation().of_address(*base::IpAddress::parse(client), now()).bad(now());
  }
};

const std::string spammer = "203.0.113.9";
const std::string neighbour = "203.0.113.10";
const std::string enforced =
    "[checks.reputation]\nmode = \"enforce\"\nclient = \"reject\"\nnetwork = \"reject\"\n"
    "sender_domain = \"reject\"\nsender = \"reject\"\n";

/// Nobody has a host name, remote.example lets the spammer send for it and nobody else.
std::string zone_of(const std::string& more = {}) {
  std::string text;
  for (int i = 1; i < 255; ++i) text += std::to_string(i) + ".113.0.203.in-addr.arpa PTR (no name)\n";
  return text + "remote.example TXT \"v=spf1 ip4:203.0.113.9 ip4:198.51.100.0/24 -all\"\n" + more;
}

TEST_F(ReputationTest, who_sends_to_unknown_recipients_only_becomes_bad_and_is_told_how_bad_and_how_long) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  bad(spammer, 9);
  EXPECT_EQ(good(spammer, "<>").said, "ok");
  bad(spammer, 11);
  const auto refused = good(spammer, "<>");
  EXPECT_EQ(refused.said, "reputation.client");
  EXPECT_EQ(
      refused.line,
      "550 5.7.1 <203.0.113.9>: 20 of the last 21 messages and attempts from this address were refused or "
      "mistaken; this ends by itself in about 7 h");
  ASSERT_FALSE(refused.findings.empty());
  EXPECT_EQ(
      refused.findings.back().evidence,
      "address 203.0.113.9: 20.0 bad of 21.0 events, 95 % with trust 0.0; from 80 % of at least 10 on it "
      "counts; ends in 7 h");
}

TEST_F(ReputationTest, it_ends_when_it_was_said_to_end_however_often_it_was_refused_meanwhile) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  bad(spammer, 40);
  const auto ends = reputation().of_address(*base::IpAddress::parse(spammer), now()).ends({0.8, 10}, now());
  EXPECT_NEAR(ends - now(), 2 * 6 * 3600, 2);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(good(spammer, "<>").said, "reputation.client");
    pass(std::chrono::minutes(7));
  }
  pass(std::chrono::seconds(ends - now() - 1));
  EXPECT_EQ(good(spammer, "<>").said, "reputation.client");
  pass(std::chrono::seconds(1));
  EXPECT_EQ(good(spammer, "<>").said, "ok");
}

TEST_F(ReputationTest, points_that_it_gives_do_not_come_back_to_it) {
  configure("[checks.reputation]\nmode = \"enforce\"\nclient = \"score 3\"\n[policy]\nreject_score = 3\n");
  source.zone = tests::FakeZone(zone_of());
  bad(spammer, 12);
  const auto before = bad_of(spammer);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(good(spammer, "<>").said, "policy.score");
  EXPECT_EQ(bad_of(spammer), before);
}

TEST_F(ReputationTest, a_deferral_says_when_it_is_over_and_feeds_nothing) {
  configure("[checks.reputation]\nmode = \"enforce\"\nclient = \"defer\"\n");
  source.zone = tests::FakeZone(zone_of());
  bad(spammer, 11);
  const auto before = bad_of(spammer);
  EXPECT_EQ(
      good(spammer, "<>").line,
      "451 4.7.1 <203.0.113.9>: 11 of the last 11 messages and attempts from this address were refused or "
      "mistaken; this ends by itself in about 50 min");
  EXPECT_EQ(bad_of(spammer), before);
  pass(std::chrono::minutes(50));
  EXPECT_EQ(good(spammer, "<>").said, "ok");
}

TEST_F(ReputationTest, observing_learns_and_records_and_refuses_nothing) {
  configure("[checks.reputation]\nclient = \"reject\"\n");
  source.zone = tests::FakeZone(zone_of());
  bad(spammer, 20);
  const auto outcome = good(spammer, "<>");
  EXPECT_EQ(outcome.said, "ok");
  ASSERT_FALSE(outcome.findings.empty());
  EXPECT_EQ(outcome.findings.back().reason, "reputation.client");
  EXPECT_EQ(outcome.findings.back().weight, telemetry::Weight::observed);
}

TEST_F(ReputationTest, postmaster_is_reached_all_the_same) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  bad(spammer, 20);
  EXPECT_EQ(session(spammer, "<>", "postmaster@example.org").said, "ok");
}

TEST_F(ReputationTest, who_forges_a_domain_ruins_himself_and_not_the_domain) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  bad(neighbour, 40, "boss@remote.example");
  EXPECT_EQ(good(neighbour, "<>").said, "reputation.client");
  EXPECT_EQ(good("198.51.100.1", "boss@remote.example").said, "ok");
  const auto sender = *mail::Mailbox::parse("boss@remote.example");
  EXPECT_EQ(reputation().of_domain(sender, now()).bad(now()), 0);
  EXPECT_EQ(reputation().of_sender(sender, now()).bad(now()), 0);
}

TEST_F(ReputationTest, a_proven_sender_is_known_again_from_another_address) {
  source.zone = tests::FakeZone(
      zone_of("1.100.51.198.in-addr.arpa PTR (no name)\n2.100.51.198.in-addr.arpa PTR (no name)\n"
              "3.100.51.198.in-addr.arpa PTR (no name)\n"));
  configure(enforced);
  bad("198.51.100.1", 12, "spam@remote.example");
  EXPECT_EQ(good("198.51.100.2", "spam@remote.example").said, "reputation.sender");
  EXPECT_EQ(good("198.51.100.2", "other@remote.example").said, "reputation.sender_domain");
  EXPECT_EQ(good(neighbour, "spam@remote.example").said, "ok") << "he is not proven to be the sender";
  EXPECT_EQ(good("198.51.100.3", "a@elsewhere.example").said, "ok");
}

TEST_F(ReputationTest, a_domain_does_not_fall_for_one_of_many_users) {
  source.zone = tests::FakeZone(zone_of("3.100.51.198.in-addr.arpa PTR (no name)\n"));
  configure(enforced);
  for (int i = 0; i < 12; ++i) EXPECT_EQ(good("198.51.100.1", "honest@remote.example").said, "ok");
  bad("198.51.100.2", 20, "infected@remote.example");
  EXPECT_EQ(good("198.51.100.3", "infected@remote.example").said, "reputation.sender");
  EXPECT_EQ(good("198.51.100.3", "third@remote.example").said, "ok");
}

TEST_F(ReputationTest, a_network_falls_only_with_several_of_its_addresses) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  bad("203.0.113.1", 40);
  EXPECT_EQ(good("203.0.113.77", "<>").said, "ok") << "a hoster with one bad customer";
  bad("203.0.113.2", 9);
  bad("203.0.113.3", 9);
  EXPECT_EQ(good("203.0.113.76", "<>").said, "ok") << "three bad addresses of four";
  bad("203.0.113.4", 9);
  bad("203.0.113.5", 9);
  bad("203.0.113.6", 9);
  bad("203.0.113.7", 9);
  bad("203.0.113.8", 9);
  EXPECT_EQ(good("203.0.113.78", "<>").said, "reputation.network");
  EXPECT_EQ(good("203.0.113.77", "<>").said, "ok") << "mail of his own was delivered";
  EXPECT_EQ(good("203.0.114.77", "<>").said, "ok") << "another network";
}

TEST_F(ReputationTest, a_network_with_honest_customers_does_not_fall) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(good("203.0.113." + std::to_string(100 + i), "<>").said, "ok");
  for (int i = 1; i <= 5; ++i) bad("203.0.113." + std::to_string(i), 30);
  EXPECT_EQ(good("203.0.113.78", "<>").said, "ok")
      << "five bad of eight addresses, though most of the events";
}

TEST_F(ReputationTest, nothing_is_held_against_a_big_pool) {
  const std::string google = "209.85.208.41";
  source.zone = tests::FakeZone(
      "41.208.85.209.in-addr.arpa PTR mail-ed1-f41.google.com\nmail-ed1-f41.google.com A 209.85.208.41\n"
      "42.208.85.209.in-addr.arpa PTR mail-ed1-f42.google.com\nmail-ed1-f42.google.com A 192.0.2.1\n"
      "43.208.85.209.in-addr.arpa PTR (failure)\n"
      "remote.example TXT \"v=spf1 ip4:209.85.208.0/24 -all\"\n");
  configure(enforced);
  bad(google, 200);
  bad("209.85.208.42", 20);
  EXPECT_EQ(good(google).said, "ok");
  EXPECT_EQ(good("209.85.208.42").said, "reputation.client") << "the name does not lead back";
  bad("209.85.208.43", 20);
  const auto unsure = good("209.85.208.43");
  EXPECT_EQ(unsure.said, "ok");
  EXPECT_EQ(unsure.findings.back().verdict, telemetry::Verdict::unknown);
}

TEST_F(ReputationTest, the_list_of_big_pools_can_be_extended_and_replaced) {
  source.zone = tests::FakeZone(
      "9.113.0.203.in-addr.arpa PTR out.letters.example\nout.letters.example A 203.0.113.9\n"
      "remote.example TXT \"v=spf1 -all\"\n");
  configure(enforced + "more_bulk_senders = [\"*.letters.example\"]\n");
  bad(spammer, 20);
  EXPECT_EQ(good(spammer, "<>").said, "ok");
  configure(enforced + "bulk_senders = []\n");
  EXPECT_EQ(good(spammer, "<>").said, "reputation.client");
}

TEST_F(ReputationTest, who_is_on_an_allow_list_is_not_judged) {
  configure(enforced + "[[checks.access.rules]]\nclient = [\"203.0.113.9\"]\naction = \"allow\"\n");
  source.zone = tests::FakeZone(zone_of());
  bad(spammer, 20);
  bad(neighbour, 20);
  EXPECT_EQ(good(spammer, "<>").said, "ok");
  EXPECT_EQ(good(neighbour, "<>").said, "reputation.client");
}

TEST_F(ReputationTest, exempt_and_hidden_clients_leave_no_trace) {
  configure(enforced + "exempt_clients = [\"203.0.113.9\"]\n");
  source.zone = tests::FakeZone(zone_of());
  bad(spammer, 20);
  bad("10.0.0.1", 20);
  EXPECT_EQ(reputation().table().use().entries, 0U);
}

TEST_F(ReputationTest, who_was_turned_away_before_anybody_looked_leaves_no_trace) {
  configure(enforced + "exempt_clients = [\"203.0.113.9\"]\n");
  Evidence evidence(source);
  const Verdicts verdicts;
  smtp::ConnectFacts connect;
  connect.client.address = *base::IpAddress::parse(spammer);
  connect.early_talk = true;
  const smtp::HeloFacts helo{connect, {}, false, false, {}, {}, 0};
  pipeline->session_closed(helo, {}, evidence, verdicts);
  EXPECT_EQ(reputation().table().use().entries, 0U);
}

TEST_F(ReputationTest, what_is_our_fault_leaves_no_trace) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  source.directory_up = false;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(good(spammer).said, "rcpt.directory_unavailable");
  EXPECT_EQ(reputation().table().use().entries, 0U);
}

TEST_F(ReputationTest, errors_of_a_session_count_against_its_client) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  smtp::SessionTotals totals;
  totals.errors_by_reason = {{"protocol.unknown_command", 5}};
  EXPECT_EQ(session(spammer, "<>", "user@example.org", totals).said, "ok");
  EXPECT_EQ(bad_of(spammer), 1);
}

TEST_F(ReputationTest, it_asks_for_no_name_as_long_as_there_is_nothing_to_spare_anybody) {
  configure("[checks.reputation]\nmode = \"enforce\"\nsender = \"off\"\nsender_domain = \"off\"\n");
  bad(spammer, 5);
  good(spammer);
  EXPECT_EQ(source.dns_asked, 0);
}

TEST_F(ReputationTest, it_lets_others_know_who_is_good) {
  configure(enforced);
  source.zone = tests::FakeZone(zone_of());
  const auto client = *base::IpAddress::parse(neighbour);
  for (int i = 0; i < 4; ++i) good(neighbour, "<>");
  EXPECT_FALSE(reputation().known_good(client, now()));
  for (int i = 0; i < 2; ++i) good(neighbour, "<>");
  EXPECT_TRUE(reputation().known_good(client, now()));
  pass(std::chrono::hours(24 * 20));
  EXPECT_FALSE(reputation().known_good(client, now()));
}

// ---- early_talker

const std::string held = "[checks.early_talker]\nmode = \"enforce\"\ngreet_delay = \"5s\"\n";

struct EarlyTalkerTest : ReputationTest {
  smtp::ConnectFacts connect;
  base::Millis delay_of(const std::string& client) {
    Evidence evidence(source);
    Verdicts verdicts;
    connect.client.address = *base::IpAddress::parse(client);
    const auto delay = pipeline->connect(connect, evidence, verdicts).decision.delay;
    connect.early_talk = true;
    verdicts.begin_connect();
    const auto again = pipeline->connect(connect, evidence, verdicts);
    EXPECT_EQ(again.decision.delay, base::Millis{0}) << "who talks is not held back again";
    connect.early_talk = false;
    return delay;
  }
};

TEST_F(EarlyTalkerTest, holds_the_banner_back_for_those_it_does_not_know) {
  configure(held + "[checks.reputation]\n");
  source.zone = tests::FakeZone(zone_of());
  EXPECT_EQ(delay_of(neighbour), std::chrono::seconds(5));
  for (int i = 0; i < 6; ++i) good(neighbour, "<>");
  EXPECT_EQ(delay_of(neighbour), base::Millis{0});
}

TEST_F(EarlyTalkerTest, holds_nobody_back_while_it_observes) {
  configure("[checks.early_talker]\ngreet_delay = \"5s\"\n");
  EXPECT_EQ(delay_of(neighbour), base::Millis{0});
}

TEST_F(EarlyTalkerTest, holds_back_no_client_that_is_exempt_or_hidden) {
  configure(held + "exempt_clients = [\"203.0.113.10\"]\n");
  EXPECT_EQ(delay_of(neighbour), base::Millis{0});
  EXPECT_EQ(delay_of("10.0.0.1"), base::Millis{0});
  EXPECT_EQ(delay_of(spammer), std::chrono::seconds(5));
}

TEST_F(EarlyTalkerTest, speaks_in_place_of_the_banner_where_refusals_are_not_delayed) {
  configure(held + "[policy]\ndelay_reject = false\n");
  connect.early_talk = true;
  connect.client.address = *base::IpAddress::parse(neighbour);
  Evidence evidence(source);
  Verdicts verdicts;
  const auto answer = pipeline->connect(connect, evidence, verdicts);
  ASSERT_TRUE(answer.decision.reply);
  EXPECT_EQ(answer.decision.reply->token(), "early_talker.talk");
}

TEST_F(EarlyTalkerTest, does_not_hold_longer_than_clients_wait) {
  const auto config = gateway::read_config_text("[checks.early_talker]\ngreet_delay = \"31s\"\n", "test");
  const auto complains = [](const auto& problem) {
    return problem.to_string().find("checks.early_talker.greet_delay") != std::string::npos;
  };
  EXPECT_TRUE(std::any_of(config.problems.begin(), config.problems.end(), complains));
}

}  // namespace
}  // namespace gatepost::checks
