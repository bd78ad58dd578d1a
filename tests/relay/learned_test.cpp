#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "core/state/state_clock.hpp"
#include "relay/learned.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::relay {
namespace {

using Kind = Recollection::Kind;

struct LearnedTest : testing::Test {
  tests::FakeClock clock;
  state::StateClock memory{clock};
  Learned learned{10000};

  static smtp::BackendReply refusal(std::uint16_t code = 550, smtp::Enhanced enhanced = {5, 1, 1}) {
    return {code, enhanced, "no"};
  }
  void teach(Lesson::Kind kind, std::size_t group = 0, const std::string& sender = "s@remote") {
    learned.apply(sender, {"r@x"}, {{kind, 0, refusal(), group}}, memory.now());
  }
  Kind recall(const std::string& sender = "s@remote", const std::string& recipient = "r@x",
              const std::vector<std::string>& accepted = {}) {
    return learned.recall(sender, recipient, accepted, memory.now()).kind;
  }
};

TEST_F(LearnedTest, knows_nothing_at_first) {
  EXPECT_EQ(recall(), Kind::nothing);
}

TEST_F(LearnedTest, repeats_a_refusal_to_the_same_sender_for_36_hours_renewed_by_each_try) {
  teach(Lesson::Kind::refused);
  EXPECT_EQ(recall(), Kind::refuse);
  EXPECT_EQ(recall("other@remote"), Kind::nothing);
  for (int i = 0; i < 3; ++i) {
    clock.advance(std::chrono::hours(35));
    EXPECT_EQ(recall(), Kind::refuse);
  }
  clock.advance(std::chrono::hours(36));
  EXPECT_EQ(recall(), Kind::nothing);
}

TEST_F(LearnedTest, holds_a_bad_address_against_every_sender_for_an_hour) {
  teach(Lesson::Kind::refused_address);
  EXPECT_EQ(recall("other@remote"), Kind::refuse);
  clock.advance(std::chrono::minutes(59));
  EXPECT_EQ(recall("third@remote"), Kind::refuse);
  clock.advance(std::chrono::minutes(1));
  EXPECT_EQ(recall("other@remote"), Kind::nothing) << "asking does not renew it";
}

TEST_F(LearnedTest, repeats_a_deferral_once) {
  teach(Lesson::Kind::deferred_once);
  EXPECT_EQ(recall(), Kind::refuse);
  EXPECT_EQ(recall(), Kind::nothing);
}

TEST_F(LearnedTest, forgets_after_a_success_or_when_told) {
  teach(Lesson::Kind::refused);
  teach(Lesson::Kind::refused_address);
  teach(Lesson::Kind::cleared);
  EXPECT_EQ(recall(), Kind::nothing);
  EXPECT_EQ(learned.size(), 0U);
  teach(Lesson::Kind::refused);
  teach(Lesson::Kind::refused_address);
  learned.forget({"r@x"});
  EXPECT_EQ(recall(), Kind::nothing);
  EXPECT_EQ(learned.size(), 0U);
}

TEST_F(LearnedTest, lets_half_of_the_suspects_go_together) {
  for (const auto* r : {"a", "b", "c", "d"})
    learned.apply("s", {r}, {{Lesson::Kind::suspect, 0, refusal(), 4}}, memory.now());
  EXPECT_EQ(recall("s", "a"), Kind::nothing);
  EXPECT_EQ(recall("s", "b", {"a"}), Kind::nothing);
  EXPECT_EQ(recall("s", "c", {"a", "b"}), Kind::not_now);
  EXPECT_EQ(recall("s", "stranger", {"a", "b"}), Kind::nothing) << "who is no suspect goes along";
  EXPECT_TRUE(learned.is_suspect("s", "a", memory.now()));
  EXPECT_FALSE(learned.is_suspect("t", "a", memory.now()));
}

TEST_F(LearnedTest, lets_others_go_before_a_suspect_that_was_deferred) {
  teach(Lesson::Kind::suspect, 2);
  teach(Lesson::Kind::suspect_deferred);
  EXPECT_EQ(recall(), Kind::not_now);
  EXPECT_EQ(recall(), Kind::nothing);
}

TEST_F(LearnedTest, stays_bounded) {
  Learned small(640);
  for (int i = 0; i < 100000; ++i)
    small.apply("s", {"r" + std::to_string(i)}, {{Lesson::Kind::refused, 0, refusal(), 0}}, memory.now());
  EXPECT_LE(small.size(), 640U);
  EXPECT_EQ(small.recall("s", "r99999", {}, memory.now()).kind, Kind::refuse) << "the newest are kept";
}

/// What a restart does: all that was written is read by a new one.
struct LearnedRestart : LearnedTest {
  std::map<state::Key, state::Row> rows;  ///< as a store has them
  const base::HashKey hash_key{1, 2};
  Learned before{10000, hash_key};
  Learned after{10000, hash_key};

