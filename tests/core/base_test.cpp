#include <gtest/gtest.h>

#include <set>

#include "core/base/ip.hpp"
#include "core/base/memory_budget.hpp"
#include "core/base/random.hpp"
#include "core/base/text.hpp"
#include "core/base/text_forms.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::base {
namespace {

TEST(IpAddress, is_read_and_written) {
  for (const auto* text : {"192.0.2.1", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "::1"})
    EXPECT_EQ(IpAddress::parse(text)->to_string(), text);
  for (const auto* text : {"", "192.0.2", "192.0.2.256", "2001:db8::g", "192.0.2.1 ", "1.2.3.4.5", "1.2.3.4.",
                           ".1.2.3", "1..2.3", "01.2.3.4", "1.2.3.00", "1.2.3.0004", "1.2.3.-4", "a.example"})
    EXPECT_FALSE(IpAddress::parse(text)) << text;
}

TEST(IpAddress, takes_a_mapped_address_for_the_ipv4_address_it_is) {
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1"));
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1")->to_string(), "192.0.2.1");
}

TEST(IpAddress, is_written_as_a_literal_of_rfc_5321) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->literal(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:db8::1")->literal(), "IPv6:2001:db8::1");
}

TEST(IpAddress, knows_what_it_can_be_used_for) {
  const std::pair<const char*, Scope> cases[] = {
      {"127.0.0.1", Scope::loopback},      {"10.1.2.3", Scope::private_use},
      {"172.16.0.1", Scope::private_use},  {"172.32.0.1", Scope::global},
      {"192.168.1.1", Scope::private_use}, {"100.64.0.1", Scope::shared},
      {"100.128.0.1", Scope::global},      {"169.254.1.1", Scope::link_local},
      {"0.0.0.0", Scope::unspecified},     {"224.0.0.1", Scope::multicast},
      {"203.0.113.9", Scope::global},      {"::1", Scope::loopback},
      {"::", Scope::unspecified},          {"fe80::1", Scope::link_local},
      {"fd00::1", Scope::private_use},     {"ff02::1", Scope::multicast},
      {"2001:db8::1", Scope::global}};
  for (const auto& [text, scope] : cases) EXPECT_EQ(IpAddress::parse(text)->scope(), scope) << text;
}

TEST(Endpoint, needs_brackets_around_ipv6) {
  EXPECT_EQ(Endpoint::parse("192.0.2.1:25")->to_string(), "192.0.2.1:25");
  EXPECT_EQ(Endpoint::parse("[2001:db8::1]:25")->to_string(), "[2001:db8::1]:25");
  for (const auto* text :
       {"2001:db8::1:25", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", ":25", "[::1]25", "host:25"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Network, contains_what_shares_its_prefix) {
  const struct {
    const char* network;
    const char* address;
    bool contained;
  } cases[] = {{"192.0.2.0/24", "192.0.2.255", true},       {"192.0.2.0/24", "192.0.3.0", false},
               {"192.0.2.77/24", "192.0.2.1", true},        {"192.0.2.1", "192.0.2.1", true},
               {"192.0.2.1", "192.0.2.2", false},           {"0.0.0.0/0", "203.0.113.9", true},
               {"0.0.0.0/0", "2001:db8::1", false},         {"2001:db8::/33", "2001:db8:7fff::", true},
               {"2001:db8::/33", "2001:db8:8000::", false}, {"::/0", "2001:db8::1", true},
               {"10.0.0.0/9", "10.127.0.1", true},          {"10.0.0.0/9", "10.128.0.1", false}};
  for (const auto& c : cases)
    EXPECT_EQ(Network::parse(c.network)->contains(*IpAddress::parse(c.address)), c.contained)
        << c.network << " " << c.address;
  for (const auto* text : {"192.0.2.0/33", "192.0.2.0/", "192.0.2/24", "::/129", "x"})
    EXPECT_FALSE(Network::parse(text)) << text;
  EXPECT_EQ(Network::parse("192.0.2.77/24")->to_string(), "192.0.2.0/24");
}

TEST(Text, makes_foreign_bytes_printable) {
  EXPECT_EQ(printable("plain"), "plain");
  EXPECT_EQ(printable("a\r\nb\x7f"), "a\\x0d\\x0ab\\x7f");
  EXPECT_EQ(printable("back\\slash"), "back\\\\slash");
  EXPECT_EQ(printable("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(printable("\xFF\xC3(\xED\xA0\x80"), "\\xff\\xc3(\\xed\\xa0\\x80");
  EXPECT_EQ(printable(std::string(600, 'x'), 10), "xxxxxxxxxx...");
  EXPECT_EQ(printable("five\n and more", 10), "five\\x0a a...");
  EXPECT_EQ(printable("12345678\n", 8), "12345678...");
}

TEST(Text, makes_foreign_bytes_fit_for_a_reply) {
  EXPECT_EQ(reply_safe("a\r\n550 b\xC3"), "a??550 b?");
  EXPECT_EQ(reply_safe("0123456789", 4), "0123...");
}

TEST(Text, knows_utf8) {
  for (const auto* good : {"", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (const auto* bad : {"\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xFF",
                          "\x80", "\xF0\x80\x80\x80"})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(Text, guesses_what_was_meant) {
  const std::string_view known[] = {"recipients", "route", "names"};
  EXPECT_EQ(probably_meant("recipient", known), "recipients");
  EXPECT_EQ(probably_meant("Route", known), "route");
  EXPECT_EQ(probably_meant("rotue", known), "route");
  EXPECT_EQ(probably_meant("completely", known), "");
}

TEST(Text, matches_wildcards_without_case) {
  EXPECT_TRUE(wildcard_match("*.example.org", "MX.Example.ORG"));
  EXPECT_TRUE(wildcard_match("*", ""));
  EXPECT_TRUE(wildcard_match("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(wildcard_match("a*b", "abc"));
  EXPECT_FALSE(wildcard_match("", "a"));
}

TEST(Text, reads_whole_numbers_only) {
  std::uint64_t number = 0;
  EXPECT_TRUE(parse_number("18446744073709551615", number));
  EXPECT_EQ(number, UINT64_MAX);
  for (const auto* text : {"", "-1", "+1", "1 ", "18446744073709551616", "0x1"})
    EXPECT_FALSE(parse_number(text, number)) << text;
}

template <class T>
std::string round_trip(std::string_view text) {
  T value{};
  const auto wrong = TextForm<T>::parse(text, value);
  return wrong.empty() ? TextForm<T>::print(value) : "wrong";
}

TEST(TextForms, read_sizes_and_times) {
  EXPECT_EQ(round_trip<ByteSize>("36 MiB"), "36 MiB");
  EXPECT_EQ(round_trip<ByteSize>("1024"), "1 KiB");
  EXPECT_EQ(round_trip<ByteSize>("512kib"), "512 KiB");
  EXPECT_EQ(round_trip<ByteSize>("0"), "0 bytes");
  EXPECT_EQ(round_trip<Millis>("5 min"), "5 min");
  EXPECT_EQ(round_trip<Millis>("90s"), "90 s");
  EXPECT_EQ(round_trip<Millis>("250 ms"), "250 ms");
  EXPECT_EQ(round_trip<Millis>("36 h"), "36 h");
  for (const auto* text : {"", "MiB", "-1", "1.5 MiB", "1 parsec", "18446744073709551615 GiB"})
    EXPECT_EQ(round_trip<ByteSize>(text), "wrong") << text;
  for (const auto* text : {"", "5", "5 years", "1e3 s", "99999999 d"})
    EXPECT_EQ(round_trip<Millis>(text), "wrong") << text;
}

TEST(TextForms, never_print_a_secret) {
  EXPECT_EQ(TextForm<Secret>::print(Secret("hunter2")), "********");
  EXPECT_EQ(TextForm<Secret>::print(Secret()), "");
}

TEST(SessionId, has_ten_characters_of_base_32) {
  tests::FakeRandom random;
  EXPECT_EQ(SessionId::make(random).view(), "1000000000");
  SystemRandom system;
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto id = SessionId::make(system);
    EXPECT_EQ(id.view().find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), std::string_view::npos);
    seen.emplace(id.view());
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(MemoryBudget, tells_how_much_is_used) {
  MemoryBudget budget(100 << 20);
  MemorySlice slice(budget);
  EXPECT_EQ(budget.level(), MemoryBudget::Level::plenty);
  slice.take(50 << 20);
  EXPECT_EQ(budget.level(), MemoryBudget::Level::tight);
  slice.take(40 << 20);
  EXPECT_EQ(budget.level(), MemoryBudget::Level::full);
  slice.give(90 << 20);
  EXPECT_EQ(budget.level(), MemoryBudget::Level::plenty);
}

TEST(MemoryBudget, gets_everything_back_from_a_thread_that_ends) {
  MemoryBudget budget(100 << 20);
  {
    MemorySlice slice(budget);
    slice.take(10);
    EXPECT_EQ(budget.used(), MemorySlice::step);
  }
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace gatepost::base
