// Each transcript runs whole, byte by byte, in random splits, and once per step with the connection cut or
// time running out there.
#include <gtest/gtest.h>

#include <filesystem>

#include "transcript.hpp"

namespace gatepost::tests {
namespace {

std::vector<std::string> all_transcripts() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(GATEPOST_SOURCE_DIR "/tests/transcripts")) {
    if (entry.path().extension() == ".smtp") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const auto& problem : problems) text += problem + "\n";
  return text;
}

class Transcripts : public testing::TestWithParam<std::string> {
 protected:
  Transcript transcript = read_transcript(GetParam());
};

TEST_P(Transcripts, run_whole) {
  EXPECT_EQ(joined(run_transcript(transcript, Splitting::whole, 0, {})), "");
}

TEST_P(Transcripts, run_byte_by_byte) {
  // What must come together to be noticed (illegal pipelining) is in files of their own.
  if (transcript.name.starts_with("together-"))
    GTEST_SKIP() << "its bytes must arrive together to be what they are";
  EXPECT_EQ(joined(run_transcript(transcript, Splitting::bytewise, 0, {})), "");
}

TEST_P(Transcripts, run_in_random_splits) {
  if (transcript.name.starts_with("together-"))
    GTEST_SKIP() << "its bytes must arrive together to be what they are";
  for (unsigned seed = 1; seed <= 5; ++seed)
    EXPECT_EQ(joined(run_transcript(transcript, Splitting::random, seed, {})), "") << seed;
}

TEST_P(Transcripts, hold_the_promises_when_cut_anywhere) {
  for (std::size_t step = 0; step <= transcript.steps.size(); ++step) {
    for (const auto kind : {Injection::Kind::cut, Injection::Kind::timeout}) {
      EXPECT_EQ(joined(run_transcript(transcript, Splitting::whole, 0, {kind, step})), "")
          << "before step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Transcripts, testing::ValuesIn(all_transcripts()), [](const auto& of) {
  auto name = std::filesystem::path(of.param).stem().string();
  for (auto& c : name) {
    if (c == '-') c = '_';
  }
  return name;
});

}  // namespace
}  // namespace gatepost::tests
