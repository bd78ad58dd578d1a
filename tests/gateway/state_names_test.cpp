#include "gateway/state_names.hpp"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using namespace std::string_literals;

TEST(ShownName, parts_are_divided_by_a_space_and_the_null_sender_is_seen) {
  EXPECT_EQ(shown_name("192.0.2.0/24"), "192.0.2.0/24");
  EXPECT_EQ(shown_name("192.0.2.0/24\0a@b.test\0c@d.test"s), "192.0.2.0/24 a@b.test c@d.test");
  EXPECT_EQ(shown_name("\0c@d.test"s), "<> c@d.test");
  EXPECT_EQ(shown_name("c@d.test\0"s), "c@d.test <>");
}

TEST(ShownName, holds_nothing_that_a_terminal_obeys) {
  EXPECT_EQ(shown_name("a\x1b[2J\xC2\x9B@b\r\n"), "a\\x1b[2J\\xc2\\x9b@b\\x0d\\x0a");
}

bool finds(std::string text, std::string_view name) {
  return NameMatch(std::move(text))(name);
}

TEST(NameMatch, finds_a_domain_with_what_is_below_it_and_no_other) {
  for (const auto* name :
       {"example.org", "a@example.org", "mail.example.org", "192.0.2.1 A@EXAMPLE.ORG x@y.test",
        "example.org.", "spf:example.org", "c@d.test/a@example.org"})
    EXPECT_TRUE(finds("Example.org", name)) << name;
  for (const auto* name :
       {"notexample.org", "my-example.org", "example.org.test", "example.organic", "example.com"})
    EXPECT_FALSE(finds("example.org", name)) << name;
  EXPECT_TRUE(finds("example.org", "example.org.test example.org")) << "the second is it";
}

TEST(NameMatch, finds_an_address_and_none_that_ends_like_it) {
  EXPECT_TRUE(finds("bob@example.org", "192.0.2.0/24 <> bob@example.org"));
  EXPECT_TRUE(finds("bob@example.org", "x@y.test\0bob@example.org"s));
  for (const auto* name :
       {"jim.bob@example.org", "jim-bob@example.org", "x+bob@example.org", "bob@example.org.test"})
    EXPECT_FALSE(finds("bob@example.org", name)) << name;
  EXPECT_TRUE(finds("@example.org", "bob@example.org"));
  EXPECT_FALSE(finds("@example.org", "bob@mail.example.org"));
  EXPECT_TRUE(finds(".example.org", "mail.example.org"));
}

TEST(NameMatch, finds_a_client_in_its_network) {
  EXPECT_TRUE(finds("192.0.2.77", "192.0.2.0/24\0a@b.test\0c@d.test"s));
  EXPECT_TRUE(finds("192.0.2.77", "192.0.2.77"));
  EXPECT_FALSE(finds("192.0.2.7", "192.0.2.77"));
  EXPECT_FALSE(finds("192.0.3.77", "192.0.2.0/24 a@b.test"));
  EXPECT_TRUE(finds("2001:db8::1", "2001:db8::/64"));
}

TEST(NameMatch, takes_a_pattern_from_end_to_end) {
  EXPECT_TRUE(finds("*@example.org", "a@example.org"));
  EXPECT_FALSE(finds("example*", "a@example.org"));
  EXPECT_TRUE(finds("192.0.2.* *", "192.0.2.0/24\0a@b.test"s));
}

TEST(NameMatch, of_nothing_finds_nothing) {
  EXPECT_FALSE(finds("", "a"));
  EXPECT_FALSE(finds("  ", "a"));
}

}  // namespace
}  // namespace gatepost::gateway
