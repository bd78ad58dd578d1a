#include <gtest/gtest.h>

#include "mail/address.hpp"

namespace gatepost::mail {
namespace {

TEST(Path, is_read_with_what_stands_behind_it) {
  const auto path = parse_path("<user@example.org> SIZE=100");
  EXPECT_EQ(path.error, PathError::none);
  EXPECT_EQ(path.mailbox.text(), "user@example.org");
  EXPECT_EQ(path.rest, " SIZE=100");
}

TEST(Path, may_be_null) {
  const auto path = parse_path("<>");
  EXPECT_TRUE(path.null);
  EXPECT_EQ(path.error, PathError::none);
}

TEST(Path, keeps_case_and_quotes_but_compares_without) {
  const auto path = parse_path("<\"John \\\"X\\\" Doe\"@Example.ORG>");
  EXPECT_EQ(path.mailbox.text(), "\"John \\\"X\\\" Doe\"@Example.ORG");
  EXPECT_EQ(path.mailbox.key(), "john \"x\" doe@example.org");
}

TEST(Path, drops_a_source_route) {
  EXPECT_EQ(parse_path("<@a.example,@b.example:user@example.org>").mailbox.text(), "user@example.org");
  EXPECT_EQ(parse_path("<@a.example>").error, PathError::syntax);
  EXPECT_EQ(parse_path("<@a.example,user@example.org>").error, PathError::syntax);
  EXPECT_EQ(parse_path("<@:user@example.org>").error, PathError::syntax);
}

TEST(Path, forgives_a_space_and_missing_brackets) {
  EXPECT_EQ(parse_path(" <user@example.org>").mailbox.text(), "user@example.org");
  const auto bare = parse_path("user@example.org SIZE=1");
  EXPECT_EQ(bare.mailbox.text(), "user@example.org");
  EXPECT_EQ(bare.rest, " SIZE=1");
}

TEST(Path, takes_postmaster_without_a_domain) {
  const auto path = parse_path("<PostMaster>");
  EXPECT_EQ(path.error, PathError::none);
  EXPECT_EQ(path.mailbox.text(), "PostMaster");
  EXPECT_FALSE(path.mailbox.has_domain());
  EXPECT_EQ(parse_path("<user>").error, PathError::syntax);
}

TEST(Path, says_what_is_wrong) {
  const std::pair<std::string, PathError> cases[] = {
      {"", PathError::syntax},
      {"<", PathError::syntax},
      {"<user@example.org", PathError::syntax},
      {"<user@>", PathError::domain},
      {"<@example.org>", PathError::syntax},
      {"<us er@example.org>", PathError::syntax},
      {"<user@exa mple.org>", PathError::syntax},
      {"<user@-example.org>", PathError::domain},
      {"<user@example..org>", PathError::domain},
      {"<user@xn--->", PathError::domain},
      {"<a@b@c>", PathError::syntax},
      {"<user@[192.0.2.1>", PathError::syntax},
      {"<user@[192.0.2.256]>", PathError::domain},
      {"<user\r@example.org>", PathError::syntax},
      {"<" + std::string(250, 'a') + "@example.org>", PathError::too_long},
      {std::string("<us\0er@example.org>", 19), PathError::syntax},
      {"<\xC3(@example.org>", PathError::syntax},
  };
  for (const auto& [text, error] : cases)
    EXPECT_EQ(parse_path(text).error, error) << testing::PrintToString(text);
}

TEST(Path, takes_a_long_local_part_as_forwarders_make_them) {
  EXPECT_EQ(parse_path("<SRS0=abcd=ef=" + std::string(100, 'x') + "@forwarder.example>").error,
            PathError::none);
}

TEST(Mailbox, knows_when_it_needs_smtputf8) {
  EXPECT_TRUE(parse_path("<us\xC3\xA9r@example.org>").mailbox.non_ascii());
  EXPECT_TRUE(parse_path("<user@ex\xC3\xA4mple.org>").mailbox.non_ascii());
  EXPECT_FALSE(parse_path("<user@example.org>").mailbox.non_ascii());
}

TEST(DomainKey, is_the_lower_case_a_label) {
  EXPECT_EQ(domain_key("Example.ORG"), "example.org");
  EXPECT_EQ(domain_key("b\xC3\xBC"
                       "cher.example"),
            "xn--bcher-kva.example");
  EXPECT_EQ(domain_key("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
  EXPECT_EQ(domain_key("under_score.example"), "under_score.example");
  EXPECT_EQ(domain_key("[192.0.2.1]"), "[192.0.2.1]");
  EXPECT_EQ(domain_key("[IPv6:2001:DB8::1]"), "[ipv6:2001:db8::1]");
  for (const auto* bad : {"", ".", "example.org.", "a..b", "-a.example", "a-.example", "[2001:db8::1]",
                          "[IPv6:192.0.2.1]", "[]", "exa mple.org"}) {
    EXPECT_FALSE(domain_key(bad)) << bad;
  }
  EXPECT_FALSE(domain_key(std::string(64, 'a') + ".example"));
}

TEST(AddressKey, reads_directory_lines) {
  EXPECT_EQ(address_key("User@Example.ORG"), "user@example.org");
  EXPECT_EQ(address_key("@Example.ORG"), "@example.org");
  for (const auto* bad : {"", "user", "user@", "@", "<user@example.org>", "user@example.org x"})
    EXPECT_FALSE(address_key(bad)) << bad;
}

TEST(Batv, takes_tags_off_in_both_forms) {
  const std::pair<const char*, const char*> locals[] = {
      {"prvs=1234abcdef=user", "user"},
      {"PRVS=1234ABCDEF=user", "user"},
      {"prvs=user=1234abcdef", "user"},
      {"prvs=user/1234abcdef", "user"},
      {"prvs=a=b=1234abcdef", "a=b"},
      {"prvs=1234abcdef=a=b", "a=b"},
      {"prvs=123abcdefg=user", "prvs=123abcdefg=user"},
      {"prvs=12345abcdef=user", "prvs=12345abcdef=user"},
      {"prvs=1234abcdef=", "prvs=1234abcdef="},
      {"prvs==1234abcdef", "prvs==1234abcdef"},
      {"prvs=/1234abcdef", "prvs=/1234abcdef"},
      {"prvs=1234abcdef", "prvs=1234abcdef"},
      {"user", "user"},
      {"", ""},
  };
  for (const auto& [tagged, bare] : locals) EXPECT_EQ(without_batv(tagged), bare) << tagged;
}

}  // namespace
}  // namespace gatepost::mail