  std::size_t write(Learned& from) {
    state::Batch batch;
    from.collect(batch, 100000);
    for (const auto& erased : batch.erased) rows.erase(erased.key);
    for (const auto& row : batch.rows) rows[row.key] = row;
    return batch.size();
  }
  void restart() {
    write(before);
    for (const auto& [key, row] : rows) EXPECT_TRUE(after.restore(row));
  }
  void teach_before(Lesson::Kind kind, const std::string& sender, const std::string& recipient,
                    std::size_t group = 0) {
    before.apply(sender, {recipient}, {{kind, 0, refusal(), group}}, memory.now());
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& [key, row] : rows) found.push_back(row.name);
    std::sort(found.begin(), found.end());
    return found;
  }
};

TEST_F(LearnedRestart, knows_all_that_was_known) {
  teach_before(Lesson::Kind::refused, "s@remote", "r@x");
  teach_before(Lesson::Kind::refused_address, "s@remote", "gone@x");
  teach_before(Lesson::Kind::deferred_once, "", "busy@x");
  teach_before(Lesson::Kind::suspect, "s@remote", "one@x", 2);
  teach_before(Lesson::Kind::suspect_deferred, "s@remote", "two@x", 8);
  restart();
  using namespace std::string_literals;
  EXPECT_EQ(names(),
            (std::vector{"\0busy@x"s, "gone@x"s, "s@remote\0one@x"s, "s@remote\0r@x"s, "s@remote\0two@x"s}));
  EXPECT_EQ(after.size(), 5U);
  const auto said = after.recall("s@remote", "r@x", {}, memory.now());
  EXPECT_EQ(said.kind, Kind::refuse);
  EXPECT_EQ(said.reply.line(), refusal().line());
  EXPECT_EQ(after.recall("other@remote", "gone@x", {}, memory.now()).kind, Kind::refuse);
  EXPECT_EQ(after.recall("", "busy@x", {}, memory.now()).kind, Kind::refuse);
  EXPECT_EQ(after.recall("", "busy@x", {}, memory.now()).kind, Kind::nothing) << "repeated once";
  EXPECT_EQ(after.recall("s@remote", "one@x", {"r@x"}, memory.now()).kind, Kind::nothing);
  EXPECT_EQ(after.recall("s@remote", "two@x", {}, memory.now()).kind, Kind::not_now);
  EXPECT_EQ(after.recall("s@remote", "two@x", {"one@x"}, memory.now()).kind, Kind::not_now)
      << "one@x goes alone";
  clock.advance(std::chrono::hours(35));
  EXPECT_EQ(after.recall("s@remote", "r@x", {}, memory.now()).kind, Kind::refuse);
  clock.advance(std::chrono::hours(36));
  EXPECT_EQ(after.recall("s@remote", "r@x", {}, memory.now()).kind, Kind::nothing);
}

TEST_F(LearnedRestart, is_told_what_was_forgotten) {
  teach_before(Lesson::Kind::refused, "s@remote", "r@x");
  write(before);
  EXPECT_EQ(rows.size(), 1U);
  teach_before(Lesson::Kind::cleared, "s@remote", "r@x");
  restart();
  EXPECT_TRUE(rows.empty());
  EXPECT_EQ(after.size(), 0U);
}

TEST_F(LearnedRestart, writes_what_has_changed_and_renewals_only_by_the_hour) {
  const auto ask = [&] { before.recall("s@remote", "r@x", {}, memory.now()); };
  teach_before(Lesson::Kind::refused, "s@remote", "r@x");
  EXPECT_EQ(write(before), 1U);
  EXPECT_EQ(write(before), 0U);
  for (int minutes = 0; minutes < 120; ++minutes, clock.advance(std::chrono::minutes(1))) ask();
  EXPECT_EQ(write(before), 1U);
  clock.advance(std::chrono::minutes(1));
  ask();
  EXPECT_EQ(write(before), 0U);
  restart();
  clock.advance(std::chrono::hours(35));
  EXPECT_EQ(after.recall("s@remote", "r@x", {}, memory.now()).kind, Kind::refuse);
}

