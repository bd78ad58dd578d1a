// state.db: what it keeps, and what becomes of files that are damaged, foreign, newer, older or gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/state/sqlite_database.hpp"
#include "core/state/sqlite_store.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::state {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr Second begun = StateClock::beginning;

struct SqliteStoreTest : testing::Test {
  tests::FakeClock clock;
  fs::path directory;
  std::string file;

  void SetUp() override {
    auto name = (fs::temp_directory_path() / "gatepost-state-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory = name;
    file = name + "/state.db";
  }
  void TearDown() override { fs::remove_all(directory); }

  std::unique_ptr<SqliteStore> open() { return std::make_unique<SqliteStore>(file, clock); }
  Batch batch(std::vector<Row> rows, std::vector<ErasedRow> erased = {}) const {
    return {std::move(rows), std::move(erased), begun, clock.wall()};
  }
  static Row row(std::uint64_t key, const std::string& value = "v", Second expires = begun + 1000,
                 const std::string& name = "") {
    return {"notes", {key, ~key}, name, value, expires};
  }
  static std::map<std::uint64_t, Row> rows_of(Store& store) {
    std::map<std::uint64_t, Row> rows;
    const auto loaded = store.load([&](const Row& row) { rows[row.key.low] = row; });
    EXPECT_TRUE(loaded) << loaded.error().message;
    return rows;
  }
  /// Writes and closes.
  void fill(std::uint64_t rows) {
    std::vector<Row> all;
    for (std::uint64_t key = 0; key < rows; ++key) all.push_back(row(key));
    ASSERT_TRUE(open()->write(batch(std::move(all))));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(directory))
      found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
  }
  std::size_t asides() const {
    const auto all = names();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [](const auto& name) {
      return name.starts_with("state.db.corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm");
    }));
  }
  static void overwrite(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  /// All of it but the first `keep` octets.
  void spoil(std::size_t keep) const {
    const auto size = fs::file_size(file);
    std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
    out.seekp(static_cast<std::streamoff>(keep));
    out << std::string(size - keep, '\x5a');
  }
};

TEST_F(SqliteStoreTest, keeps_rows_with_the_names_they_had_first) {
  auto store = open();
  ASSERT_TRUE(store->write(batch({row(1, "old", begun + 10, "a name"), row(2), row(3)})));
  ASSERT_TRUE(
      store->write(batch({row(1, std::string("new\0\xff", 5), begun + 20)}, {{"notes", row(2).key}})));
  store.reset();
  auto rows = rows_of(*open());
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].name, "a name");
  EXPECT_EQ(rows[1].value, std::string("new\0\xff", 5));
  EXPECT_EQ(rows[1].expires, begun + 20);
  EXPECT_EQ(rows[1].key, row(1).key);
  EXPECT_EQ(rows[3].table, "notes");
}

TEST_F(SqliteStoreTest, erases_before_it_writes) {
  auto store = open();
  ASSERT_TRUE(store->write(batch({row(1)}, {{"notes", row(1).key}})));
  EXPECT_EQ(rows_of(*store).size(), 1U);
}

TEST_F(SqliteStoreTest, tells_a_run_what_the_one_before_it_left) {
  auto first = open();
  EXPECT_TRUE(first->origin().fresh);
  const auto key = first->origin().hash_key;
  EXPECT_NE(key, base::HashKey{});
  Batch time;
  time.now = begun + 500;
  time.wall = clock.wall();
  ASSERT_TRUE(first->write(time));
  first.reset();
  const auto second = open();
  EXPECT_FALSE(second->origin().fresh);
  EXPECT_EQ(second->origin().hash_key, key);
  EXPECT_EQ(second->origin().now, begun + 500);
  EXPECT_EQ(second->origin().wall, clock.wall());
}

TEST_F(SqliteStoreTest, loads_nothing_that_has_expired_meanwhile) {
  ASSERT_TRUE(open()->write(batch({row(1, "v", begun + 60), row(2, "v", begun + 90000)})));
  clock.advance(std::chrono::seconds(61));
  EXPECT_EQ(rows_of(*open()).size(), 1U);
  clock.set_wall(clock.wall() + std::chrono::hours(24 * 365));
  EXPECT_EQ(rows_of(*open()).size(), 1U) << "of an absence a day is believed";
  clock.set_wall(clock.wall() - std::chrono::hours(24 * 730));
  EXPECT_EQ(rows_of(*open()).size(), 2U) << "an absence is never negative";
}

