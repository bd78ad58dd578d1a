#include "gateway/witness_board.hpp"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

constexpr base::Instant start{std::chrono::hours(1)};

TEST(WitnessState, knows_since_when_it_is_as_it_is) {
  WitnessState state;
  EXPECT_FALSE(state.since());
  EXPECT_FALSE(state.suspended());
  state.pass(start);
  EXPECT_EQ(state.since(), start);
  state.pass(start + std::chrono::seconds(60));
  EXPECT_EQ(state.since(), start);
  state.fail(start + std::chrono::seconds(90), "lies");
  EXPECT_EQ(state.since(), start + std::chrono::seconds(90));
  EXPECT_TRUE(state.suspended());
  state.fail(start + std::chrono::seconds(100), "still lies");
  EXPECT_EQ(state.since(), start + std::chrono::seconds(90));
  EXPECT_EQ(state.why(), "still lies");
  state.pass(start + std::chrono::seconds(200));
  EXPECT_EQ(state.since(), start + std::chrono::seconds(200));
}

TEST(WitnessState, may_fail_at_its_first_examination) {
  WitnessState state;
  state.fail(start, "lies");
  EXPECT_EQ(state.since(), start);
}

}  // namespace
}  // namespace gatepost::gateway
