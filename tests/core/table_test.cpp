// A bounded table: what it keeps, what makes way, what is written.
#include <gtest/gtest.h>

#include <map>

#include "core/state/state_clock.hpp"
#include "core/state/table.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::state {
namespace {

struct Note {
  static constexpr bool survives = true;
  static constexpr bool newcomers_yield = false;
  Second until = 0;
  std::uint32_t count = 0;
  Second expires() const { return until; }
  unsigned worth(Second) const { return count; }
  std::string encode() const { return std::to_string(until) + " " + std::to_string(count); }
  static std::optional<Note> decode(std::string_view text) {
    Note note;
    if (std::sscanf(std::string(text).c_str(), "%u %u", &note.until, &note.count) != 2) return std::nullopt;
    return note;
  }
};

struct Yielding : Note {
  static constexpr bool newcomers_yield = true;
  static std::optional<Yielding> decode(std::string_view) { return Yielding{}; }
};

constexpr base::HashKey hash_key{1, 2};
constexpr auto to_100 = [](auto& note) {
  note.until = 100;
  ++note.count;
};

TEST(Table, keeps_what_it_is_told_until_it_expires) {
  Table<Note> table("notes", hash_key, 1 << 20);
  EXPECT_FALSE(table.find("a", 1));
  EXPECT_TRUE(table.update("a", 1, to_100));
  EXPECT_TRUE(table.update("a", 2, to_100));
  EXPECT_EQ(table.find("a", 99)->count, 2U);
  EXPECT_FALSE(table.find("a", 100));
  EXPECT_FALSE(table.find("b", 1));
  table.update("a", 150, [](Note& note) {
    EXPECT_EQ(note.count, 0U) << "what has expired counts no more";
    note.until = 200;
  });
}

TEST(Table, is_bounded_and_lets_the_least_worthy_make_way) {
  Table<Note> table("notes", hash_key, 64 << 10);
  const auto capacity = table.use().capacity;
  for (int i = 0; i < 100; ++i)
    table.update("good " + std::to_string(i), 1, [](Note& note) { note = {1000, 5}; });
  for (std::size_t i = 0; i < 50 * capacity; ++i)
    table.update("crowd " + std::to_string(i), 1, [](Note& note) { note = {1000, 1}; });
  const auto use = table.use();
  EXPECT_LE(use.entries, capacity);
  EXPECT_LE(use.bytes, 64U << 10);
  EXPECT_GE(use.evicted, 49 * capacity - 100);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(table.find("good " + std::to_string(i), 1)) << i;
}

TEST(Table, does_not_take_a_newcomer_that_is_worth_no_more_where_these_yield) {
  Table<Yielding> table("notes", hash_key, 0);
  const auto capacity = table.use().capacity;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < 3 * capacity; ++i) {
    if (table.update(std::to_string(i), 1, to_100)) ++taken;
  }
  EXPECT_EQ(taken, table.use().entries);
  EXPECT_EQ(table.use().refused, 3 * capacity - taken);
  EXPECT_EQ(table.use().evicted, 0U);
  EXPECT_TRUE(table.update("later", 100, [](Yielding& note) { note.until = 200; }))
      << "the others have expired";
}

TEST(Table, hands_over_each_change_once_with_its_name_the_first_time) {
  Table<Note> table("notes", hash_key, 1 << 20);
  table.update("a", 1, to_100);
  table.update("a", 1, to_100);
  Batch batch;
  table.collect(batch, 100);
  ASSERT_EQ(batch.rows.size(), 1U);
  EXPECT_EQ(batch.rows[0].name, "a");
  EXPECT_EQ(batch.rows[0].value, "100 2");
  EXPECT_EQ(batch.rows[0].expires, 100U);
  batch = {};
  table.collect(batch, 100);
  EXPECT_TRUE(batch.empty());
  table.update("a", 1, to_100);
  table.collect(batch, 100);
  ASSERT_EQ(batch.rows.size(), 1U);
  EXPECT_EQ(batch.rows[0].name, "");

  Table<Note> again("notes", hash_key, 1 << 20);
  EXPECT_TRUE(again.restore(batch.rows[0]));
  EXPECT_EQ(again.find("a", 1)->count, 3U);
  batch.rows[0].value = "rubbish";
  EXPECT_FALSE(again.restore(batch.rows[0]));
  Batch nothing;
  again.collect(nothing, 100);
  EXPECT_TRUE(nothing.empty()) << "what was restored need not be written";
}

