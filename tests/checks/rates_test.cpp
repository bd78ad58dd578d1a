// Counts that slide, against counts that remember each event; limits as they are written; the check rate over
// time.
#include <gtest/gtest.h>

#include <random>

#include "checks/limit.hpp"
#include "tests/checks/remembering_session.hpp"

namespace gatepost::checks {
namespace {

using state::Second;
using state::SlidingCount;

/// All that happened, to the second.
class ExactCount {
 public:
  void add(Second now) { events_.push_back(now); }
  /// After `from`, up to `until`.
  std::uint32_t between(Second from, Second until) const {
    return static_cast<std::uint32_t>(
        std::count_if(events_.begin(), events_.end(), [&](Second at) { return at > from && at <= until; }));
  }
  /// What came in the third of the window that is on its way out.
  std::uint32_t leaving(Second now, Second window) const {
    const auto third = [window](Second at) { return std::uint64_t{at} * 3 / window; };
    return static_cast<std::uint32_t>(std::count_if(events_.begin(), events_.end(),
                                                    [&](Second at) { return third(at) + 3 == third(now); }));
  }

 private:
  std::vector<Second> events_;
};

constexpr Second start = state::StateClock::beginning;

TEST(SlidingCount, is_never_further_from_the_truth_than_what_leaves_the_window) {
  std::mt19937 random(1);
  for (int run = 0; run < 1000; ++run) {
    const Second window = 10 + random() % 3600;
    const Second step = 1 + random() % (window / 4 + 1);
    SlidingCount count;
    ExactCount exact;
    Second now = start + random() % 100000;
    for (int i = 0; i < 200; ++i) {
      // Bursts, and silences that are longer than the window now and then.
      now += random() % 10 < 6 ? 0 : random() % 50 == 0 ? 2 * window : random() % step;
      count.add(now, window);
      exact.add(now);
      const Second later = now + random() % (window + window / 2);
      for (const auto at : {now, later}) {
        const auto counted = count.in(at, window);
        const auto truth = exact.between(at - window, at);
        const auto error = counted > truth ? counted - truth : truth - counted;
        ASSERT_LE(error, exact.leaving(at, window)) << run << " at " << at << ", window " << window;
        ASSERT_GE(counted, exact.between(at - window * 2 / 3, at)) << run;
        ASSERT_LE(counted, exact.between(at - window * 4 / 3 - 1, at)) << run;
      }
    }
  }
}

TEST(SlidingCount, counts_what_comes_evenly_as_it_is) {
  SlidingCount count;
  for (Second now = start; now < start + 6000; ++now) {
    count.add(now, 600);
    if (now > start + 800) {
      ASSERT_NEAR(count.in(now, 600), 600, 1) << now - start;
    }
  }
}

TEST(SlidingCount, does_not_forget_a_burst_at_the_border_of_a_third) {
  for (Second offset = 0; offset < 600; ++offset) {
    SlidingCount count;
    for (int i = 0; i < 100; ++i) count.add(start + offset, 600);
    EXPECT_EQ(count.in(start + offset, 600), 100U);
    EXPECT_EQ(count.in(start + offset + 399, 600), 100U) << offset;
    EXPECT_EQ(count.in(start + offset + 801, 600), 0U) << offset;
  }
}

TEST(SlidingCount, says_when_there_is_room_again) {
  std::mt19937 random(2);
  for (int run = 0; run < 200; ++run) {
    const Second window = 10 + random() % 1000;
    SlidingCount count;
    Second now = start;
    for (int i = 0; i < 50; ++i) count.add(now += random() % (window / 20 + 1), window);
    const std::uint32_t limit = 1 + random() % 60;
    const auto free = count.until_below(limit, now, window);
    EXPECT_LT(count.in(now + free, window), limit);
    if (free > 0) {
      EXPECT_GE(count.in(now + free - 1, window), limit);
    }
  }
}

TEST(SlidingCount, stops_at_what_it_can_hold) {
  SlidingCount count;
  for (int i = 0; i < 70000; ++i) count.add(start, 60);
  EXPECT_EQ(count.in(start, 60), SlidingCount::most);
}

TEST(SlidingCount, begins_anew_with_another_window) {
  SlidingCount count;
  for (int i = 0; i < 10; ++i) count.add(start, 600);
  EXPECT_EQ(count.in(start, 60), 0U);
  EXPECT_EQ(count.in(start, 3600), 0U);
  count.add(start, 3600);
  EXPECT_EQ(count.in(start, 3600), 1U);
}

TEST(Counts, are_kept_as_long_as_they_count) {
  Counts counts;
  counts.add(&Counts::messages, start, 600);
  for (Second now = start; counts.messages.in(now, 600) > 0; ++now) EXPECT_GT(counts.expires(), now);
  EXPECT_LE(counts.expires(), start + 802);
}

TEST(Counts, of_those_who_do_much_stay_when_many_come_once) {
  Rates rates("rates", {1, 2}, 1 << 20);
  for (int i = 0; i < 100; ++i)
    rates.update("busy", start, [](Counts& counts) { counts.add(&Counts::messages, start, 600); });
  for (int i = 0; i < 100000; ++i)
    rates.update("stranger " + std::to_string(i), start,
                 [](Counts& counts) { counts.add(&Counts::sessions, start, 600); });
  const auto known = rates.find("busy", start);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->messages.in(start, 600), 100U);
  EXPECT_LE(rates.use().bytes, std::size_t{1} << 20);
}

TEST(Counts, of_somebody_new_who_does_much_find_room_when_the_table_is_full) {
  Rates rates("rates", {1, 2}, 1 << 20);
  const auto act = [&rates](const std::string& who, int times) {
    for (int i = 0; i < times; ++i)
      rates.update(who, start, [](Counts& counts) { counts.add(&Counts::messages, start, 600); });
  };
  for (int i = 0; i < 50000; ++i) act("ordinary " + std::to_string(i), 3);
  ASSERT_EQ(rates.use().entries, rates.use().capacity);
  act("new", 200);
  const auto known = rates.find("new", start);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->messages.in(start, 600), 200U);
}

