#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "smtp/replies.hpp"

namespace gatepost::smtp {
namespace {

TEST(Reply, keeps_both_codes_of_one_class) {
  EXPECT_EQ(Reply(550, {4, 1, 1}, "t", "no").wire(), "550 5.1.1 no\r\n");
  EXPECT_EQ(Reply(354, {2, 0, 0}, "t", "go").wire(), "354 go\r\n");
  EXPECT_EQ(Reply(250, {}, "t", "fine").wire(), "250 fine\r\n");
  EXPECT_EQ(Reply(99, {}, "t", "odd").wire(), "451 odd\r\n");
}

TEST(Reply, cannot_be_split_by_foreign_bytes) {
  EXPECT_EQ(Reply(550, {5, 7, 1}, "t", "a\r\n250 b\x01").wire(), "550 5.7.1 a??250 b?\r\n");
  EXPECT_EQ(reply(Say::unknown_recipient, {"x\r\n250 ok"}).wire().find('\r'),
            reply(Say::unknown_recipient, {"x\r\n250 ok"}).wire().size() - 2);
}

TEST(Reply, is_wrapped_at_512_octets_with_both_codes_on_each_line) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "word" + std::to_string(i) + " ";
  const auto wire = Reply(550, {5, 7, 1}, "t", text).wire();
  std::size_t lines = 0;
  for (std::size_t at = 0; at < wire.size(); ++lines) {
    const auto end = wire.find("\r\n", at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end + 2 - at, 512U);
    const bool last = end + 2 == wire.size();
    EXPECT_EQ(wire.substr(at, 10), last ? "550 5.7.1 " : "550-5.7.1 ");
    at = end + 2;
  }
  EXPECT_EQ(lines, 3U);
}

TEST(Reply, is_wrapped_where_there_is_no_space_too) {
  const auto wire = Reply(550, {5, 7, 1}, "t", std::string(1200, 'x')).wire();
  EXPECT_EQ(std::count(wire.begin(), wire.end(), 'x'), 1200);
  EXPECT_EQ(std::count(wire.begin(), wire.end(), '\n'), 3);
}

TEST(Reply, is_signed_with_the_incident_and_help) {
  auto permanent = reply(Say::unknown_command);
  permanent.sign("7KQ2M9XA4T", "https://example.org/help");
  EXPECT_EQ(permanent.line(), "500 5.5.1 command not recognised [7KQ2M9XA4T] https://example.org/help");
  auto transient = reply(Say::no_memory);
  transient.sign("7KQ2M9XA4T", "https://example.org/help");
  EXPECT_EQ(transient.line(),
            "452 4.3.1 no room for the message at the moment; please try again later [7KQ2M9XA4T]");
}

TEST(Enhanced, is_read_only_if_well_formed) {
  EXPECT_EQ(Enhanced::parse("5.1.10"), (Enhanced{5, 1, 10}));
  for (const auto* text : {"", "5", "5.1", "5.1.1.1", "3.1.1", "5.1.1000", "5.x.1", "05.1.x"})
    EXPECT_FALSE(Enhanced::parse(text)) << text;
}

TEST(Catalogue, is_in_the_order_of_its_enumerators) {
  for (std::size_t i = 0; i < all_texts().size(); ++i)
    EXPECT_EQ(static_cast<std::size_t>(all_texts()[i].say), i) << all_texts()[i].token;
  EXPECT_EQ(all_texts().back().say, Say::relay_failed) << "the last enumerator has its row";
}

TEST(Catalogue, has_consistent_codes_and_unique_tokens) {
  std::set<std::string_view> tokens;
  for (const auto& text : all_texts()) {
    EXPECT_TRUE(tokens.insert(text.token).second) << text.token;
    const bool borrowed =
        text.token.starts_with("relay.") || text.token.starts_with("rcpt.remembered");  // a backend's codes
    EXPECT_TRUE(text.enhanced.present() ? text.enhanced.klass == text.code / 100
                                        : text.code < 400 || borrowed)
        << text.token;
  }
}

TEST(Catalogue, is_documented) {
  std::ifstream in(GATEPOST_SOURCE_DIR "/docs/replies.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  for (const auto& text : all_texts())
    EXPECT_NE(page.find("`" + std::string(text.token) + "`"), std::string::npos) << text.token;
}

}  // namespace
}  // namespace gatepost::smtp
