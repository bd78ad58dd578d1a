#include "mail/address_list.hpp"

#include <gtest/gtest.h>

namespace gatepost::mail {
namespace {

struct Case {
  std::string body;
  std::string addresses;  ///< separated by spaces
  bool malformed = false;
};

const Case cases[] = {
    {"a@b.example", "a@b.example"},
    {" A.B@b.Example \r\n", "A.B@b.Example"},
    {"John Doe <a@b>", "a@b"},
    {"\"Doe, John\" <a@b>", "a@b"},
    {"\"a \\\" <x@y>, z@z\" <a@b>", "a@b"},
    {"J. R. Doe <a@b>", "a@b"},
    {"<a@b>", "a@b"},
    {"< a (x) @ (y) b . example >", "a@b.example"},
    {"a . b @ c . d", "a.b@c.d"},
    {"a@b (John <x@y>, (Doe))", "a@b"},
    {"(\\)) a@b", "a@b"},
    {"=?utf-8?Q?M=C3=BCller?= <a@b>", "a@b"},
    {"M\xC3\xBCller <m\xC3\xBC@b\xC3\xBC.example>", "m\xC3\xBC@b\xC3\xBC.example"},
    {"\"a b\"@c", "\"a b\"@c"},
    {"a@[192.0.2.1]", "a@[192.0.2.1]"},
    {"X <@one,@two.example:a@b>", "a@b"},
    {"X <,@one,,@two:a@b>", "a@b"},
    {"a@b, c@d,\r\n\tE <e@f>", "a@b c@d e@f"},
    {", a@b,, c@d ,", "a@b c@d"},
    {"Friends: a@b, C <c@d>;", "a@b c@d"},
    {"Friends: a@b;, c@d", "a@b c@d"},
    {"undisclosed-recipients:;", ""},
    {"\"quoted\" name : ;", ""},
    {"", ""},
    {" (only a comment) ", ""},
    // Malformed, but an address can be made out.
    {"a@b <c@d>", "c@d", true},
    {"John @ Home <c@d>", "c@d", true},
    {"John Doe@example", "Doe@example", true},
    {"\"x\" <a@b> <c@d>", "a@b c@d", true},
    {"<a@b> junk", "a@b", true},
    {"a@b; c@d", "a@b c@d", true},
    {"a@b c", "a@b", true},
    {"a..b@c", "a..b@c", true},
    {".a@c", ".a@c", true},
    {"a.@c", "a.@c", true},
    {"a@c.", "a@c.", true},
    {"a@b@c", "a@c", true},
    {"<a@b", "a@b", true},
    {"G: a@b", "a@b", true},
    {"a@b, (never closed", "a@b", true},
    {"a@b: c@d;", "a@b", true},
    // Nothing to be made out.
    {"John Doe", "", true},
    {"<>", "", true},
    {"<a>", "", true},
    {"@b", "", true},
    {"a@", "", true},
    {"\"a@b", "", true},
    {"<<a@b>>", "", true},
    {"X <@one a@b>", "", true},
    {":;", "", true},
    {"a@[192.0.2.1", "", true},
    {"\x01 a@b", "", true},
};

TEST(AddressList, finds_each_address_and_says_what_is_malformed) {
  for (const auto& c : cases) {
    const auto list = parse_address_list(c.body);
    std::string found;
    for (const auto& address : list.addresses)
      found += (found.empty() ? "" : " ") + address.local + "@" + address.domain;
    EXPECT_EQ(found, c.addresses) << c.body;
    EXPECT_EQ(list.malformed, c.malformed) << c.body;
    EXPECT_EQ(list.count, list.addresses.size()) << c.body;
  }
}

TEST(AddressList, only_counts_the_addresses_behind_its_limit) {
  std::string body;
  for (int i = 0; i < 60000; ++i) body += "a@b,";
  const auto list = parse_address_list(body);
  EXPECT_EQ(list.count, 60000U);
  EXPECT_EQ(list.addresses.size(), AddressList::most_addresses);
  EXPECT_FALSE(list.malformed);
}

TEST(AddressList, takes_time_in_proportion_to_its_length) {
  // Squares would take minutes.
  for (const std::string part :
       {"(", "\"", "<", "[", "@(", "a@[", "a,(", ".", "a ", "()", "a@b<", ":", "g:;", "\\"}) {
    std::string body;
    while (body.size() < 256 << 10) body += part;
    parse_address_list(body);
  }
}

}  // namespace
}  // namespace gatepost::mail
