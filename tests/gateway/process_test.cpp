#include "gateway/process.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>

namespace gatepost::gateway {
namespace {

struct DirectoryClaimTest : ::testing::Test {
  std::string directory = ::testing::TempDir() + "gatepost-claim-" + std::to_string(::getpid());
  void SetUp() override { std::filesystem::create_directory(directory); }
  void TearDown() override { std::filesystem::remove(directory); }
};

TEST_F(DirectoryClaimTest, lasts_as_long_as_whoever_has_it) {
  EXPECT_EQ(DirectoryClaim::is_taken(directory), false);
  {
    DirectoryClaim claim;
    EXPECT_TRUE(claim.take(directory));
    EXPECT_EQ(DirectoryClaim::is_taken(directory), true);
    EXPECT_EQ(DirectoryClaim::is_taken(directory), true) << "to ask takes nothing away";
    DirectoryClaim second;
    EXPECT_FALSE(second.take(directory));
  }
  EXPECT_EQ(DirectoryClaim::is_taken(directory), false);
}

TEST_F(DirectoryClaimTest, of_what_is_not_there_nothing_is_known) {
  EXPECT_EQ(DirectoryClaim::is_taken(directory + "/nowhere"), std::nullopt);
}

}  // namespace
}  // namespace gatepost::gateway
