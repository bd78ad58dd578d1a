// The writer behind the tables: what it writes when, and what it does when the store is slow, full or broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <map>

#include "core/state/sqlite_store.hpp"
#include "core/state/table.hpp"
#include "core/state/write_behind.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::state {
namespace {

using testing::HasSubstr;

struct Note {
  static constexpr bool survives = true;
  static constexpr bool newcomers_yield = false;
  Second until = 0;
  std::uint32_t count = 0;
  Second expires() const { return until; }
  unsigned worth(Second) const { return count; }
  std::string encode() const { return std::to_string(count); }
  static std::optional<Note> decode(std::string_view text) {
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    return Note{UINT32_MAX, static_cast<std::uint32_t>(std::atoi(std::string(text).c_str()))};
  }
};

struct Fleeting : Note {
  static constexpr bool survives = false;
};

struct Patient : Note {
  static constexpr std::chrono::seconds may_wait{30};
  static std::optional<Patient> decode(std::string_view) { return Patient{}; }
};

/// A store in memory with faults.
struct FakeStore final : Store {
  Origin first;
  std::map<Key, Row> rows;
  std::vector<std::size_t> sizes;  ///< of the batches written
  std::vector<Order> ordered;
  std::int64_t done = 0;
  Second now = 0;
  std::string broken;                     ///< what write() says
  std::function<void()> writing = [] {};  ///< called by write()
  std::size_t attempts = 0;
  std::string unpurged;                   ///< what purge() says
  std::function<void()> purging = [] {};  ///< called by purge()

  const Origin& origin() const override { return first; }
  base::Result<void> load(const std::function<void(const Row&)>& take) override {
    if (!broken.empty()) return base::Failure{broken};
    for (const auto& [key, row] : rows) take(row);
    return {};
  }
  base::Result<void> write(const Batch& batch) override {
    ++attempts;
    writing();
    if (!broken.empty()) return base::Failure{broken};
    for (const auto& erased : batch.erased) rows.erase(erased.key);
    for (const auto& row : batch.rows) rows[row.key] = row;
    sizes.push_back(batch.size());
    now = batch.now;
    return {};
  }
  base::Result<std::vector<Order>> orders() override { return std::exchange(ordered, {}); }
  base::Result<void> carried_out(std::int64_t number) override {
    done = number;
    return {};
  }
  base::Result<std::optional<Row>> find(std::string_view, const Key& key) override {
    const auto found = rows.find(key);
    return found == rows.end() ? std::nullopt : std::optional(found->second);
  }
  base::Result<std::size_t> purge(std::string_view, Second, std::size_t, std::size_t) override {
    purging();
    if (!unpurged.empty()) return base::Failure{unpurged};
    return 0U;
  }
};

struct WriteBehindTest : testing::Test {
  static constexpr base::Millis interval{500};
  tests::FakeClock clock;
  StateClock memory{clock};
  FakeStore store;
  Table<Note> notes{"notes", {1, 2}, 8 << 20};
  Table<Fleeting> fleeting{"fleeting", {1, 2}, 1 << 16};
  WriteBehind writer{store, {&notes, &fleeting}, memory, clock, interval};

