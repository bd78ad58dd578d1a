// Greylisting over time: the pipeline with the real table, and a clock that moves when told.
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "checks/pipeline.hpp"
#include "gateway/config.hpp"
#include "tests/support/fake_evidence.hpp"

namespace gatepost::checks {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using telemetry::Verdict;

constexpr const char* zone_text =
    "pool.example TXT \"v=spf1 ip4:198.51.0.0/16 -all\"\n"
    "none.example TXT (no data)\n"
    "soft.example TXT \"v=spf1 ~all\"\n"
    "mail.pool.example TXT \"v=spf1 ip4:198.51.0.0/16 -all\"\n";

struct GreylistTest : testing::Test {
  tests::FakeEvidence source{tests::FakeZone(zone_text), std::size_t{1} << 22};
  std::unique_ptr<Pipeline> pipeline;
  std::string said;                               ///< the last refusal
  std::vector<telemetry::Finding> found;          ///< by greylist, in the last attempt
  smtp::Ending ending = smtp::Ending::delivered;  ///< of what is accepted
  std::string client = "203.0.113.9";
  std::string helo_name = "client.example";

  GreylistTest() { configure("apply = \"all\"\n"); }

  /// Of [checks.greylist]; `rest`: other tables.
  void configure(const std::string& options, const std::string& rest = {}, const char* mode = "enforce") {
    const auto text = "[checks.greylist]\nmode = \"" + std::string(mode) + "\"\n" + options + rest;
    const auto config = gateway::read_config_text(text, "test");
    for (const auto& [name, check] : config.options.checks.all()) {
      if (!check->absolute() && text.find("checks." + std::string(name) + "]") == std::string::npos)
        check->mode = Mode::off;
    }
    CheckFiles files;
    pipeline = std::make_unique<Pipeline>(config.options.checks, config.options.policy, files);
  }

  void pass(std::chrono::milliseconds time) { source.clock.advance(time); }

  /// One message; what each recipient, or the message, is answered: a reason or "accept".
  std::vector<std::string> send_to(const std::string& from, const std::vector<std::string>& to) {
    Evidence evidence(source);
    Verdicts verdicts;
    smtp::ConnectFacts connect;
    connect.client.address = *base::IpAddress::parse(client);
    const smtp::HeloFacts helo{connect, helo_name, true, false, {}, {}, 0};
    smtp::MailFacts mail{helo, {}, from == "<>", {}};
    if (!mail.null_sender) mail.sender = *mail::Mailbox::parse(from);
    pipeline->connect(connect, evidence, verdicts);
    pipeline->helo(helo, evidence, verdicts);
    pipeline->mail(mail, evidence, verdicts);
    std::vector<std::string> answers;
    std::vector<smtp::Recipient> accepted;
    smtp::TransactionRecord record;
    for (const auto& address : to) {
      const auto recipient = *mail::Mailbox::parse(address);
      auto judged = pipeline->rcpt({mail, recipient, accepted}, evidence, verdicts);
      while (judged.pending) {
        source.answer_now();
        judged = pipeline->rcpt({mail, recipient, accepted}, evidence, verdicts);
      }
      answers.push_back(note(judged.decision));
      const bool taken = answers.back() == "accept";
      if (taken) accepted.push_back({recipient, {}});
      record.recipients.push_back(
          {address, taken ? smtp::reply(smtp::Say::rcpt_ok) : *judged.decision.reply});
    }
    record.ending = smtp::Ending::deferred;
    if (!accepted.empty()) {
      const auto word = say_message(mail, accepted, evidence, verdicts);
      if (word == "accept") {
        record.ending = ending;
      } else {
        answers.push_back("message: " + word);
      }
    }
    found.clear();
    for (auto& finding : verdicts.transaction_findings()) {
      if (finding.check == "greylist") found.push_back(std::move(finding));
    }
    pipeline->transaction_ended(mail, record, evidence, verdicts);
    return answers;
  }
  std::string send(const std::string& from, const std::string& to = "user@example.org") {
    return send_to(from, {to}).back();
  }
  std::string send_from(const std::string& address, const std::string& from) {
    client = address;
    return send(from);
  }

