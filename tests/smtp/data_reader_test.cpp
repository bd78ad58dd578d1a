// The readers against cases by hand; tests/fuzz/fuzz_data.cpp compares them with a naive reference.
#include <gtest/gtest.h>

#include <cstring>

#include "smtp/data_reader.hpp"
#include "tests/support/naive_data.hpp"

namespace gatepost::smtp {
namespace {

struct ReaderTest : testing::Test {
  base::MemoryBudget budget{1 << 30};
  state::ChunkPool pool{budget};

  static std::string read(const state::Body& body, state::BodyCursor::View view) {
    std::string out;
    state::BodyCursor cursor(body, view);
    while (!cursor.at_end()) {
      iovec parts[8];
      const auto gathered = cursor.gather(parts);
      for (std::size_t i = 0; i < gathered.count; ++i)
        out.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      cursor.advance(gathered.bytes);
    }
    return out;
  }

  struct Result {
    std::string content;
    std::string wire;
    std::string rest;
    bool ended = false;
    ContentFlaws flaws;
  };

  Result data(std::string_view octets, std::size_t step) {
    state::Body body(pool, state::Body::Form::stuffed);
    DataReader reader;
    Result result;
    while (!octets.empty() && !result.ended) {
      const auto space = body.space();
      const auto take = std::min({step, space.size(), octets.size()});
      std::memcpy(space.data(), octets.data(), take);
      octets.remove_prefix(take);
      result.ended = reader.feed(body, take, result.rest);
    }
    result.rest.append(octets);
    result.content = read(body, state::BodyCursor::View::content);
    result.wire = read(body, state::BodyCursor::View::wire);
    result.flaws = reader.flaws();
    return result;
  }
};

struct Case {
  std::string octets;
  std::string content;
  std::string rest;
  std::uint64_t bare_lf = 0;
  std::uint64_t bare_cr = 0;
};

TEST_F(ReaderTest, finds_the_end_of_data_and_nothing_else) {
  const Case cases[] = {
      {".\r\n", "", ""},
      {"a\r\n.\r\nQUIT\r\n", "a\r\n", "QUIT\r\n"},
      {"..a\r\n.b\r\n...\r\n.\r\n", ".a\r\nb\r\n..\r\n", ""},
      {"a\n.\n\r\n.\r\n", "a\r\n.\r\n\r\n", "", 2},
      {"a\n.\r\nMAIL\r\n.\r\n", "a\r\n.\r\nMAIL\r\n", "", 1},
      {"a\r\n.\nMAIL\r\n.\r\n", "a\r\n.\r\nMAIL\r\n", "", 1},
      {"a\r.\r\r\n.\r\n", "a . \r\n", "", 0, 2},
      {"a\r\r\n.\r\n", "a \r\n", "", 0, 1},
      {"a\r\n.\r\r\n.\r\n", "a\r\n \r\n", "", 0, 1},
      {"a\r\n.\rb\r\n.\r\n", "a\r\n b\r\n", "", 0, 1},
      {"a\n..b\r\n.\r\n", "a\r\n..b\r\n", "", 1},
      {"\n\n\r\n.\r\n", "\r\n\r\n\r\n", "", 2},
      {"\r\n.\r\n", "\r\n", ""},
      {".\r\n.\r\n", "", ".\r\n"},
  };
  for (const auto& c : cases) {
    for (std::size_t step = 1; step <= c.octets.size(); ++step) {
      const auto result = data(c.octets, step);
      EXPECT_TRUE(result.ended) << testing::PrintToString(c.octets) << " in steps of " << step;
      EXPECT_EQ(result.content, c.content) << testing::PrintToString(c.octets) << " in steps of " << step;
      EXPECT_EQ(result.rest, c.rest) << testing::PrintToString(c.octets) << " in steps of " << step;
      EXPECT_EQ(result.flaws.bare_lf, c.bare_lf) << testing::PrintToString(c.octets);
      EXPECT_EQ(result.flaws.bare_cr, c.bare_cr) << testing::PrintToString(c.octets);
      EXPECT_EQ((result.wire + ".\r\n").find("\r\n.\r\n"),
                result.wire.empty() ? std::string::npos : result.wire.size() - 2)
          << testing::PrintToString(c.octets);
    }
  }
}

TEST_F(ReaderTest, keeps_clean_content_as_it_is) {
  std::string every;
  for (int c = 1; c < 256; ++c) {
    if (c != '\r' && c != '\n') every += static_cast<char>(c);
  }
  const auto content = every + "\r\n" + std::string(1 << 20, 'x') + "\r\n";
  const auto result = data(content + ".\r\n", 70000);
  EXPECT_EQ(result.content, content);
  EXPECT_EQ(result.flaws.bare_cr + result.flaws.bare_lf, 0U);
}

TEST_F(ReaderTest, reports_nul) {
  EXPECT_TRUE(data(std::string("a\0b\r\n.\r\n", 8), 3).flaws.nul);
  EXPECT_TRUE(data(std::string("\r\n.\0\r\n.\r\n", 9), 9).flaws.nul);
  EXPECT_FALSE(data("ab\r\n.\r\n", 3).flaws.nul);
}

TEST_F(ReaderTest, finds_the_end_at_every_offset_around_block_and_chunk_borders) {
  for (const std::size_t border : {64U, 128U, 4096U, 16384U, 16384U + 262144U}) {
    for (std::size_t before = border - 7; before <= border + 3; ++before) {
      const auto content = std::string(before, 'y') + "\r\n";
      for (const auto& odd :
           {std::string(), std::string(".z\r\n"), std::string("\n.q\r\n"), std::string("\rk\r\n")}) {
        const auto octets = content + odd + ".\r\nNEXT";
        const auto expected = *tests::naive_data(octets);
        const auto result = data(octets, 5000);
        EXPECT_EQ(result.content, expected.content) << before << testing::PrintToString(odd);
        EXPECT_EQ(result.rest, "NEXT") << before;
      }
    }
  }
}

TEST_F(ReaderTest, takes_bdat_chunks_as_one_content) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"a\r\n", "a\r\n"},
      {"a", "a\r\n"},
      {"a\r", "a \r\n"},
      {"a\n.b", "a\r\n.b\r\n"},
      {".\r\n..\r\n", ".\r\n..\r\n"},
      {"\r\n.\r\n", "\r\n.\r\n"},
      {"\r\r\n", " \r\n"},
  };
  for (const auto& [octets, content] : cases) {
    for (std::size_t step = 1; step <= octets.size() + 1; ++step) {
      state::Body body(pool, state::Body::Form::plain);
      BdatReader reader;
      for (std::size_t at = 0; at < octets.size(); at += step) {
        const auto piece = octets.substr(at, step);
        std::memcpy(body.space().data(), piece.data(), piece.size());
        reader.feed(body, piece.size());
      }
      reader.finish(body);
      EXPECT_EQ(read(body, state::BodyCursor::View::content), content)
          << testing::PrintToString(octets) << step;
      const auto stored = tests::naive_data(read(body, state::BodyCursor::View::wire) + ".\r\n");
      ASSERT_TRUE(stored) << testing::PrintToString(octets);
      EXPECT_EQ(stored->content, content) << testing::PrintToString(octets);
    }
  }
}

}  // namespace
}  // namespace gatepost::smtp
