// What is remembered of callouts, and the check with its evidence.
#include "checks/callouts.hpp"

#include <gtest/gtest.h>

#include "checks/memory.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::checks {
namespace {

using state::Second;

struct CalloutsTest : testing::Test {
  tests::FakeClock clock;
  Memory memory{clock, state::Origin{}, std::size_t{1} << 20};
  Callouts& callouts = memory.callouts;
  CalloutSettings how;
  mail::Mailbox address = *mail::Mailbox::parse("Ann@remote.example");
  mail::Mailbox other = *mail::Mailbox::parse("other@REMOTE.example");

  std::string recalled(const mail::Mailbox& of) const {
    const auto known = recall(callouts, of, memory.now());
    return known ? std::string(name_of(known->result)) + " " + known->words : "";
  }
  void keep(const std::string& name, CalloutResult result, std::string words = "words") {
    remember(callouts, name, {result, std::move(words), false}, how, memory.now());
  }
};

TEST_F(CalloutsTest, keep_each_result_for_its_own_time) {
  const std::pair<CalloutResult, base::Millis> all[] = {{CalloutResult::taken, how.keep_taken},
                                                        {CalloutResult::refused, how.keep_refused},
                                                        {CalloutResult::sender_refused, how.keep_refused},
                                                        {CalloutResult::unknown, how.keep_unknown},
                                                        {CalloutResult::takes_all, how.keep_domain}};
  for (const auto& [result, time] : all) {
    keep(callout_name(address), result, "250 ok");
    EXPECT_EQ(recalled(address), std::string(name_of(result)) + " 250 ok");
    clock.advance(time - std::chrono::seconds(1));
    EXPECT_NE(recalled(address), "") << name_of(result);
    clock.advance(std::chrono::seconds(1));
    EXPECT_EQ(recalled(address), "") << name_of(result);
  }
}

TEST_F(CalloutsTest, find_an_address_however_it_is_written) {
  keep(callout_name(address), CalloutResult::refused);
  EXPECT_EQ(recalled(*mail::Mailbox::parse("aNN@Remote.Example")), "refused words");
  EXPECT_EQ(recalled(other), "");
}

TEST_F(CalloutsTest, answer_for_all_addresses_of_a_domain_unless_it_is_selective) {
  const auto name = callout_domain_name("remote.example");
  keep(name, CalloutResult::takes_all);
  EXPECT_EQ(recalled(other), "takes_all words");
  EXPECT_FALSE(known_selective(callouts, "remote.example", memory.now()));
  keep(name, CalloutResult::selective);
  EXPECT_EQ(recalled(other), "");
  EXPECT_TRUE(known_selective(callouts, "remote.example", memory.now()));
  keep(callout_name(address), CalloutResult::taken);
  keep(name, CalloutResult::unknown);
  EXPECT_EQ(recalled(address), "taken words") << "what is known of the address itself counts";
  EXPECT_EQ(recalled(other), "unknown words");
}

TEST_F(CalloutsTest, do_not_keep_that_nobody_was_asked) {
  keep(callout_name(address), CalloutResult::not_asked);
  EXPECT_EQ(recalled(address), "");
}

TEST_F(CalloutsTest, cut_long_words) {
  keep(callout_name(address), CalloutResult::refused, std::string(5000, 'x'));
  EXPECT_EQ(recalled(address), "refused " + std::string(CalloutRecord::longest_words, 'x'));
}

TEST_F(CalloutsTest, count_deferrals_for_a_day_or_until_the_answer_is_there) {
  for (unsigned i = 0; i < 5; ++i) {
    EXPECT_EQ(deferrals(callouts, address, memory.now()), std::min(i, CalloutRecord::most_deferrals));
    count_deferral(callouts, address, memory.now());
    keep(callout_name(address), CalloutResult::unknown);
    clock.advance(std::chrono::minutes(20));
  }
  EXPECT_EQ(recalled(address), "") << "the result is over before the count";
  EXPECT_EQ(deferrals(callouts, other, memory.now()), 0U);
  clock.advance(std::chrono::hours(24));
  EXPECT_EQ(deferrals(callouts, address, memory.now()), 0U);
  count_deferral(callouts, address, memory.now());
  keep(callout_name(address), CalloutResult::taken);
  EXPECT_EQ(deferrals(callouts, address, memory.now()), 0U);
}

TEST_F(CalloutsTest, limit_how_often_a_domain_is_asked_in_an_hour) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(may_ask(callouts, "remote.example", 3, memory.now()));
  EXPECT_FALSE(may_ask(callouts, "remote.example", 3, memory.now()));
  EXPECT_TRUE(may_ask(callouts, "elsewhere.example", 3, memory.now()));
  keep(callout_domain_name("remote.example"), CalloutResult::selective);
  EXPECT_FALSE(may_ask(callouts, "remote.example", 3, memory.now())) << "a result does not forget the count";
  clock.advance(std::chrono::hours(1));
  EXPECT_TRUE(may_ask(callouts, "remote.example", 3, memory.now()));
}