  void note(const std::string& name) {
    notes.update(name, memory.now(), [this](Note& n) {
      n.until = memory.now() + 1000;
      ++n.count;
    });
  }
  std::string stored(const std::string& name) const {
    const auto found = store.rows.find(notes.key_of(name));
    return found == store.rows.end() ? "" : found->second.value;
  }
  void pass(base::Millis time = interval) {
    clock.advance(time);
    writer.round();
  }
};

TEST_F(WriteBehindTest, writes_what_has_changed_and_nothing_else) {
  note("a");
  note("a");
  fleeting.update("x", 1, [](Fleeting& f) { f.until = UINT32_MAX; });
  EXPECT_TRUE(writer.round());
  EXPECT_EQ(stored("a"), "2");
  EXPECT_EQ(store.rows.size(), 1U);
  const auto before = store.attempts;
  pass();
  EXPECT_EQ(store.attempts, before);
  notes.erase("a");
  pass();
  EXPECT_TRUE(store.rows.empty());
  const auto health = writer.health();
  EXPECT_EQ(health.rows, 1U);
  EXPECT_EQ(health.erased, 1U);
  EXPECT_EQ(health.written, clock.wall());
}

TEST_F(WriteBehindTest, writes_what_may_wait_seldom_and_at_the_end) {
  Table<Patient> patient("patient", {1, 2}, 1 << 16);
  WriteBehind both(store, {&notes, &patient}, memory, clock, interval);
  const auto count = [&] {
    patient.update("p", memory.now(), [](Patient& p) {
      p.until = UINT32_MAX;
      ++p.count;
    });
    note("a");
  };
  const auto stored_patient = [&] { return store.rows[patient.key_of("p")].value; };
  count();
  both.round();
  EXPECT_EQ(stored_patient(), "1");
  count();
  clock.advance(std::chrono::seconds(29));
  both.round();
  EXPECT_EQ(stored_patient(), "1");
  EXPECT_EQ(stored("a"), "2");
  clock.advance(std::chrono::seconds(1));
  both.round();
  EXPECT_EQ(stored_patient(), "2");
  count();
  both.start();
  EXPECT_TRUE(both.stop(std::chrono::seconds(60)));
  EXPECT_EQ(stored_patient(), "3");
}

TEST_F(WriteBehindTest, outlives_a_store_that_throws) {
  note("a");
  store.writing = [] { throw std::runtime_error("no memory"); };
  EXPECT_FALSE(writer.round());
  EXPECT_EQ(writer.health().why, "no memory");
  store.writing = [] {};
  pass(std::chrono::seconds(30));
  EXPECT_EQ(stored("a"), "1");
}

TEST_F(WriteBehindTest, tells_the_time_even_if_nothing_changes) {
  writer.round();
  EXPECT_EQ(store.now, memory.now());
  for (int i = 0; i < 21; ++i) pass();
  EXPECT_GE(store.now + 10, memory.now());
  EXPECT_EQ(store.attempts, 2U);
}

TEST_F(WriteBehindTest, writes_much_in_batches) {
  for (int i = 0; i < 5000; ++i) note(std::to_string(i));
  EXPECT_TRUE(writer.round());
  EXPECT_EQ(store.rows.size(), 5000U);
  for (const auto size : store.sizes) EXPECT_LE(size, WriteBehind::batch_rows);
}

TEST_F(WriteBehindTest, keeps_what_it_could_not_write_and_lets_the_newer_win) {
  store.broken = "disk full";
  note("a");
  EXPECT_FALSE(writer.round());
  note("a");
  note("b");
  store.broken.clear();
  EXPECT_FALSE(writer.round()) << "not at once";
  EXPECT_EQ(store.attempts, 1U);
  pass();
  EXPECT_EQ(stored("a"), "2");
  EXPECT_EQ(stored("b"), "1");
}

TEST_F(WriteBehindTest, forgets_no_erasure_of_what_waits_to_be_written) {
  store.broken = "disk full";
  note("a");
  writer.round();
  notes.erase("a");
  store.broken.clear();
  pass();
  EXPECT_EQ(stored("a"), "");
}

TEST_F(WriteBehindTest, tries_less_often_while_it_fails_and_holds_no_more_than_one_batch) {
  store.broken = "disk full";
  std::vector<int> tries;
  for (int second = 0; second < 300; ++second) {
    for (int i = 0; i < 100; ++i) note(std::to_string(second * 100 + i));
    const auto before = store.attempts;
    pass(std::chrono::seconds(1));
    if (store.attempts > before) tries.push_back(second);
  }
  ASSERT_GE(tries.size(), 10U);
  EXPECT_LE(tries.size(), 20U);
  EXPECT_EQ(tries[tries.size() - 1] - tries[tries.size() - 2], 30);
  EXPECT_EQ(writer.health().failed, tries.size());
  store.broken.clear();
  pass(std::chrono::seconds(30));
  EXPECT_EQ(store.rows.size(), 30000U);
  for (const auto size : store.sizes) EXPECT_LE(size, WriteBehind::batch_rows);
}

TEST_F(WriteBehindTest, says_how_it_is) {
  const auto began = clock.wall();
  EXPECT_TRUE(writer.health().well);
  writer.round();
  store.broken = "disk full";
  note("a");
  pass();
  auto health = writer.health();
  EXPECT_FALSE(health.well);
  EXPECT_EQ(health.why, "disk full");
  EXPECT_EQ(health.since, began + interval);
  pass(std::chrono::seconds(1));
  EXPECT_EQ(writer.health().since, began + interval) << "since the first failure";
  store.broken.clear();
  pass(std::chrono::seconds(30));
  health = writer.health();
  EXPECT_TRUE(health.well);
  EXPECT_EQ(health.why, "");
  EXPECT_EQ(health.since, clock.wall());
}

TEST_F(WriteBehindTest, is_not_well_while_a_write_takes_long) {
  StoreHealth meanwhile;
  store.writing = [&] {
    clock.advance(std::chrono::seconds(15));
    meanwhile = writer.health();
  };
  writer.round();
  EXPECT_FALSE(meanwhile.well);
  EXPECT_THAT(meanwhile.why, HasSubstr("15 s"));
  EXPECT_TRUE(writer.health().well);
  EXPECT_EQ(writer.health().took, std::chrono::seconds(15));
}

TEST_F(WriteBehindTest, carries_out_what_an_admin_orders) {
  note("a");
  note("b");
  writer.round();
  store.rows[notes.key_of("b")].value = "7";  // imported
  store.ordered = {{1, Order::Kind::forget, "notes", notes.key_of("a")},
                   {2, Order::Kind::read, "notes", notes.key_of("b")},
                   {3, Order::Kind::forget, "strange", notes.key_of("b")},
                   {4, Order::Kind::read, "notes", notes.key_of("gone")}};
  pass();
  EXPECT_FALSE(notes.find("a", memory.now()));
  EXPECT_EQ(stored("a"), "") << "in the same round";
  EXPECT_EQ(notes.find("b", memory.now())->count, 7U);
  EXPECT_EQ(store.done, 4);
  EXPECT_EQ(writer.health().orders, 4U);
}

TEST_F(WriteBehindTest, loads_what_it_can_read) {
  store.rows[{1, 1}] = {"notes", {1, 1}, "", "3", 100};
  store.rows[{2, 2}] = {"notes", {2, 2}, "", "rubbish", 100};
  store.rows[{3, 3}] = {"strange", {3, 3}, "", "3", 100};
  const auto loaded = writer.load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->rows, 1U);
  EXPECT_EQ(loaded->unreadable, 1U);
  EXPECT_EQ(loaded->strange, 1U);
  EXPECT_EQ(notes.use().entries, 1U);
  writer.round();
  EXPECT_EQ(store.rows.size(), 3U) << "what is strange or unreadable stays where it is";
  store.broken = "torn";
  EXPECT_FALSE(writer.load());
}