  std::string note(const smtp::Decision& decision) {
    if (!decision.reply) return "accept";
    said = decision.reply->line();
    return std::string(decision.reply->token());
  }
  std::string say_message(const smtp::MailFacts& mail, const std::vector<smtp::Recipient>& accepted,
                          Evidence& evidence, Verdicts& verdicts) {
    base::MemoryBudget budget(1 << 20);
    state::ChunkPool pool(budget);
    state::Body body(pool, state::Body::Form::plain);
    body.append("From: a@b.example\r\n\r\ncontent\r\n");
    const smtp::DataFacts data{mail, accepted, body};
    const smtp::ContentFlaws flaws;
    const auto headers = pipeline->data(data, evidence, verdicts);
    if (headers.decision.reply) return note(headers.decision);
    return note(pipeline->message({data, flaws}, evidence, verdicts).decision);
  }
  std::string reason() const { return found.empty() ? "" : std::string(found.back().reason); }
};

constexpr const char* deferred = "greylist.deferred";

TEST_F(GreylistTest, lets_mail_through_from_the_end_of_the_window_on) {
  EXPECT_EQ(send("a@none.example"), deferred);
  EXPECT_EQ(
      said,
      "451 4.7.1 mail from this sender for user@example.org is new here; try again in 300 s, a retry is all "
      "it takes (greylisting)");
  pass(seconds(299));
  EXPECT_EQ(send("a@none.example"), deferred);
  EXPECT_NE(said.find(" in 1 s,"), std::string::npos) << said;
  pass(seconds(1));
  EXPECT_EQ(send("a@none.example"), "accept");
  EXPECT_EQ(reason(), "greylist.passed");
  EXPECT_EQ(found[0].evidence, "203.0.113.0/24 a@none.example user@example.org: after 300 s");
  pass(seconds(1));
  EXPECT_EQ(send("a@none.example"), "accept");
  EXPECT_EQ(reason(), "greylist.known");
}

TEST_F(GreylistTest, never_begins_the_window_again) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(send("a@none.example"), deferred);
    pass(seconds(60));
  }
  EXPECT_EQ(send("a@none.example"), "accept");
}

TEST_F(GreylistTest, takes_a_retry_that_comes_too_late_for_a_first_attempt) {
  send("a@none.example");
  pass(hours(48));
  EXPECT_EQ(send("a@none.example"), deferred);
  pass(hours(48) - seconds(1));
  EXPECT_EQ(send("a@none.example"), "accept");
}

TEST_F(GreylistTest, takes_mail_of_a_pool_on_its_first_retry_after_the_window_wherever_it_comes_from) {
  constexpr int clients = 50;
  const auto address = [](int i) {
    i %= clients;
    return "198.51." + std::to_string(i % 20) + "." + std::to_string(10 + i);
  };
  const auto sender = [](int i) {
    return "user" + std::string(1, static_cast<char>('a' + i % 26)) + (i < 26 ? "" : "x") + "@pool.example";
  };
  configure("apply = \"all\"\nauto_pass = 0\n");
  for (int i = 0; i < clients; ++i) EXPECT_EQ(send_from(address(i), sender(i)), deferred);
  pass(seconds(150));
  for (int i = 0; i < clients; ++i) EXPECT_EQ(send_from(address(i + 7), sender(i)), deferred);
  pass(seconds(150));
  for (int i = 0; i < clients; ++i) EXPECT_EQ(send_from(address(i + 23), sender(i)), "accept") << i;
}

TEST_F(GreylistTest, recognises_clients_that_spf_does_not_know_by_their_network) {
  EXPECT_EQ(send_from("203.0.113.9", "a@none.example"), deferred);
  EXPECT_EQ(send_from("2001:db8:0:1::9", "a@none.example"), deferred);
  pass(seconds(300));
  EXPECT_EQ(send_from("203.0.112.9", "a@none.example"), deferred);
  EXPECT_EQ(send_from("203.0.113.200", "a@none.example"), "accept");
  EXPECT_EQ(send_from("2001:db8:0:2::9", "a@none.example"), deferred);
  EXPECT_EQ(send_from("2001:db8:0:1:ffff::1", "a@none.example"), "accept");
}

