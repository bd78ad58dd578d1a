// Dictionary attacks over time, and those who are not meant.
#include <gtest/gtest.h>

#include "tests/checks/remembering_session.hpp"

namespace gatepost::checks {
namespace {

using std::chrono::seconds;

class HarvestOverTime : public testing::Test {
 protected:
  static void guess(RememberingSession& session, int times) {
    for (int i = 0; i < times; ++i) session.rcpt("nobody@example.org");
  }
  RememberingWorld world{R"(
[checks.rate]
mode = "off"
[checks.harvest]
mode = "enforce"
)"};
};

TEST_F(HarvestOverTime, answers_become_slow_then_there_is_no_answer) {
  RememberingSession session(world);
  for (int i = 0; i < 30; ++i) {
    const auto answer = session.rcpt("nobody@example.org");
    EXPECT_EQ(answer.reason(), "rcpt.unknown") << i;
    EXPECT_EQ(answer.decision.delay, i < 10 ? seconds(0) : seconds(5)) << i;
  }
  const auto answer = session.rcpt("user@example.org");
  EXPECT_EQ(answer.reason(), "harvest.stopped");
  EXPECT_EQ(answer.decision.act, smtp::Decision::Act::drop);
}

TEST_F(HarvestOverTime, coming_back_does_not_help) {
  for (int i = 0; i < 10; ++i) {
    RememberingSession session(world);
    guess(session, 3);
  }
  RememberingSession session(world);
  EXPECT_EQ(session.rcpt("user@example.org").reason(), "harvest.stopped");
  RememberingSession neighbour(world, "203.0.113.10");
  EXPECT_TRUE(neighbour.rcpt("user@example.org").accepted());
}

TEST_F(HarvestOverTime, what_is_stopped_does_not_tell_who_exists) {
  RememberingSession session(world);
  ASSERT_TRUE(session.rcpt("user@example.org").accepted());
  guess(session, 30);
  const auto known = session.rcpt("other@example.org");
  const auto unknown = session.rcpt("nobody@example.org");
  EXPECT_EQ(known.reason(), "harvest.later");
  EXPECT_EQ(unknown.reason(), "harvest.later");
  EXPECT_EQ(known.decision.reply->code(), unknown.decision.reply->code());
  EXPECT_EQ(known.decision.delay, unknown.decision.delay);
  session.end(smtp::Ending::delivered);
  EXPECT_EQ(session.rcpt("nobody@example.org").decision.act, smtp::Decision::Act::drop);
}

TEST_F(HarvestOverTime, postmaster_is_reached_all_the_same) {
  RememberingSession session(world);
  guess(session, 40);
  const auto answer = session.rcpt("postmaster@example.org");
  EXPECT_TRUE(answer.accepted());
  EXPECT_EQ(answer.decision.delay, seconds(0));
}

TEST_F(HarvestOverTime, it_passes_even_if_the_client_goes_on) {
  int heard = 0;
  for (int minute = 0; minute < 600; ++minute) {
    RememberingSession session(world);
    heard += session.rcpt("nobody@example.org").reason() == "rcpt.unknown" ? 1 : 0;
    world.pass(seconds(60));
  }
  // 30 in an hour, for ten hours.
  EXPECT_GE(heard, 270);
  EXPECT_LE(heard, 340);
}

TEST_F(HarvestOverTime, a_forwarder_with_a_few_stale_addresses_is_let_alone) {
  RememberingSession session(world);
  for (int i = 0; i < 400; ++i) {
    const auto answer = session.rcpt(i % 5 == 0 ? "nobody@example.org" : "user@example.org");
    EXPECT_EQ(answer.reason(), i % 5 == 0 ? "rcpt.unknown" : "") << i;
    EXPECT_EQ(answer.decision.delay, seconds(0)) << i;
    session.end(smtp::Ending::delivered);
  }
}

TEST_F(HarvestOverTime, clients_that_name_nobody_unknown_take_no_memory) {
  RememberingSession session(world);
  for (int i = 0; i < 10; ++i) session.rcpt("user@example.org");
  EXPECT_EQ(world.memory().rates.use().entries, 0U);
}

TEST_F(HarvestOverTime, observing_changes_nothing_and_says_what_it_would_do) {
  RememberingWorld observed{"[checks.rate]\nmode = \"off\"\n"};
  RememberingSession session(observed);
  guess(session, 31);
  const auto answer = session.rcpt("user@example.org");
  EXPECT_TRUE(answer.accepted());
  EXPECT_EQ(answer.decision.delay, seconds(0));
  const auto findings = session.findings();
  const auto has = [&findings](std::string_view reason) {
    return std::any_of(findings.begin(), findings.end(), [&](const auto& finding) {
      return finding.reason == reason && finding.weight == telemetry::Weight::observed;
    });
  };
  EXPECT_TRUE(has("harvest.slow"));
  EXPECT_TRUE(has("harvest.stopped"));
}

}  // namespace
}  // namespace gatepost::checks
