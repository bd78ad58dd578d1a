#include "smtp/header_content.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "core/state/spill.hpp"

namespace gatepost::smtp {
namespace {

using Form = state::Body::Form;

struct HeaderContentTest : testing::Test {
  base::MemoryBudget budget{1 << 30};
  state::ChunkPool pool{budget};

  state::Body body_of(std::string_view stored, Form form) {
    state::Body body(pool, form);
    body.append(stored);
    for (auto at = stored.find("\n."); at != std::string_view::npos; at = stored.find("\n.", at + 1))
      body.note_dot(at + 1);
    return body;
  }
  /// Fields of 10 octets each.
  static std::string fields(std::size_t octets) {
    std::string text;
    while (text.size() < octets) text += "X: 45678\r\n";
    return text;
  }
};

TEST_F(HeaderContentTest, is_a_view_where_the_block_lies_in_the_first_chunk) {
  const auto body = body_of("A: b\r\n\r\n..body\r\n", Form::stuffed);
  const HeaderContent header(body);
  EXPECT_EQ(header.view(), "A: b\r\n\r\n");
  EXPECT_EQ(header.view().data(), body.head().data());
  EXPECT_TRUE(header.whole());
}

TEST_F(HeaderContentTest, has_no_stuffed_dots) {
  const auto stuffed = body_of("A: b\r\n..C: d\r\n..\r\nbody", Form::stuffed);
  EXPECT_EQ(HeaderContent(stuffed).view(), "A: b\r\n.C: d\r\n.\r\n");
  const auto plain = body_of("A: b\r\n..C: d\r\n\r\nbody", Form::plain);
  EXPECT_EQ(HeaderContent(plain).view(), "A: b\r\n..C: d\r\n\r\n");
}

TEST_F(HeaderContentTest, is_gathered_where_it_reaches_over_several_chunks) {
  const auto block = fields(300'000) + "\r\n";
  for (const auto form : {Form::stuffed, Form::plain}) {
    const auto body = body_of(block + "body\r\n", form);
    const HeaderContent header(body);
    EXPECT_EQ(header.view(), block);
    EXPECT_TRUE(header.whole());
  }
}

TEST_F(HeaderContentTest, is_all_there_is_if_nothing_ends_it) {
  for (const std::string& content : {std::string(), std::string("A: b\r\n"), fields(20'000)}) {
    const auto body = body_of(content, Form::stuffed);
    const HeaderContent header(body);
    EXPECT_EQ(header.view(), content);
    EXPECT_TRUE(header.whole());
  }
}

TEST_F(HeaderContentTest, is_not_whole_if_its_end_is_on_disk) {
  auto body = body_of(fields(20'000) + "\r\n" + fields(600'000), Form::stuffed);
  ASSERT_FALSE(body.spillable().empty());
  body.spilled(std::make_shared<state::SpillFile>(::open("/dev/null", O_RDONLY)));
  const HeaderContent header(body);
  EXPECT_FALSE(header.whole());
  EXPECT_EQ(header.view(), body.head());
}

}  // namespace
}  // namespace gatepost::smtp
