#include <gtest/gtest.h>

#include "core/dns/cache.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::dns {
namespace {

using std::chrono::seconds;

std::shared_ptr<const Answer> answer(Outcome outcome, seconds ttl) {
  auto made = std::make_shared<Answer>();
  made->outcome = outcome;
  made->ttl = ttl;
  return made;
}

TEST(DnsCache, keeps_each_outcome_for_its_time) {
  const std::tuple<Outcome, seconds, seconds> cases[] = {
      {Outcome::found, seconds(0), seconds(0)},        {Outcome::found, seconds(60), seconds(60)},
      {Outcome::found, seconds(90000), seconds(3600)}, {Outcome::no_name, seconds(0), seconds(5)},
      {Outcome::no_name, seconds(60), seconds(60)},    {Outcome::no_name, seconds(3600), seconds(900)},
      {Outcome::no_data, seconds(3600), seconds(900)}, {Outcome::temporary_failure, seconds(0), seconds(5)},
      {Outcome::bogus, seconds(0), seconds(30)},
  };
  for (const auto& [outcome, ttl, expected] : cases) {
    EXPECT_EQ(keeping_time(*answer(outcome, ttl)), expected) << name_of(outcome) << " " << ttl.count();
  }
}

TEST(DnsCache, forgets_when_the_time_is_over) {
  tests::FakeClock clock;
  Cache cache(10);
  const Question question{"a.example", Type::a};
  const auto kept = answer(Outcome::found, seconds(60));
  cache.put(question, kept, clock.now());
  clock.advance(base::Millis(59999));
  EXPECT_EQ(cache.find(question, clock.now()), kept);
  EXPECT_EQ(cache.find({"a.example", Type::aaaa}, clock.now()), nullptr);
  clock.advance(base::Millis(1));
  EXPECT_EQ(cache.find(question, clock.now()), nullptr);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(DnsCache, replaces_what_it_knew) {
  tests::FakeClock clock;
  Cache cache(10);
  const Question question{"a.example", Type::a};
  cache.put(question, answer(Outcome::found, seconds(60)), clock.now());
  const auto newer = answer(Outcome::no_name, seconds(60));
  cache.put(question, newer, clock.now());
  EXPECT_EQ(cache.find(question, clock.now()), newer);
  EXPECT_EQ(cache.size(), 1U);
  cache.put(question, answer(Outcome::found, seconds(0)), clock.now());
  EXPECT_EQ(cache.find(question, clock.now()), nullptr) << "what may not be kept ends what was";
}

TEST(DnsCache, gives_up_what_was_used_least_recently) {
  tests::FakeClock clock;
  Cache cache(2);
  const auto kept = answer(Outcome::found, seconds(60));
  cache.put({"a", Type::a}, kept, clock.now());
  cache.put({"b", Type::a}, kept, clock.now());
  EXPECT_NE(cache.find({"a", Type::a}, clock.now()), nullptr);
  cache.put({"c", Type::a}, kept, clock.now());
  EXPECT_NE(cache.find({"a", Type::a}, clock.now()), nullptr);
  EXPECT_EQ(cache.find({"b", Type::a}, clock.now()), nullptr);
  EXPECT_NE(cache.find({"c", Type::a}, clock.now()), nullptr);
}

TEST(DnsCache, is_bounded_in_bytes_too) {
  tests::FakeClock clock;
  Cache cache(100);
  for (int i = 0; i < 50; ++i) {
    auto large = std::make_shared<Answer>();
    large->outcome = Outcome::found;
    large->ttl = seconds(60);
    large->texts.emplace_back(20000, 'x');
    cache.put({std::to_string(i), Type::txt}, large, clock.now());
  }
  EXPECT_LE(cache.size(), 5U);
  EXPECT_NE(cache.find({"49", Type::txt}, clock.now()), nullptr);
}

TEST(DnsCache, forgets_everything_when_it_is_told_to) {
  tests::FakeClock clock;
  Cache cache(10);
  const Question question{"a.example", Type::a};
  cache.put(question, answer(Outcome::found, seconds(60)), clock.now());
  cache.clear();
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.find(question, clock.now()), nullptr);
  cache.put(question, answer(Outcome::found, seconds(60)), clock.now());
  EXPECT_EQ(cache.size(), 1U);
}

TEST(DnsCache, may_be_switched_off) {
  tests::FakeClock clock;
  Cache cache(0);
  cache.put({"a", Type::a}, answer(Outcome::found, seconds(60)), clock.now());
  EXPECT_EQ(cache.find({"a", Type::a}, clock.now()), nullptr);
}

}  // namespace
}  // namespace gatepost::dns