TEST_F(LearnedRestart, can_be_told_to_forget_by_key) {
  teach_before(Lesson::Kind::refused, "s@remote", "r@x");
  restart();
  EXPECT_FALSE(after.forget(state::Key{}));
  EXPECT_TRUE(after.forget(rows.begin()->first));
  EXPECT_EQ(after.size(), 0U);
  write(after);
  EXPECT_TRUE(rows.empty());
}

TEST_F(LearnedRestart, is_known_by_its_name_and_at_home_on_another_clock) {
  teach_before(Lesson::Kind::refused, "s@remote", "r@x");
  write(before);
  auto row = rows.begin()->second;
  EXPECT_EQ(row.key, base::siphash128(hash_key, row.name)) << "an import makes the key of the name";
  EXPECT_EQ(before.moved(row.value, 0), row.value);
  const auto later = state::Second{1000000};
  row.value = before.moved(row.value, later).value();
  ASSERT_TRUE(after.restore(row));
  EXPECT_EQ(after.recall("s@remote", "r@x", {}, row.expires + later - 1).kind, Kind::refuse);
  EXPECT_EQ(after.recall("s@remote", "r@x", {}, memory.now() + 10 * later).kind, Kind::nothing);
  EXPECT_EQ(before.moved("rubbish", 0), std::nullopt);
}

TEST_F(LearnedRestart, takes_no_row_that_is_cut_off_or_of_another_form) {
  teach_before(Lesson::Kind::refused, "s@remote", "r@x");
  write(before);
  const auto row = rows.begin()->second;
  EXPECT_EQ(before.describe(row.value, memory.now()), "the backend says 550 5.1.1 no");
  const auto fixed = row.value.size() - std::string("s@remote r@x").size();
  for (std::size_t size = 0; size <= fixed; ++size) {
    auto cut = row;
    cut.value.resize(size);
    EXPECT_FALSE(after.restore(cut)) << size;
  }
  auto newer = row;
  newer.value[0] = 2;
  EXPECT_FALSE(after.restore(newer));
  EXPECT_EQ(after.size(), 0U);
}

TEST_F(LearnedRestart, loses_nothing_while_several_threads_teach_and_one_writes) {
  std::atomic<int> teaching{3};
  std::vector<std::thread> sessions;
  for (int thread = 0; thread < 3; ++thread) {
    sessions.emplace_back([&, thread] {
      for (int i = 0; i < 1000; ++i) {
        const auto recipient = std::to_string(thread) + "." + std::to_string(i) + "@x";
        teach_before(Lesson::Kind::refused, "s@remote", recipient);
        before.recall("s@remote", recipient, {}, memory.now());
        if (i % 2 == 0) teach_before(Lesson::Kind::cleared, "s@remote", recipient);
      }
      --teaching;
    });
  }
  while (teaching > 0) write(before);
  for (auto& session : sessions) session.join();
  restart();
  EXPECT_EQ(rows.size(), 1500U);
  EXPECT_EQ(after.recall("s@remote", "2.999@x", {}, memory.now()).kind, Kind::refuse);
  EXPECT_EQ(after.recall("s@remote", "2.998@x", {}, memory.now()).kind, Kind::nothing);
}

TEST_F(LearnedRestart, grows_by_nothing_while_nobody_collects) {
  Learned small(64, hash_key);
  for (int i = 0; i < 50000; ++i)
    small.apply("s", {"r" + std::to_string(i)}, {{Lesson::Kind::refused, 0, refusal(), 0}}, memory.now());
  EXPECT_LE(small.size(), 64U);
  EXPECT_GT(small.use().evicted, 40000U);
  state::Batch batch;
  small.collect(batch, 100000);
  EXPECT_LE(batch.size(), 3 * 64U);
  EXPECT_EQ(batch.rows.size(), small.size());
}

/// A backend that says yes to each RCPT and refuses the whole message after the dot (Exchange 2013 and
/// later), and a sender with a queue: the promise of DESIGN section 4.
struct Simulation {
  tests::FakeClock clock;
  state::StateClock memory{clock};
  Learned learned{100000};
  std::set<std::string> bad;             ///< refused with 5.1.1 after the dot
  std::map<std::string, int> deferrals;  ///< how often 4xx is said after the dot if it is among them
  std::map<std::string, int> delivered;
  std::set<std::string> bounced;
  std::vector<std::string> queue;
  int tries = 0;

  void run(const std::vector<std::string>& recipients) {
    queue = recipients;
    for (; tries < 96 && !queue.empty(); ++tries, clock.advance(std::chrono::minutes(15))) one_try();
  }