TEST_F(SqliteStoreTest, has_what_was_written_when_the_process_is_killed) {
  auto store = open();
  ASSERT_TRUE(store->write(batch({row(1)})));
  ASSERT_TRUE(store->write(batch({row(2)})));
  // As the files are now, so they are found after a SIGKILL.
  for (const auto* part : {"", "-wal"}) fs::copy_file(file + part, (directory / "copy").string() + part);
  file = (directory / "copy").string();
  auto again = open();
  EXPECT_EQ(rows_of(*again).size(), 2U);
  EXPECT_EQ(again->lost(), "");
}

// ---- Files that cannot be used

TEST_F(SqliteStoreTest, sets_a_file_aside_that_is_no_database) {
  overwrite(file, std::string(8192, 'x'));
  auto store = open();
  EXPECT_THAT(store->lost(), HasSubstr("state.db.corrupt-20261120T223000Z"));
  EXPECT_EQ(asides(), 1U);
  EXPECT_TRUE(store->write(batch({row(1)})));
  EXPECT_EQ(rows_of(*store).size(), 1U);
}

TEST_F(SqliteStoreTest, sets_another_programs_database_aside) {
  overwrite(file, "");
  SqliteDatabase(file, SqliteDatabase::Mode::write).run("CREATE TABLE theirs (a)");
  EXPECT_THAT(open()->lost(), HasSubstr("another program"));
  EXPECT_EQ(asides(), 1U);
}

TEST_F(SqliteStoreTest, sets_a_file_aside_that_lacks_a_table) {
  fill(1);
  SqliteDatabase(file, SqliteDatabase::Mode::write).run("DROP TABLE remembered");
  auto store = open();
  EXPECT_THAT(store->lost(), HasSubstr("remembered"));
  EXPECT_TRUE(store->write(batch({row(1)})));
}

TEST_F(SqliteStoreTest, looks_through_the_file_after_a_run_that_did_not_end_well) {
  fill(5000);
  SqliteDatabase(file, SqliteDatabase::Mode::write).run("UPDATE meta SET value = 0 WHERE name = 'clean'");
  spoil(8 * 4096);
  auto store = open();
  EXPECT_THAT(store->lost(), HasSubstr("forgotten"));
  EXPECT_TRUE(store->write(batch({row(1)})));
}

TEST_F(SqliteStoreTest, sets_a_file_aside_that_breaks_in_use) {
  fill(20000);
  auto store = open();
  const auto key = store->origin().hash_key;
  EXPECT_EQ(store->lost(), "") << "it ended well, and was not looked through";
  spoil(8 * 4096);
  EXPECT_FALSE(store->write(batch({row(1)})));
  EXPECT_TRUE(store->write(batch({row(1)})));
  EXPECT_THAT(store->lost(), HasSubstr(".corrupt-"));
  store.reset();
  EXPECT_EQ(open()->origin().hash_key, key) << "what is in memory keeps its keys";
  EXPECT_EQ(rows_of(*open()).size(), 1U);
}

TEST_F(SqliteStoreTest, keeps_three_files_aside) {
  for (int i = 0; i < 5; ++i) {
    overwrite(file, std::string(8192, 'x'));
    open();
    clock.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(asides(), 3U);
  EXPECT_TRUE(fs::exists(file + ".corrupt-20261120T223004Z")) << "the latest ones";
}

TEST_F(SqliteStoreTest, leaves_a_newer_versions_file_as_it_is) {
  fill(10);
  SqliteDatabase(file, SqliteDatabase::Mode::write).run("PRAGMA user_version = 77");
  const auto before = fs::last_write_time(file);
  auto store = open();
  EXPECT_TRUE(store->origin().fresh);
  EXPECT_TRUE(rows_of(*store).empty());
  const auto written = store->write(batch({row(11)}));
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("version 77"));
  store.reset();
  EXPECT_EQ(fs::last_write_time(file), before);
  EXPECT_EQ(names(), (std::vector<std::string>{"state.db"}));
}