TEST_F(GreylistTest, does_not_take_a_forger_for_the_domain) {
  EXPECT_EQ(send_from("198.51.1.1", "a@pool.example"), deferred);
  pass(seconds(300));
  EXPECT_EQ(send_from("203.0.113.9", "a@pool.example"), deferred);
  EXPECT_EQ(send_from("198.51.2.2", "a@pool.example"), "accept");
}

TEST_F(GreylistTest, goes_by_prefixes_of_its_own) {
  configure("apply = \"all\"\nipv4_prefix = 32\nipv6_prefix = 48\n");
  EXPECT_EQ(send_from("203.0.113.9", "a@none.example"), deferred);
  EXPECT_EQ(send_from("2001:db8::1", "a@none.example"), deferred);
  pass(seconds(300));
  EXPECT_EQ(send_from("203.0.113.10", "a@none.example"), deferred);
  EXPECT_EQ(send_from("2001:db8:0:ffff::1", "a@none.example"), "accept");
}

TEST_F(GreylistTest, recognises_a_sender_by_what_stays_of_its_reverse_path) {
  EXPECT_EQ(send("prvs=1234abcdef=anna@none.example"), deferred);
  pass(seconds(300));
  EXPECT_EQ(send("prvs=anna/5678abcdef@none.example"), "accept");
  EXPECT_EQ(send("anna+news@none.example"), "accept");
  EXPECT_EQ(send("berta@none.example"), deferred);
}

TEST_F(GreylistTest, remembers_what_came_through_for_its_lifetime_from_the_last_time_on) {
  configure("apply = \"all\"\nlifetime = \"10 d\"\nretry = \"2 d\"\nauto_pass = 0\n");
  send("a@none.example");
  pass(seconds(300));
  EXPECT_EQ(send("a@none.example"), "accept");
  for (int i = 0; i < 3; ++i) {
    pass(hours(10 * 24) - seconds(1));
    EXPECT_EQ(send("a@none.example"), "accept");
  }
  pass(hours(10 * 24));
  EXPECT_EQ(send("a@none.example"), deferred);
}

TEST_F(GreylistTest, counts_only_what_was_delivered) {
  send("a@none.example");
  pass(seconds(300));
  for (const auto other : {smtp::Ending::refused, smtp::Ending::deferred, smtp::Ending::aborted,
                           smtp::Ending::vanished, smtp::Ending::discarded}) {
    ending = other;
    EXPECT_EQ(send("a@none.example"), "accept");
    EXPECT_EQ(reason(), "greylist.passed");
  }
  pass(hours(48));
  EXPECT_EQ(send("a@none.example"), deferred) << "it never came through";
}

TEST_F(GreylistTest, lets_all_mail_of_a_domain_through_after_five_messages) {
  for (int i = 0; i < 5; ++i) {
    client = "198.51.7." + std::to_string(i + 1);
    const auto sender = "user" + std::string(1, static_cast<char>('a' + i)) + "@pool.example";
    EXPECT_EQ(send_to(sender, {"user@example.org", "b@example.org"}).front(), deferred)
        << "a message with two recipients counts once";
    pass(seconds(300));
    EXPECT_EQ(send_to(sender, {"user@example.org", "b@example.org"}),
              (std::vector<std::string>{"accept", "accept"}));
  }
  EXPECT_EQ(send_from("198.51.99.1", "new@pool.example"), "accept");
  EXPECT_EQ(reason(), "greylist.client_known");
  EXPECT_EQ(found[0].evidence, "pool.example: first seen 20 min 0 s ago, 5 messages came through");
  EXPECT_EQ(send_from("203.0.113.9", "new@pool.example"), deferred) << "SPF does not know it";
  pass(hours(34 * 24));
  EXPECT_EQ(send_from("198.51.99.1", "other@pool.example"), "accept");
  pass(hours(34 * 24));
  EXPECT_EQ(send_from("198.51.99.1", "third@pool.example"), "accept") << "renewed by each message";
  pass(hours(35 * 24));
  EXPECT_EQ(send_from("198.51.99.1", "fourth@pool.example"), deferred);
}