TEST(Table, names_again_what_comes_back_after_it_expired_since_the_store_has_thrown_it_away) {
  Table<Note> table("notes", hash_key, 1 << 20);
  table.update("a", 1, to_100);
  Batch batch;
  table.collect(batch, 100);
  table.update("a", 100, [](Note& note) { note.until = 200; });
  batch = {};
  table.collect(batch, 100);
  ASSERT_EQ(batch.rows.size(), 1U);
  EXPECT_EQ(batch.rows[0].name, "a");
}

TEST(Table, hands_over_the_oldest_changes_first) {
  Table<Note> table("notes", hash_key, 1 << 20);
  for (int i = 0; i < 1000; ++i) table.update(std::to_string(i), 1, to_100);
  Batch some;
  table.collect(some, 64);
  ASSERT_FALSE(some.rows.empty());
  // One of each shard, or several of one: never one that came behind another of its shard that was left.
  std::map<std::uint64_t, int> last;
  for (const auto& row : some.rows) {
    const auto number = std::stoi(row.name);
    auto& newest = last.emplace(row.key.high >> 58U, -1).first->second;
    EXPECT_GT(number, newest);
    newest = number;
  }
}

TEST(Table, says_what_is_to_be_erased_unless_it_was_never_written) {
  Table<Note> table("notes", hash_key, 1 << 20);
  table.update("a", 1, to_100);
  table.update("b", 1, to_100);
  EXPECT_TRUE(table.erase("b"));
  Batch batch;
  table.collect(batch, 100);
  EXPECT_EQ(batch.rows.size(), 1U);
  EXPECT_EQ(batch.erased.size(), 0U);
  EXPECT_TRUE(table.erase("a"));
  EXPECT_FALSE(table.erase("a"));
  batch = {};
  table.collect(batch, 100);
  EXPECT_EQ(batch.rows.size(), 0U);
  ASSERT_EQ(batch.erased.size(), 1U);
  EXPECT_EQ(batch.erased[0].key, table.key_of("a"));
}

struct Telling : Note {
  static std::optional<Telling> decode(std::string_view text) {
    const auto note = Note::decode(text);
    return note ? std::optional(Telling{*note}) : std::nullopt;
  }
  void move(std::int64_t seconds) { until = moved(until, seconds); }
  std::string describe(Second now) const {
    return std::to_string(count) + " times, for " + std::to_string(until - now) + " s";
  }
};

TEST(Table, says_in_words_what_a_value_means_if_its_record_can) {
  const Table<Telling> telling("notes", hash_key, 1 << 20);
  EXPECT_EQ(telling.describe("100 2", 40), "2 times, for 60 s");
  EXPECT_EQ(telling.describe("rubbish", 40), "");
  const Table<Note> silent("notes", hash_key, 1 << 20);
  EXPECT_EQ(silent.describe("100 2", 40), "");
}

TEST(Table, moves_the_moments_of_a_value_to_another_clock_if_its_record_can) {
  const Table<Telling> telling("notes", hash_key, 1 << 20);
  EXPECT_EQ(telling.moved("100 2", 40), "140 2");
  EXPECT_EQ(telling.moved("100 2", -200), "1 2") << "0 would be never";
  EXPECT_EQ(telling.moved("0 2", 40), "0 2");
  EXPECT_EQ(telling.moved("rubbish", 0), std::nullopt);
  const Table<Note> fixed("notes", hash_key, 1 << 20);
  EXPECT_EQ(fixed.moved("100 2", 0), "100 2");
  EXPECT_EQ(fixed.moved("100 2", 1), std::nullopt);
}

TEST(StateClock, goes_by_the_steady_clock_whatever_the_wall_clock_does) {
  tests::FakeClock clock;
  StateClock state(clock);
  EXPECT_EQ(state.now(), StateClock::beginning);
  clock.advance(std::chrono::seconds(90));
  EXPECT_EQ(state.now(), StateClock::beginning + 90);
  clock.set_wall(clock.wall() + std::chrono::hours(24 * 365));
  EXPECT_EQ(state.now(), StateClock::beginning + 90);
}

TEST(StateClock, believes_of_an_absence_a_day_at_most) {
  tests::FakeClock clock;
  const auto hours = [](int n) { return static_cast<Second>(n) * 3600; };
  const auto resumed = [&](int away) {
    StateClock state(clock);
    state.resume(1000, clock.wall() - std::chrono::hours(away));
    return state.now() - 1000;
  };
  EXPECT_EQ(resumed(2), hours(2));
  EXPECT_EQ(resumed(24 * 365), hours(24));
  EXPECT_EQ(resumed(-24), 0U);
}

}  // namespace
}  // namespace gatepost::state
