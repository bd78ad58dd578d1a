#include "telemetry/finding_counts.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <list>
#include <string>
#include <thread>

namespace gatepost::telemetry {
namespace {

FindingSums sums_of(const FindingCounts& counts) {
  FindingSums sums;
  counts.add_to(sums);
  return sums;
}

TEST(FindingCounts, keep_kinds_apart) {
  const FindingKind kinds[] = {{"helo", "helo.syntax", Verdict::reject, Weight::enforced},
                               {"helo", "helo.syntax", Verdict::reject, Weight::observed},
                               {"helo", "helo.syntax", Verdict::unknown, Weight::observed},
                               {"helo", "helo.mismatch", Verdict::reject, Weight::enforced},
                               {"spf", "helo.syntax", Verdict::reject, Weight::enforced}};
  FindingCounts counts;
  std::uint64_t times = 0;
  for (const auto& kind : kinds) {
    ++times;
    for (std::uint64_t i = 0; i < times; ++i) counts.add(kind, i == 0);
  }
  const auto sums = sums_of(counts);
  EXPECT_EQ(sums.size(), std::size(kinds));
  times = 0;
  for (const auto& kind : kinds) {
    EXPECT_EQ(sums.at(kind).found, ++times);
    EXPECT_EQ(sums.at(kind).delivered, 1U);
  }
}

TEST(FindingCounts, take_the_same_words_at_another_place_for_the_same) {
  static const std::string here = "spf.fail";
  static const std::string there = "spf.fail";
  FindingCounts counts;
  counts.add({"spf", here, Verdict::reject, Weight::observed}, true);
  counts.add({"spf", there, Verdict::reject, Weight::observed}, false);
  const auto sums = sums_of(counts);
  ASSERT_EQ(sums.size(), 1U);
  EXPECT_EQ(sums.begin()->second.found, 2U);
  EXPECT_EQ(sums.begin()->second.delivered, 1U);
}

TEST(FindingCounts, count_what_finds_no_room_as_other) {
  static std::list<std::string> reasons;
  FindingCounts counts;
  for (std::size_t i = 0; i < 2 * FindingCounts::room; ++i)
    counts.add(
        {"check", reasons.emplace_back("reason " + std::to_string(i)), Verdict::score, Weight::enforced},
        false);
  const auto sums = sums_of(counts);
  EXPECT_LE(sums.size(), FindingCounts::room + 1);
  EXPECT_GE(sums.at({"other", "", Verdict::none, Weight::enforced}).found, FindingCounts::room);
  std::uint64_t all = 0;
  for (const auto& [kind, count] : sums) all += count.found;
  EXPECT_EQ(all, 2 * FindingCounts::room);
}

TEST(FindingCounts, can_be_read_while_they_are_counted) {
  static std::list<std::string> reasons;
  for (int i = 0; i < 100; ++i) reasons.push_back("reason " + std::to_string(i));
  FindingCounts counts;
  std::atomic<bool> over{false};
  std::thread reader([&] {
    std::uint64_t before = 0;
    while (!over) {
      std::uint64_t all = 0;
      for (const auto& [kind, count] : sums_of(counts)) {
        EXPECT_LE(count.delivered, count.found);
        EXPECT_EQ(kind.check, "check");
        all += count.found;
      }
      EXPECT_GE(all, before);
      before = all;
    }
  });
  for (int round = 0; round < 200; ++round) {
    for (const auto& reason : reasons) counts.add({"check", reason, Verdict::score, Weight::enforced}, true);
  }
  over = true;
  reader.join();
  for (const auto& [kind, count] : sums_of(counts)) EXPECT_EQ(count.found, 200U);
}

}  // namespace
}  // namespace gatepost::telemetry