TEST_F(CalloutsTest, make_up_the_same_address_each_time_and_another_for_each_domain) {
  const auto one = made_up_local_part(callouts, "remote.example");
  EXPECT_EQ(one, made_up_local_part(callouts, "remote.example"));
  EXPECT_NE(one, made_up_local_part(callouts, "elsewhere.example"));
  EXPECT_TRUE(mail::Mailbox::parse(one + "@remote.example"));
}

TEST(CalloutRecord, survives_being_written_and_read) {
  CalloutRecord record;
  record.set(CalloutResult::refused, "550 5.1.1 no such user", 123456789);
  record.deferrals = 2;
  record.deferred = 99;
  record.asked = 40000;
  record.asked_since = 0xfedcba98;
  const auto read = CalloutRecord::decode(record.encode());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->encode(), record.encode());
  EXPECT_EQ(read->words(), "550 5.1.1 no such user");
  EXPECT_EQ(read->expires(), 0xfedcba98 + 3600);
}

TEST(CalloutRecord, is_not_read_from_anything_else) {
  CalloutRecord record;
  record.set(CalloutResult::taken, "", 1);
  const auto good = record.encode();
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(CalloutRecord::decode(good.substr(0, size))) << size;
  auto newer = good;
  newer[0] = 2;
  EXPECT_FALSE(CalloutRecord::decode(newer));
  auto unknown_result = good;
  unknown_result[1] = 77;
  EXPECT_FALSE(CalloutRecord::decode(unknown_result));
  EXPECT_FALSE(CalloutRecord::decode(good + std::string(CalloutRecord::longest_words + 1, 'x')));
  EXPECT_TRUE(CalloutRecord::decode(good + std::string(CalloutRecord::longest_words, 'x')));
}

TEST(CalloutRecord, is_worth_more_the_more_probes_it_saves) {
  const auto worth = [](CalloutResult result, Second until) {
    CalloutRecord record;
    record.set(result, "", until);
    return record.worth(100);
  };
  EXPECT_GT(worth(CalloutResult::takes_all, 200), worth(CalloutResult::taken, 200));
  EXPECT_GT(worth(CalloutResult::refused, 200), worth(CalloutResult::unknown, 200));
  EXPECT_EQ(worth(CalloutResult::takes_all, 100), 0U) << "it is over";
}

TEST(CalloutRecord, tells_people_what_it_holds) {
  CalloutRecord record;
  EXPECT_EQ(record.describe(100), "nothing known");
  record.set(CalloutResult::refused, "550 no\\x01", 7300);
  EXPECT_EQ(record.describe(100), "refused for another 2 h 0 min: 550 no\\x01");
  record.deferrals = 1;
  record.asked = 2;
  EXPECT_EQ(record.describe(100),
            "refused for another 2 h 0 min: 550 no\\x01; deferred 1 time; 2 addresses asked within an hour");
  record = {};
  record.set(CalloutResult::selective, {}, 190);
  EXPECT_EQ(record.describe(100), "refuses made-up addresses for another 1 min 30 s");
}

}  // namespace
}  // namespace gatepost::checks