TEST_F(GreylistTest, knows_each_recipient_by_itself) {
  send("a@none.example", "user@example.org");
  pass(seconds(300));
  EXPECT_EQ(send_to("a@none.example", {"user@example.org", "new@example.org", "USER@Example.Org"}),
            (std::vector<std::string>{"accept", deferred, "accept"}));
  pass(seconds(300));
  EXPECT_EQ(send("a@none.example", "new@example.org"), "accept");
}

TEST_F(GreylistTest, leaves_postmaster_and_exempt_recipients_alone) {
  configure("apply = \"all\"\nexempt_recipients = [\"codes@example.org\"]\n");
  EXPECT_EQ(send("a@none.example", "postmaster@example.org"), "accept");
  EXPECT_EQ(send("a@none.example", "codes@example.org"), "accept");
  EXPECT_EQ(source.memory().greylist.table().use().entries, 0U);
  send("a@none.example");
  pass(seconds(300));
  EXPECT_EQ(send_to("a@none.example", {"user@example.org", "codes@example.org"}),
            (std::vector<std::string>{"accept", "accept"}))
      << "one message: greylisting has nothing to say of it later";
}

// ---- Bounces

TEST_F(GreylistTest, defers_bounces_after_data_since_at_rcpt_others_may_only_ask) {
  EXPECT_EQ(send_to("<>", {"user@example.org"}),
            (std::vector<std::string>{"accept", std::string("message: ") + deferred}));
  EXPECT_NE(said.find("for user@example.org is new here; try again in 300 s"), std::string::npos) << said;
  pass(seconds(300));
  EXPECT_EQ(send_to("<>", {"user@example.org"}), (std::vector<std::string>{"accept"}));
  EXPECT_EQ(found.back().evidence, "203.0.113.0/24 <> user@example.org: after 300 s");
  EXPECT_EQ(send_to("<>", {"new@example.org"}).back(), std::string("message: ") + deferred);
}

TEST_F(GreylistTest, recognises_senders_of_bounces_by_a_helo_name_that_passes_spf) {
  helo_name = "Mail.Pool.Example";
  client = "198.51.1.1";
  EXPECT_EQ(send_to("<>", {"user@example.org"}).size(), 2U);
  pass(seconds(300));
  client = "198.51.200.1";
  EXPECT_EQ(send_to("<>", {"user@example.org"}), (std::vector<std::string>{"accept"}));
  EXPECT_EQ(found.back().evidence, "mail.pool.example <> user@example.org: after 300 s");
}

// ---- Suspicion

const std::string deny = "[[checks.access.rules]]\nclient = [\"203.0.113.9\"]\naction = \"deny\"\n";
const std::string observed_refusal = "[checks.access]\nmode = \"observe\"\n" + deny;

TEST_F(GreylistTest, asks_nobody_to_come_again_whom_nothing_speaks_against) {
  configure("", observed_refusal);
  EXPECT_EQ(send_from("203.0.113.10", "a@none.example"), "accept");
  EXPECT_EQ(source.dns_asked, 0) << "SPF is of no interest then";
  EXPECT_EQ(source.memory().greylist.table().use().entries, 0U);
  EXPECT_EQ(send_from("203.0.113.9", "a@none.example"), deferred);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].evidence,
            "203.0.113.0/24 a@none.example user@example.org: 300 s left; suspicious: access.denied");
}

TEST_F(GreylistTest, goes_by_points_where_a_score_is_set) {
  const std::string spf = "[checks.spf]\nmode = \"observe\"\nsoftfail = \"score 2\"\n";
  configure("score = 2.5\n", spf);
  EXPECT_EQ(send("a@soft.example"), "accept");
  configure("score = 2\n", spf);
  EXPECT_EQ(send("a@soft.example"), deferred);
  configure("score = 9\n", observed_refusal);
  EXPECT_EQ(send("a@none.example"), deferred) << "what a check would refuse is suspicious";
}

TEST_F(GreylistTest, lets_be_what_is_refused_anyway) {
  configure("", "[checks.access]\nmode = \"enforce\"\n" + deny);
  EXPECT_EQ(send("a@none.example"), "access.denied");
  EXPECT_EQ(source.memory().greylist.table().use().entries, 0U);
}