TEST_F(SqliteStoreTest, takes_an_older_versions_file_over) {
  overwrite(file, "");
  SqliteDatabase(file, SqliteDatabase::Mode::write)
      .run(
          "CREATE TABLE remembered (tab TEXT NOT NULL, key BLOB NOT NULL, name TEXT NOT NULL, value BLOB NOT "
          "NULL,"
          " expires INTEGER NOT NULL, PRIMARY KEY (tab, key)) WITHOUT ROWID;"
          "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
          "PRAGMA application_id = 1196454772; PRAGMA user_version = 1;"
          "INSERT INTO meta VALUES ('hash_key', x'01000000000000000200000000000000'), ('now', 40000000),"
          " ('wall', 1795213800), ('clean', 1);"
          "INSERT INTO remembered VALUES ('notes', x'03000000000000000400000000000000', 'n', x'76', "
          "40001000)");
  auto store = open();
  EXPECT_EQ(store->lost(), "");
  EXPECT_EQ(store->origin().hash_key, (base::HashKey{1, 2}));
  auto rows = rows_of(*store);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[3].key, (Key{3, 4}));
  EXPECT_TRUE(store->write(batch({row(1)})));
  store.reset();
  EXPECT_EQ(SqliteDatabase(file, SqliteDatabase::Mode::read).number("PRAGMA user_version"),
            SqliteStore::version);
}

TEST_F(SqliteStoreTest, begins_as_soon_as_it_can) {
  fs::create_directory(file);  // which even root cannot open as a file
  auto store = open();
  const auto key = store->origin().hash_key;
  const auto written = store->write(batch({row(1)}));
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr(file));
  EXPECT_TRUE(rows_of(*store).empty());
  EXPECT_TRUE(store->orders());
  EXPECT_TRUE(store->purge("notes", begun, 10, 10));
  fs::remove(file);
  EXPECT_TRUE(store->write(batch({row(1)})));
  store.reset();
  EXPECT_EQ(open()->origin().hash_key, key);
}

TEST_F(SqliteStoreTest, does_not_touch_a_file_that_comes_late_with_another_key) {
  fill(3);
  fs::rename(file, directory / "away");
  fs::create_directory(file);
  auto store = open();
  fs::remove(file);
  fs::rename(directory / "away", file);
  const auto written = store->write(batch({row(9)}));
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("restart to use it"));
  store.reset();
  EXPECT_EQ(rows_of(*open()).size(), 3U);
}

TEST_F(SqliteStoreTest, begins_anew_when_its_file_is_taken_away) {
  auto store = open();
  ASSERT_TRUE(store->write(batch({row(1)})));
  fs::remove(file);
  EXPECT_TRUE(store->write(batch({row(2)})));
  EXPECT_THAT(store->lost(), HasSubstr("taken away"));
  store.reset();
  EXPECT_EQ(rows_of(*open()).count(2), 1U);
}

// ---- Room

TEST_F(SqliteStoreTest, purges_what_has_expired_slice_by_slice) {
  std::vector<Row> rows;
  for (std::uint64_t key = 0; key < 100; ++key)
    rows.push_back(row(key, "v", begun + static_cast<Second>(key)));
  auto store = open();
  ASSERT_TRUE(store->write(batch(std::move(rows))));
  EXPECT_EQ(*store->purge("notes", begun + 49, 1000, 30), 30U);
  EXPECT_EQ(*store->purge("notes", begun + 49, 1000, 30), 20U);
  EXPECT_EQ(*store->purge("notes", begun + 49, 1000, 30), 0U);
  EXPECT_EQ(*store->purge("others", begun + 99, 1000, 30), 0U);
}