struct CountingClock final : base::Clock {
  const base::Instant start = std::chrono::steady_clock::now();
  mutable std::atomic<int> asked{0};
  mutable std::promise<void> asked_often;
  base::Instant now() const override {
    if (++asked == 1000) asked_often.set_value();
    return start;
  }
  base::WallTime wall() const override { return {}; }
};

TEST(WriteBehind, waits_after_a_failure_even_with_more_to_write_than_a_round_takes) {
  const CountingClock clock;
  const StateClock memory(clock);
  FakeStore store;
  store.unpurged = "disk full";
  Table<Note> notes("notes", {1, 2}, 64 << 20);
  const auto rows = (WriteBehind::batches_at_once + 3) * WriteBehind::batch_rows;
  for (std::size_t i = 0; i < rows; ++i)
    notes.update(std::to_string(i), 1, [](Note& n) { n.until = UINT32_MAX; });
  WriteBehind writer(store, {&notes}, memory, clock, std::chrono::hours(1));
  std::promise<void> purged;
  store.purging = [&, first = true]() mutable {
    if (std::exchange(first, false)) purged.set_value();
  };
  writer.start();
  purged.get_future().wait();
  EXPECT_EQ(clock.asked_often.get_future().wait_for(std::chrono::milliseconds(500)),
            std::future_status::timeout);
  EXPECT_TRUE(writer.stop(std::chrono::minutes(1)));
  EXPECT_EQ(store.rows.size(), rows);
}

