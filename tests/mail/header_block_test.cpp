#include "mail/header_block.hpp"

#include <gtest/gtest.h>

#include "mail/field_body.hpp"

namespace gatepost::mail {
namespace {

struct Case {
  std::string content;
  std::string fields;  ///< each "line:name=value;", unfolded
  std::size_t stray;
  std::uint64_t size;
};

const Case cases[] = {
    {"", "", 0, 0},
    {"\r\n", "", 0, 2},
    {"A: b\r\nC:d\r\n\r\nE: body\r\n", "1:A=b;2:C=d;", 0, 13},
    {"A: b\r\n\tc\r\n d\r\nE: f\r\n\r\n", "1:A=b\tc d;4:E=f;", 0, 22},
    {"A \t: b\r\n\r\n", "1:A=b;", 0, 10},
    {"A: b", "1:A=b;", 0, 4},
    {"A: b\r\n c", "1:A=b c;", 0, 8},
    {"A:\r\n\r\n", "1:A=;", 0, 6},
    {"A: b:c\r\n", "1:A=b:c;", 0, 8},
    {"From x Thu 18:29:58\r\n folded\r\nA: b\r\n\r\n", "3:A=b;", 1, 38},
    {" folded\r\n too\r\nA: b\r\n\r\n", "3:A=b;", 1, 23},
    {": no name\r\nA: b\r\n\r\n", "2:A=b;", 1, 19},
    {"A: b\r\nB\xC3\xA4: c\r\nD: e\r\n\r\n", "1:A=b;3:D=e;", 2, 22},
    {"A: b\r\nforgotten\r\nB: body\r\n", "1:A=b;", 2, 17},
    {"A: b\nC: d\n\n", "1:A=b;2:C=d;", 0, 11},
    {std::string("A: \0b\r\n\r\n", 9), std::string("1:A=\0b;", 7), 0, 9},
};

TEST(HeaderBlock, splits_into_fields_whatever_it_holds) {
  for (const auto& c : cases) {
    const HeaderBlock block(c.content);
    std::string fields;
    std::string raw;
    for (const auto& field : block.fields()) {
      fields += std::to_string(field.line) + ":" + std::string(field.name) + "=" + unfold(field.value) + ";";
      raw += field.raw;
    }
    EXPECT_EQ(fields, c.fields) << c.content;
    EXPECT_EQ(block.field_count(), block.fields().size()) << c.content;
    EXPECT_EQ(block.stray_line().number, c.stray) << c.content;
    EXPECT_EQ(block.size(), c.size) << c.content;
    EXPECT_TRUE(c.stray != 0 || c.content.starts_with(raw)) << c.content;
  }
}

TEST(HeaderBlock, keeps_a_field_as_it_was_written) {
  const HeaderBlock block("A : b\r\n\tc \r\nD: e\r\n\r\n");
  const auto& field = block.fields().front();
  EXPECT_EQ(field.raw, "A : b\r\n\tc \r\n");
  EXPECT_EQ(field.value, " b\r\n\tc ");
}

TEST(HeaderBlock, finds_fields_by_name_in_any_case) {
  const HeaderBlock block("To: a\r\nTO : b\r\nTod: c\r\n\r\n");
  EXPECT_EQ(block.count("to"), 2U);
  ASSERT_NE(block.first("tO"), nullptr);
  EXPECT_EQ(block.first("tO")->value, " a");
  EXPECT_EQ(block.first("From"), nullptr);
}

TEST(HeaderBlock, remembers_its_longest_line) {
  const HeaderBlock block("A: b\r\n " + std::string(1000, 'x') + "\r\nC: " + std::string(500, 'y') +
                          "\r\n\r\n");
  EXPECT_EQ(block.longest_line().number, 2U);
  EXPECT_EQ(block.longest_line().text.size(), 1001U);
}

TEST(HeaderBlock, only_counts_the_fields_behind_its_limit) {
  std::string content;
  for (std::size_t i = 0; i < HeaderBlock::most_fields + 5; ++i) content += "A: b\r\n c\r\n";
  const HeaderBlock block(content);
  EXPECT_EQ(block.fields().size(), HeaderBlock::most_fields);
  EXPECT_EQ(block.field_count(), HeaderBlock::most_fields + 5);
  EXPECT_EQ(block.fields().back().raw, "A: b\r\n c\r\n");
}

}  // namespace
}  // namespace gatepost::mail