TEST_F(SqliteStoreTest, lets_those_go_that_expire_soonest_where_there_are_too_many) {
  auto store = open();
  for (std::uint64_t key = 0; key < 100; ++key)
    ASSERT_TRUE(store->write(batch({row(key, "v", begun + 2000 - static_cast<Second>(key))})));
  EXPECT_EQ(*store->purge("notes", begun, 90, 1000), 10U);
  EXPECT_EQ(*store->purge("notes", begun, 90, 1000), 0U);
  const auto left = rows_of(*store);
  EXPECT_EQ(left.size(), 90U);
  EXPECT_EQ(left.rbegin()->first, 89U);
  for (std::uint64_t key = 200; key < 300; ++key) ASSERT_TRUE(store->write(batch({row(key)})));
  while (*store->purge("notes", begun, 90, 7) > 0) {
  }
  EXPECT_LE(rows_of(*store).size(), 90U);
}

// ---- Other processes

TEST_F(SqliteStoreTest, lets_another_process_look_and_leaves_no_trace_of_that) {
  EXPECT_FALSE(SqliteStore::open_to_read(file, clock));
  EXPECT_TRUE(names().empty());
  auto store = open();
  ASSERT_TRUE(store->write(batch({row(1, "v", begun + 100, "a name")})));
  {
    auto reader = SqliteStore::open_to_read(file, clock);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ((*reader)->origin().hash_key, store->origin().hash_key);
    EXPECT_EQ(rows_of(**reader).at(1).name, "a name");
    EXPECT_EQ((*(*reader)->find("notes", row(1).key))->value, "v");
    EXPECT_EQ(*(*reader)->find("notes", row(2).key), std::nullopt);
  }
  store.reset();
  auto reader = SqliteStore::open_to_read(file, clock);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(rows_of(**reader).size(), 1U);
  EXPECT_EQ(names(), (std::vector<std::string>{"state.db"}));
}

TEST_F(SqliteStoreTest, hears_of_changes_that_another_process_makes) {
  auto store = open();
  ASSERT_TRUE(store->write(batch({row(1), row(2)})));
  EXPECT_TRUE(store->orders()->empty());
  auto other = SqliteStore::open_to_change(file, clock);
  ASSERT_TRUE(other) << other.error().message;
  const auto last = (*other)->change(batch({row(3, "imported")}, {{"notes", row(1).key}}));
  ASSERT_TRUE(last);
  EXPECT_FALSE(*(*other)->is_carried_out(*last));

  const auto orders = *store->orders();
  ASSERT_EQ(orders.size(), 2U);
  EXPECT_EQ(orders[0].kind, Order::Kind::forget);
  EXPECT_EQ(orders[0].table, "notes");
  EXPECT_EQ(orders[0].key, row(1).key);
  EXPECT_EQ(orders[1].kind, Order::Kind::read);
  EXPECT_EQ(orders[1].key, row(3).key);
  EXPECT_EQ(orders[1].number, *last);
  EXPECT_EQ((*store->find("notes", row(3).key))->value, "imported");
  EXPECT_TRUE(store->orders()->empty()) << "each is given once";
  ASSERT_TRUE(store->carried_out(orders.back().number));
  EXPECT_TRUE(*(*other)->is_carried_out(*last));

  ASSERT_TRUE((*other)->change(batch({}, {{"notes", row(2).key}})));
  EXPECT_EQ(store->orders()->size(), 1U);
  EXPECT_EQ(rows_of(*store).size(), 1U);
}

TEST_F(SqliteStoreTest, needs_no_orders_while_no_gateway_runs) {
  {
    auto other = SqliteStore::open_to_change(file, clock);
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_EQ(*(*other)->change(batch({row(1)})), 0);
  }
  auto store = open();
  EXPECT_EQ(rows_of(*store).size(), 1U);
  EXPECT_TRUE(store->orders()->empty());
  EXPECT_EQ(store->lost(), "");
}

TEST_F(SqliteStoreTest, throws_orders_away_that_a_start_makes_needless) {
  auto killed = open();
  auto other = SqliteStore::open_to_change(file, clock);
  ASSERT_GT(*(*other)->change(batch({row(1)})), 0);
  auto store = open();
  EXPECT_TRUE(store->orders()->empty());
  EXPECT_EQ(rows_of(*store).size(), 1U);
}

}  // namespace
}  // namespace gatepost::state