TEST_F(GreylistTest, waits_for_spf) {
  source.late_dns = true;
  client = "198.51.1.1";
  EXPECT_EQ(send("a@pool.example"), deferred);
  EXPECT_EQ(found.at(0).evidence, "pool.example a@pool.example user@example.org: 300 s left");
}

// ---- Observing

TEST_F(GreylistTest, observes_without_deferring_and_knows_senders_when_it_is_enforced) {
  configure("apply = \"all\"\n", {}, "observe");
  EXPECT_EQ(send("weekly@none.example"), "accept");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].verdict, Verdict::defer);
  EXPECT_EQ(found[0].weight, telemetry::Weight::observed);
  pass(hours(7 * 24));
  configure("apply = \"all\"\n");
  EXPECT_EQ(send("weekly@none.example"), "accept");
  EXPECT_EQ(reason(), "greylist.passed");
  EXPECT_EQ(send("new@none.example"), deferred);
}

TEST_F(GreylistTest, trusts_no_network_for_what_was_only_observed) {
  configure("apply = \"all\"\n", {}, "observe");
  for (char c = 'a'; c < 'k'; ++c) send(std::string(1, c) + "@none.example");
  configure("apply = \"all\"\n");
  EXPECT_EQ(send("new@none.example"), deferred);
}

// ---- The table

TEST_F(GreylistTest, never_defers_what_it_cannot_remember) {
  source.remembered = std::make_unique<Memory>(source.clock, state::Origin{}, 1);
  auto& table = source.memory().greylist.table();
  const auto capacity = table.use().capacity;
  std::size_t taken = 0;
  const auto sender = [](std::size_t i) { return "a" + std::to_string(i) + "z@none.example"; };
  for (std::size_t i = 0; i < 3 * capacity; ++i) {
    const auto answer = send(sender(i));
    if (answer == "accept") {
      EXPECT_EQ(reason(), "greylist.full");
      continue;
    }
    ++taken;
    EXPECT_TRUE(source.memory().greylist.find("203.0.113.0/24 " + sender(i) + " user@example.org",
                                              source.memory().now()));
  }
  EXPECT_EQ(taken, table.use().entries);
  EXPECT_GT(taken, capacity / 2);
  pass(hours(6));
  EXPECT_EQ(send("later@none.example"), deferred) << "who did not come back makes way";
}

TEST_F(GreylistTest, asked_twice_says_the_same_and_remembers_once) {
  auto& greylist = source.memory().greylist;
  const auto now = source.memory().now();
  const auto first = greylist.see("a", now, 100);
  const auto again = greylist.see("a", now + 5, 100);
  ASSERT_TRUE(first && again);
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(greylist.table().use().entries, 1U);
  EXPECT_FALSE(greylist.delivered("b", now, 1, 100));
  EXPECT_EQ(greylist.table().use().entries, 1U) << "what was not seen is not remembered";
}

TEST_F(GreylistTest, has_one_first_sighting_however_many_see_it_at_once) {
  auto& greylist = source.memory().greylist;
  const auto now = source.memory().now();
  constexpr unsigned names = 2000;
  constexpr unsigned threads = 4;
  std::array<std::vector<state::Second>, threads> first;
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      for (unsigned i = 0; i < names; ++i)
        first[t].push_back(greylist.see(std::to_string(i), now + t, 1000)->first);
    });
  }
  for (auto& thread : running) thread.join();
  for (unsigned t = 1; t < threads; ++t) EXPECT_EQ(first[t], first[0]);
}

TEST_F(GreylistTest, goes_on_after_a_restart) {
  send("a@none.example");
  pass(seconds(200));
  send("b@none.example");
  state::Batch batch;
  source.memory().greylist.table().collect(batch, 100);
  ASSERT_EQ(batch.rows.size(), 2U);
  const state::Origin origin{{}, source.memory().now(), source.clock.wall(), false};
  pass(seconds(100));
  source.remembered = std::make_unique<Memory>(source.clock, origin, std::size_t{1} << 22);
  for (const auto& row : batch.rows) EXPECT_TRUE(source.memory().greylist.table().restore(row));
  EXPECT_EQ(send("a@none.example"), "accept");
  EXPECT_EQ(send("b@none.example"), deferred);
  EXPECT_NE(said.find(" in 200 s,"), std::string::npos) << said;
}

