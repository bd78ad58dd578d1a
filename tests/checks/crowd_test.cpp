// Who has a session open: exact, whatever threads they are on.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "checks/crowd.hpp"

namespace gatepost::checks {
namespace {

TEST(Crowd, has_so_many_places_per_client_and_no_more) {
  Crowd crowd({1, 2});
  std::vector<Crowd::Place> places;
  for (int i = 0; i < 3; ++i) {
    auto place = crowd.enter("a", 3);
    ASSERT_TRUE(place) << i;
    places.push_back(std::move(*place));
  }
  EXPECT_FALSE(crowd.enter("a", 3));
  EXPECT_EQ(crowd.of("a"), 3U);
  EXPECT_TRUE(crowd.enter("b", 3));
  EXPECT_EQ(crowd.of("b"), 0U);
  places.pop_back();
  EXPECT_TRUE(crowd.enter("a", 3));
}

TEST(Crowd, forgets_a_client_without_sessions) {
  Crowd crowd({1, 2});
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(crowd.enter("client " + std::to_string(i), 1));
  EXPECT_FALSE(crowd.enter("nobody", 0));
  EXPECT_EQ(crowd.clients(), 0U);
}

TEST(Crowd, gives_a_place_back_once_however_it_is_moved) {
  Crowd crowd({1, 2});
  auto first = crowd.enter("a", 2);
  auto second = crowd.enter("b", 2);
  auto moved = std::move(*first);
  first.reset();
  EXPECT_EQ(crowd.of("a"), 1U);
  moved = std::move(*second);
  second.reset();
  EXPECT_EQ(crowd.of("a") + crowd.of("b"), 1U);
  EXPECT_EQ(crowd.of("b"), 1U);
}

TEST(Crowd, is_exact_under_several_threads) {
  Crowd crowd({1, 2});
  constexpr int most = 5;
  std::array<std::atomic<int>, 3> inside{};
  std::atomic<int> too_many{0};
  std::atomic<int> turned_away{0};
  const auto come_and_go = [&](unsigned seed) {
    std::vector<std::pair<std::size_t, Crowd::Place>> places;
    for (unsigned i = 0; i < 20000; ++i) {
      seed = seed * 1664525U + 1013904223U;
      const std::size_t client = seed % inside.size();
      if ((seed >> 16U) % 2 == 0 && !places.empty()) {
        --inside[places.back().first];
        places.pop_back();
      } else if (auto place = crowd.enter("client " + std::to_string(client), most)) {
        if (++inside[client] > most) ++too_many;
        places.emplace_back(client, std::move(*place));
      } else {
        ++turned_away;
      }
    }
    for (const auto& place : places) --inside[place.first];
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back(come_and_go, i + 1);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(too_many, 0);
  EXPECT_GT(turned_away, 0);
  EXPECT_EQ(crowd.clients(), 0U);
}

}  // namespace
}  // namespace gatepost::checks