std::string read_limit(std::string_view text, Limit& limit) {
  return base::TextForm<Limit>::parse(text, limit);
}

TEST(Limit, is_written_as_a_number_and_a_time) {
  Limit limit;
  for (const auto* text : {"600/10m", "600/10 min", " 600 / 600 s "}) {
    EXPECT_EQ(read_limit(text, limit), "") << text;
    EXPECT_EQ(limit, (Limit{600, std::chrono::minutes(10)})) << text;
  }
  EXPECT_EQ(base::TextForm<Limit>::print(limit), "600/10 min");
  EXPECT_EQ(limit.in_words(), "600 in 10 min");
  EXPECT_EQ(read_limit("off", limit), "");
  EXPECT_FALSE(limit.on());
  EXPECT_EQ(base::TextForm<Limit>::print(limit), "off");
}

TEST(Limit, says_what_is_wrong_with_it) {
  Limit limit;
  EXPECT_EQ(read_limit("600", limit), "must be number/time, like \"600/10 min\", or \"off\"");
  EXPECT_EQ(read_limit("0/10 min", limit), "wants a number from 1 on before the \"/\"; \"off\" is no limit");
  EXPECT_EQ(read_limit("many/10 min", limit),
            "wants a number from 1 on before the \"/\"; \"off\" is no limit");
  EXPECT_EQ(read_limit("60001/1 h", limit), "counts to 60000 at most: write a shorter time, or \"off\"");
  EXPECT_EQ(read_limit("600/soon", limit),
            "behind the \"/\" must be a time like \"30 s\", \"5 min\" or \"250 ms\"");
  EXPECT_EQ(read_limit("600/9 s", limit), "wants a time from 10 s to 1 d behind the \"/\"");
  EXPECT_EQ(read_limit("600/2 d", limit), "wants a time from 10 s to 1 d behind the \"/\"");
  EXPECT_FALSE(limit.on());
}

// ---- The check, over time

class RateOverTime : public testing::Test {
 protected:
  /// A message to so many recipients, as far as they are taken; how many were.
  int deliver(RememberingSession& session, int recipients = 1) {
    int taken = 0;
    for (int i = 0; i < recipients; ++i) taken += session.rcpt("user@example.org").accepted() ? 1 : 0;
    session.end(taken > 0 ? smtp::Ending::delivered : smtp::Ending::deferred);
    return taken;
  }
  RememberingWorld world{R"(
[checks.rate]
mode = "enforce"
sessions = "5/1 min"
messages = "10/1 min"
recipients = "20/1 min"
unknown = "10/1 min"
persistent = "reject"
refused = "30/1 h"
)"};
};

TEST_F(RateOverTime, the_limit_goes_by_as_time_does) {
  RememberingSession session(world);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(deliver(session), 1) << i;
  EXPECT_EQ(deliver(session), 0);
  world.pass(std::chrono::seconds(39));
  EXPECT_EQ(deliver(session), 0);
  world.pass(std::chrono::seconds(42));
  EXPECT_EQ(deliver(session), 1);
}

