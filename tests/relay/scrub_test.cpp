#include <gtest/gtest.h>

#include "relay/scrub.hpp"

namespace gatepost::relay {
namespace {

TEST(Scrub, takes_internal_names_and_addresses_out) {
  const std::vector<std::string> names{"mbx1.corp.example.org", "10.0.0.5"};
  const std::pair<const char*, const char*> cases[] = {
      {"mailbox full", "mailbox full"},
      {"rejected by 10.0.0.5", "rejected by [...]"},
      {"see [10.0.0.5]:25.", "see [[...]]:25."},
      {"10.0.0.5:2525 said no", "[...] said no"},
      {"fe80::1 and 2001:db8::17", "[...] and [...]"},
      {"[Hostname=MBX1.CORP.EXAMPLE.ORG] queued", "[Hostname=[...]] queued"},
      {"mbx2.corp.example.org is down", "[...] is down"},
      {"server exch01.intern.local.", "server [...]."},
      {"<user@example.org>: no such user", "<user@example.org>: no such user"},
      {"<user@mbx1.corp.example.org> unknown", "<user@mbx1.corp.example.org> unknown"},
      {"visit https://example.com/help", "visit https://example.com/help"},
      {"MBX1 is full", "[...] is full"},
      {"two\nlines", "two lines"},
      {"odd \x01\xff", "odd ??"},
      {"version 1.2.3", "version 1.2.3"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(scrub(text, names), expected) << text;
}

TEST(PassOn, keeps_the_codes_of_the_backend) {
  EXPECT_EQ(pass_on({550, {5, 1, 1}, "no such user"}, {}).line(),
            "550 5.1.1 the mail server behind this one said: no such user");
  EXPECT_EQ(pass_on({452, {4, 3, 1}, "Insufficient system resources"}, {}).line(),
            "452 4.3.1 the mail server behind this one said: Insufficient system resources");
  EXPECT_EQ(pass_on({550, {5, 1, 1}, "no [0123456789]"}, {}).text(),
            "the mail server behind this one said: no")
      << "the incident id of another Gatepost";
  EXPECT_EQ(pass_on({554, {}, "no"}, {}).line(), "554 5.0.0 the mail server behind this one said: no");
  EXPECT_EQ(pass_on({421, {4, 3, 2}, "bye"}, {}).code(), 451) << "our own connection stays";
}

}  // namespace
}  // namespace gatepost::relay
