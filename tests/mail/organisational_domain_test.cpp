#include "mail/organisational_domain.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gatepost::mail {
namespace {

TEST(OrganisationalDomain, is_one_label_more_than_the_longest_public_suffix) {
  const std::pair<const char*, const char*> cases[] = {{"mail.example.com", "example.com"},
                                                       {"example.com", "example.com"},
                                                       {"a.b.example.co.uk", "example.co.uk"},
                                                       {"one.github.io", "one.github.io"},
                                                       {"a.one.github.io", "one.github.io"},
                                                       {"a.xn--p1ai", "a.xn--p1ai"},
                                                       {"a.example.unknown-tld", "example.unknown-tld"},
                                                       {"co.uk", ""},
                                                       {"com", ""},
                                                       {"localhost", ""},
                                                       {"", ""}};
  for (const auto& [domain, expected] : cases) EXPECT_EQ(organisational_domain(domain), expected) << domain;
}

TEST(OrganisationalDomain, can_look_at_registries_only) {
  EXPECT_EQ(organisational_domain("a.one.github.io", PublicSuffixes::registries), "github.io");
  EXPECT_EQ(organisational_domain("ec2-1-2-3-4.compute-1.amazonaws.com", PublicSuffixes::registries),
            "amazonaws.com");
}

TEST(OrganisationalDomain, is_the_same_when_asked_again_among_thousands) {
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3000; ++i) {
      const auto own = "own" + std::to_string(i) + ".github.io";
      EXPECT_EQ(organisational_domain("a." + own), own);
      EXPECT_EQ(organisational_domain("a." + own, PublicSuffixes::registries), "github.io");
    }
  }
  const std::string longest(300, 'a');
  EXPECT_EQ(organisational_domain("b." + longest + ".example"), longest + ".example");
  EXPECT_EQ(organisational_domain(longest), "");
}

}  // namespace
}  // namespace gatepost::mail