TEST_F(GreylistTest, does_not_care_for_the_wall_clock) {
  send("a@none.example");
  source.clock.set_wall(source.clock.wall() - hours(24 * 365));
  pass(seconds(299));
  EXPECT_EQ(send("a@none.example"), deferred);
  source.clock.set_wall(source.clock.wall() + hours(24 * 1000));
  EXPECT_EQ(send("a@none.example"), deferred);
  pass(seconds(1));
  EXPECT_EQ(send("a@none.example"), "accept");
}

TEST(GreylistRecord, survives_being_written) {
  for (const auto& record :
       {GreylistRecord{1, 2, 0, false}, GreylistRecord{0x12345678, 0xFFFFFFFF, 0xFFFF, true},
        GreylistRecord{33554432, 33727232, 3, false}}) {
    EXPECT_EQ(record.encode().size(), 12U);
    EXPECT_EQ(GreylistRecord::decode(record.encode()), record);
  }
}

TEST(GreylistRecord, is_not_made_of_rubbish) {
  const auto good = GreylistRecord{1, 2, 3, true}.encode();
  auto other_version = good;
  other_version[0] = 2;
  auto bad_flags = good;
  bad_flags[11] = 2;
  for (const auto& bad :
       {std::string(), std::string(12, '\0'), good.substr(1), good + "x", other_version, bad_flags,
        std::string("\1\0\0\0\0\0\0\0\0\0\0\0", 12), GreylistRecord{9, 2, 0, false}.encode()})
    EXPECT_FALSE(GreylistRecord::decode(bad)) << testing::PrintToString(bad);
}

TEST(GreylistRecord, is_worth_more_the_likelier_it_is_needed) {
  const state::Second now = 100000;
  const GreylistRecord passed{1, now + 9, 1, false};
  const GreylistRecord kept{1, now + 9, 0, true};
  const GreylistRecord young{now - 60, now + 9, 0, false};
  const GreylistRecord old{now - GreylistRecord::patience, now + 9, 0, false};
  EXPECT_GT(passed.worth(now), kept.worth(now));
  EXPECT_GT(kept.worth(now), young.worth(now));
  EXPECT_GT(young.worth(now), old.worth(now));
  EXPECT_EQ((GreylistRecord{now + 60, now + 90, 0, false}.worth(now)), young.worth(now))
      << "first seen later than now";
}

TEST(GreylistRecord, describes_itself) {
  EXPECT_EQ((GreylistRecord{100, 900, 0, false}.describe(512)),
            "first seen 6 min 52 s ago, not come back yet");
  EXPECT_EQ((GreylistRecord{100, 900, 0, true}.describe(512)),
            "first seen 6 min 52 s ago, delivered without being held back");
  EXPECT_EQ((GreylistRecord{100, 900, 1, false}.describe(512)),
            "first seen 6 min 52 s ago, 1 message came through");
  EXPECT_EQ((GreylistRecord{100, 900, 2, false}.describe(50)), "first seen 0 s ago, 2 messages came through");
}

TEST(GreylistOptions, must_go_together) {
  const auto problems = [](const std::string& text) {
    std::string all;
    for (const auto& problem : gateway::read_config_text("[checks.greylist]\n" + text, "test").problems) {
      const auto said = problem.to_string();
      if (said.find("checks.greylist") != std::string::npos) all += said + "\n";
    }
    return all;
  };
  EXPECT_EQ(problems("window = \"5 min\""), "");
  EXPECT_NE(problems("window = \"500 ms\"").find("at least 1 s"), std::string::npos);
  EXPECT_NE(problems("retry = \"5 min\"").find("longer than window"), std::string::npos);
  EXPECT_NE(problems("retry = \"1 h\"").find("once a day"), std::string::npos);
  EXPECT_NE(problems("lifetime = \"1 d\"").find("shorter than retry"), std::string::npos);
  EXPECT_NE(problems("lifetime = \"401 d\"").find("at most 400 d"), std::string::npos);
  EXPECT_NE(problems("score = -1").find("negative"), std::string::npos);
}

}  // namespace
}  // namespace gatepost::checks