TEST_F(RateOverTime, the_answer_says_when_it_is_free_again_and_then_it_is) {
  RememberingSession session(world);
  for (int i = 0; i < 10; ++i) deliver(session);
  const auto answer = session.rcpt("user@example.org");
  EXPECT_EQ(answer.reason(), "rate.messages");
  const auto line = answer.decision.reply->line();
  const auto at = line.find("free again in ") + 14;
  const auto seconds = std::stoi(line.substr(at));
  world.pass(std::chrono::seconds(seconds - 1));
  EXPECT_FALSE(session.rcpt("user@example.org").accepted());
  world.pass(std::chrono::seconds(1));
  EXPECT_TRUE(session.rcpt("user@example.org").accepted());
}

TEST_F(RateOverTime, tries_that_were_refused_do_not_prolong_it) {
  RememberingSession session(world);
  int taken = 0;
  for (int second = 0; second < 600; ++second) {
    taken += deliver(session);
    world.pass(std::chrono::seconds(1));
    if (second % 20 == 0) world.forget_refusals("client 203.0.113.9");
  }
  EXPECT_GE(taken, 90);
  EXPECT_LE(taken, 115);
}

TEST_F(RateOverTime, sessions_that_were_let_in_go_on_and_those_behind_the_limit_do_not) {
  std::vector<std::unique_ptr<RememberingSession>> sessions;
  for (int i = 0; i < 7; ++i) sessions.push_back(std::make_unique<RememberingSession>(world));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(sessions[i]->rcpt("user@example.org").accepted()) << i;
  for (int i = 5; i < 7; ++i) EXPECT_EQ(sessions[i]->rcpt("user@example.org").reason(), "rate.sessions") << i;
}

TEST_F(RateOverTime, a_client_that_comes_again_and_again_is_let_in_as_often_as_the_limit_says) {
  int taken = 0;
  for (int second = 0; second < 600; ++second) {
    RememberingSession session(world);
    taken += session.rcpt("user@example.org").accepted() ? 1 : 0;
    world.forget_refusals("client 203.0.113.9");
    world.pass(std::chrono::seconds(1));
  }
  EXPECT_GE(taken, 45);
  EXPECT_LE(taken, 58);
}

TEST_F(RateOverTime, one_client_does_not_use_up_what_another_has) {
  RememberingSession session(world);
  for (int i = 0; i < 11; ++i) deliver(session);
  RememberingSession other(world, "203.0.113.10");
  EXPECT_EQ(deliver(other), 1);
}

TEST_F(RateOverTime, recipients_beyond_the_limit_wait_while_the_message_goes_to_the_others) {
  RememberingSession session(world);
  EXPECT_EQ(deliver(session, 25), 20);
}

TEST_F(RateOverTime, unknown_recipients_hold_up_known_ones_too_but_are_told_the_truth) {
  RememberingSession session(world);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(session.rcpt("nobody@example.org").reason(), "rcpt.unknown");
  EXPECT_EQ(session.rcpt("user@example.org").reason(), "rate.unknown");
  EXPECT_EQ(session.rcpt("nobody@example.org").reason(), "rcpt.unknown");
  EXPECT_TRUE(session.rcpt("postmaster@example.org").accepted());
}

TEST_F(RateOverTime, who_goes_on_and_on_is_refused_for_good) {
  RememberingSession session(world);
  for (int i = 0; i < 10; ++i) deliver(session);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(session.rcpt("user@example.org").reason(), "rate.messages") << i;
  const auto answer = session.rcpt("user@example.org");
  EXPECT_EQ(answer.reason(), "rate.persistent");
  EXPECT_EQ(answer.decision.reply->code(), 550);
}

TEST_F(RateOverTime, clients_that_are_exempt_are_not_counted) {
  RememberingWorld lenient{R"(
[checks.rate]
mode = "enforce"
messages = "1/1 min"
concurrent = 1
exempt_clients = ["203.0.113.0/24"]
)"};
  RememberingSession session(lenient);
  RememberingSession second(lenient);
  EXPECT_TRUE(second.welcome());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(deliver(session), 1);
  EXPECT_EQ(lenient.memory().rates.use().entries, 0U);
}

TEST_F(RateOverTime, the_51st_session_is_turned_away_in_observe_mode_too_until_one_has_ended) {
  RememberingWorld as_installed{""};
  std::vector<std::unique_ptr<RememberingSession>> sessions;
  for (int i = 0; i < 50; ++i) {
    sessions.push_back(std::make_unique<RememberingSession>(as_installed));
    EXPECT_TRUE(sessions.back()->welcome()) << i;
  }
  EXPECT_FALSE(RememberingSession(as_installed).welcome());
  EXPECT_FALSE(RememberingSession(as_installed).welcome());
  EXPECT_TRUE(RememberingSession(as_installed, "203.0.113.10").welcome());
  sessions.pop_back();
  EXPECT_TRUE(RememberingSession(as_installed).welcome());
  sessions.clear();
  EXPECT_EQ(as_installed.memory().crowd.clients(), 0U);
}

}  // namespace
}  // namespace gatepost::checks
