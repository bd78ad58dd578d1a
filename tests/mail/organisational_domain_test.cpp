#include "mail/organisational_domain.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace gatepost::mail