TEST_F(WriteBehindTest, writes_all_that_is_left_when_it_is_stopped) {
  store.broken = "disk full";
  note("a");
  writer.round();
  store.broken.clear();
  const auto rows = (WriteBehind::batches_at_once + 3) * WriteBehind::batch_rows;
  for (std::size_t i = 0; i < rows; ++i) note(std::to_string(i));
  writer.start();
  EXPECT_TRUE(writer.stop(std::chrono::minutes(1)));
  EXPECT_EQ(store.rows.size(), rows + 1);
}

TEST_F(WriteBehindTest, says_so_if_the_store_does_not_let_it_stop) {
  std::promise<void> entered, release;
  store.writing = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return;
    entered.set_value();
    release.get_future().wait();
  };
  writer.start();
  entered.get_future().wait();
  EXPECT_FALSE(writer.stop(std::chrono::milliseconds(1)));
  release.set_value();
  EXPECT_TRUE(writer.stop(std::chrono::minutes(1)));
}

/// For ThreadSanitizer, too: sessions on several threads, the writer, and somebody who looks.
TEST(WriteBehind, loses_nothing_that_several_threads_write_at_the_same_time) {
  auto directory = (std::filesystem::temp_directory_path() / "gatepost-writer-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const base::SystemClock clock;
  const StateClock memory(clock);
  constexpr unsigned threads = 4;
  constexpr unsigned names = 3000;
  const auto name = [](unsigned thread, unsigned i) {
    return std::to_string(thread) + " " + std::to_string(i);
  };
  {
    SqliteStore store(directory + "/state.db", clock);
    Table<Note> notes("notes", store.origin().hash_key, 8 << 20);
    WriteBehind writer(store, {&notes}, memory, clock, base::Millis(1));
    writer.start();
    std::vector<std::thread> sessions;
    for (unsigned thread = 0; thread < threads; ++thread) {
      sessions.emplace_back([&, thread] {
        for (unsigned i = 0; i < names; ++i) {
          const auto count = [&](Note& n) {
            n.until = memory.now() + 1000;
            ++n.count;
          };
          notes.update(name(thread, i), memory.now(), count);
          notes.update("all " + std::to_string(i % 7), memory.now(), count);
          if (i % 3 == 0) notes.erase(name(thread, i));
          if (i % 100 == 0) (void)writer.health();
        }
      });
    }
    for (auto& session : sessions) session.join();
    ASSERT_TRUE(writer.stop(std::chrono::minutes(2)));
    EXPECT_TRUE(writer.health().well) << writer.health().why;
  }
  SqliteStore store(directory + "/state.db", clock);
  Table<Note> notes("notes", store.origin().hash_key, 8 << 20);
  WriteBehind writer(store, {&notes}, memory, clock, base::Millis(500));
  ASSERT_TRUE(writer.load());
  unsigned sum = 0;
  for (unsigned i = 0; i < 7; ++i) sum += notes.find("all " + std::to_string(i), memory.now())->count;
  EXPECT_EQ(sum, threads * names);
  for (unsigned thread = 0; thread < threads; ++thread) {
    for (unsigned i = 0; i < names; ++i)
      ASSERT_EQ(notes.find(name(thread, i), memory.now()).has_value(), i % 3 != 0) << thread << " " << i;
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace gatepost::state