  void one_try() {
    std::vector<std::string> accepted;
    std::vector<std::string> later;
    for (const auto& recipient : queue) {
      const auto said = learned.recall("s@remote", recipient, accepted, memory.now());
      if (said.kind == Kind::nothing) {
        accepted.push_back(recipient);
      } else if (said.kind == Kind::refuse && said.reply.permanent()) {
        bounced.insert(recipient);
      } else {
        later.push_back(recipient);
      }
    }
    if (!accepted.empty() && !deliver(accepted))
      later.insert(later.begin(), accepted.begin(), accepted.end());
    // In the queue's fixed order.
    std::vector<std::string> rest;
    for (const auto& recipient : queue) {
      if (std::find(later.begin(), later.end(), recipient) != later.end()) rest.push_back(recipient);
    }
    queue = rest;
  }

  /// True: the sender need not try these again.
  bool deliver(const std::vector<std::string>& accepted) {
    smtp::Envelope envelope;
    std::vector<bool> suspects;
    smtp::TransactionReplies replies;
    replies.mail = smtp::BackendReply{250, {}, "ok"};
    replies.data = smtp::BackendReply{354, {}, "go"};
    replies.dot = smtp::BackendReply{250, {}, "ok"};
    for (const auto& recipient : accepted) {
      envelope.recipients.push_back({recipient, ""});
      suspects.push_back(learned.is_suspect("s@remote", recipient, memory.now()));
      replies.rcpts.push_back({250, {}, "ok"});
      if (deferrals[recipient] > 0) {
        --deferrals[recipient];
        replies.dot = smtp::BackendReply{451, {4, 3, 2}, "later"};
      }
    }
    for (const auto& recipient : accepted) {
      if (bad.count(recipient) > 0) replies.dot = smtp::BackendReply{550, {5, 1, 1}, "no"};
    }
    const auto result = outcome(envelope, replies, suspects);
    learned.apply("s@remote", accepted, result.lessons, memory.now());
    if (result.verdict == Outcome::Verdict::delivered) {
      for (const auto& recipient : accepted) ++delivered[recipient];
      return true;
    }
    if (result.verdict != Outcome::Verdict::passed_on || !result.reply.permanent()) return false;
    for (const auto& recipient : accepted) bounced.insert(recipient);
    return true;
  }

  void expect_each_good_one_once(const std::vector<std::string>& recipients) {
    for (const auto& recipient : recipients) {
      EXPECT_EQ(delivered[recipient], bad.count(recipient) > 0 ? 0 : 1) << recipient;
      EXPECT_EQ(bounced.count(recipient), bad.count(recipient)) << recipient;
    }
  }
};

std::vector<std::string> hundred() {
  std::vector<std::string> recipients;
  for (int i = 0; i < 100; ++i) recipients.push_back("r" + std::to_string(i) + "@x");
  return recipients;
}

TEST(Suspects, cost_the_99_others_no_mail_wherever_the_bad_one_stands) {
  int most = 0;
  for (int bad = 0; bad < 100; ++bad) {
    Simulation simulation;
    const auto recipients = hundred();
    simulation.bad.insert(recipients[static_cast<std::size_t>(bad)]);
    simulation.run(recipients);
    simulation.expect_each_good_one_once(recipients);
    most = std::max(most, simulation.tries);
  }
  EXPECT_LE(most, 30) << "far from the 96 tries of a day";
}

TEST(Suspects, may_be_several) {
  for (int step = 1; step < 50; ++step) {
    Simulation simulation;
    const auto recipients = hundred();
    for (std::size_t i = 0; i < 3; ++i)
      simulation.bad.insert(recipients[(i * static_cast<std::size_t>(step) + 7) % 100]);
    simulation.run(recipients);
    simulation.expect_each_good_one_once(recipients);
    EXPECT_LT(simulation.tries, 96) << step;
  }
}

TEST(Suspects, do_not_hold_the_others_up_when_one_is_deferred_for_long) {
  Simulation simulation;
  const auto recipients = hundred();
  simulation.bad.insert(recipients[60]);
  simulation.deferrals[recipients[10]] = 1000;
  simulation.run(recipients);
  for (std::size_t i = 0; i < 100; ++i) {
    if (i == 60) continue;
    EXPECT_EQ(simulation.delivered[recipients[i]], i == 10 ? 0 : 1) << i;
  }
}

}  // namespace
}  // namespace gatepost::relay
