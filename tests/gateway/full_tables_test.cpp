#include "gateway/full_tables.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.hpp"

namespace gatepost::gateway {
namespace {

struct FakeTable final : state::Durable {
  std::uint64_t refused = 0;
  std::string_view table() const override { return "greylist"; }
  bool survives() const override { return true; }
  state::TableUse use() const override {
    state::TableUse use;
    use.refused = refused;
    return use;
  }
  void collect(state::Batch&, std::size_t) override {}
  bool restore(const state::Row&) override { return false; }
  bool forget(const state::Key&) override { return false; }
};

TEST(FullTables, a_table_is_full_from_its_first_refusal_until_there_was_none_for_a_while) {
  FakeTable table;
  FullTables tables;
  tests::FakeClock clock;
  const auto look = [&] { tables.look({&table}, clock.now()); };
  look();
  EXPECT_FALSE(tables.is_full("greylist"));
  table.refused = 5;
  look();
  EXPECT_TRUE(tables.is_full("greylist"));
  clock.advance(FullTables::calm - std::chrono::seconds(1));
  table.refused = 7;
  look();
  clock.advance(FullTables::calm - std::chrono::seconds(1));
  look();
  ASSERT_EQ(tables.full().size(), 1U);
  EXPECT_EQ(tables.full()[0].refused, 7U);
  EXPECT_EQ(tables.full()[0].in_words(),
            "table greylist of what is remembered is full, and turned 7 newcomers away: raise state.memory");
  clock.advance(std::chrono::seconds(1));
  look();
  EXPECT_FALSE(tables.is_full("greylist"));
  EXPECT_TRUE(tables.full().empty());
  table.refused = 8;
  look();
  EXPECT_EQ(tables.full()[0].refused, 1U) << "since it became full anew";
}

}  // namespace
}  // namespace gatepost::gateway
