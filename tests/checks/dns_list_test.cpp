#include "checks/dns_list.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_zone.hpp"

namespace gatepost::checks {
namespace {

ListCode code(std::string_view text) {
  ListCode value;
  EXPECT_EQ(base::TextForm<ListCode>::parse(text, value), "") << text;
  return value;
}

TEST(ListCode, is_a_value_ranges_in_octets_or_a_mask) {
  const struct {
    const char* code;
    const char* address;
    bool in;
  } cases[] = {
      {"127.0.0.2", "127.0.0.2", true},        {"127.0.0.2", "127.0.0.3", false},
      {"127.0.0.4-7", "127.0.0.3", false},     {"127.0.0.4-7", "127.0.0.4", true},
      {"127.0.0.4-7", "127.0.0.7", true},      {"127.0.0.4-7", "127.0.0.8", false},
      {"127.0.2-20.3", "127.0.20.3", true},    {"127.0.2-20.3", "127.0.20.2", false},
      {"127.0.2-20.3", "127.0.21.3", false},   {"mask 0.0.0.8", "127.0.0.8", true},
      {"mask 0.0.0.8", "127.0.0.72", true},    {"mask 0.0.0.8", "127.0.0.64", false},
      {"mask 0.0.0.10", "127.0.0.8", false},   {"mask 0.0.0.10", "127.0.0.11", true},
      {"127.0.0.0-255", "2001:db8::1", false}, {"mask 127.0.0.2", "127.0.0.3", true},
  };
  for (const auto& c : cases)
    EXPECT_EQ(code(c.code).codes.contains(*base::IpAddress::parse(c.address)), c.in)
        << c.code << " " << c.address;
}

TEST(ListCode, has_a_weight_and_a_name) {
  const struct {
    const char* text;
    std::optional<double> weight;
    const char* label;
    const char* printed;
  } cases[] = {
      {"127.0.0.2", std::nullopt, "", "127.0.0.2"},
      {" 127.0.0.2 = 5 ", 5, "", "127.0.0.2 = 5"},
      {"127.0.0.10-11=2.5 PBL", 2.5, "PBL", "127.0.0.10-11 = 2.5 PBL"},
      {"127.0.2-20.3 = -3  high trust", -3, "high trust", "127.0.2-20.3 = -3 high trust"},
      {"127.0.0.2 SBL", std::nullopt, "SBL", "127.0.0.2 SBL"},
      {"mask 0.0.0.64 = 2 ABUSE", 2, "ABUSE", "mask 0.0.0.64 = 2 ABUSE"},
  };
  for (const auto& c : cases) {
    const auto value = code(c.text);
    EXPECT_EQ(value.weight, c.weight) << c.text;
    EXPECT_EQ(value.label, c.label) << c.text;
    EXPECT_EQ(base::TextForm<ListCode>::print(value), c.printed);
  }
}

TEST(ListCode, is_not_anything_else) {
  for (const auto* text : {"",
                           "127.0.0",
                           "127.0.0.0.2",
                           "127.0.0.256",
                           "127.0.0.7-4",
                           "127.0.0.4-127.0.0.7",
                           "10.0.0.2",
                           "126-127.0.0.2",
                           "127.0.0.2/8",
                           "mask",
                           "mask 0.0.0.0",
                           "mask 0.0.0.2-4",
                           "mask 128.0.0.1",
                           "::1",
                           "127.0.0.2 =",
                           "127.0.0.2 = x",
                           "127.0.0.2 = 1001",
                           "127.0.0.2 = nan",
                           "127.0.0.2 = 1x",
                           "127.0.0.2 \xc3\xa4"}) {
    ListCode value;
    EXPECT_NE(base::TextForm<ListCode>::parse(text, value), "") << text;
  }
}

TEST(DomainEntry, is_a_host_name_and_never_an_address) {
  const struct {
    const char* name;
    std::optional<std::string> entry;
  } cases[] = {
      {"Mail.Example.ORG.", "mail.example.org"},
      {"a_b.example", "a_b.example"},
      {"localhost", std::nullopt},
      {"192.0.2.1", std::nullopt},
      {"[192.0.2.1]", std::nullopt},
      {"[IPv6:2001:db8::1]", std::nullopt},
      {"2001:db8::1", std::nullopt},
      {"a..example", std::nullopt},
      {".", std::nullopt},
      {"", std::nullopt},
      {"a b.example", std::nullopt},
      {"a\n.example", std::nullopt},
  };
  for (const auto& c : cases) EXPECT_EQ(domain_entry(c.name), c.entry) << c.name;
}

ListOptions list(std::string_view canary) {
  ListOptions options;
  options.zone.name = "list.example";
  options.error_codes.push_back(*CodeSet::parse("127.0.0.255"));
  EXPECT_EQ(base::TextForm<Canary>::parse(canary, options.canary), "") << canary;
  return options;
}

/// What an examination of the list by this zone says.
std::string examine(const ListOptions& options, Holds holds, std::string_view zone_text) {
  const DnsList list(options, holds);
  tests::FakeZone zone(zone_text);
  std::vector<dns::Answer> answers;
  for (const auto& question : list.witness()->questions) answers.push_back(zone.answer(question));
  std::vector<const dns::Answer*> seen;
  for (const auto& answer : answers) seen.push_back(&answer);
  EXPECT_TRUE(zone.unexpected().empty()) << zone.unexpected().front();
  return list.witness()->judge(seen);
}

TEST(DnsList, is_believed_while_its_canaries_are_answered_as_they_must_be) {
  const std::string v6 = ".0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0";
  const std::string listed = "2.0.0.127.list.example A 127.0.0.2\n";
  const std::string clean = "1.0.0.127.list.example * (no name)\n";
  const std::string no_test = "it does not list 2.0.0.127, its test entry";
  const struct {
    const char* canary;
    Holds holds;
    std::string zone;
    std::string verdict;
  } cases[] = {
      {"rfc5782", Holds::ipv4, listed + clean, ""},
      {"rfc5782", Holds::ipv4, listed + "1.0.0.127.list.example * (no data)", ""},
      // The test entry may have any code, also one that does not count.
      {"rfc5782", Holds::ipv4, "2.0.0.127.list.example A 127.0.0.10\n" + clean, ""},
      {"rfc5782", Holds::ipv4, "* (no name)", no_test},
      {"rfc5782", Holds::ipv4, "2.0.0.127.list.example * (no data)\n" + clean, no_test},
      {"rfc5782", Holds::ipv4, listed + "1.0.0.127.list.example A 127.0.0.2",
       "it lists 1.0.0.127, which no list may (RFC 5782 5)"},
      {"rfc5782", Holds::ipv4, "2.0.0.127.list.example A 192.0.2.1\n1.0.0.127.list.example A 192.0.2.1",
       "it answers 192.0.2.1, which is no code: the list may be gone"},
      {"rfc5782", Holds::ipv4, clean + "2.0.0.127.list.example A 127.255.255.254",
       "it answers the error code 127.255.255.254: it does not serve open or public resolvers"},
      {"rfc5782", Holds::ipv4, clean + "2.0.0.127.list.example A 127.0.0.255",
       "it answers the error code 127.0.0.255: it does not serve us"},
      {"rfc5782", Holds::ipv4, clean + "2.0.0.127.list.example A (failure)", "it does not answer: "},
      {"rfc5782", Holds::ipv4, listed + "1.0.0.127.list.example A (bogus)", "it does not answer: "},
      {"rfc5782", Holds::ipv6, "2" + v6 + ".list.example A 127.0.0.2\n1" + v6 + ".list.example * (no name)",
       ""},
      {"rfc5782", Holds::domains, "test.list.example A 127.0.1.2\ninvalid.list.example * (no name)", ""},
      {"rfc5782", Holds::domains, "* (no name)", "it does not list test, its test entry"},
      {"listed 192.0.2.99, clean 192.0.2.1", Holds::ipv4,
       "99.2.0.192.list.example A 127.0.0.3\n1.2.0.192.list.example * (no name)", ""},
      {"clean Good.Example, listed bad.example", Holds::domains,
       "bad.example.list.example A 127.0.0.3\ngood.example.list.example A 127.0.0.3",
       "it lists good.example, which no list may (RFC 5782 5)"},
      {"none", Holds::ipv4, clean, ""},
      {"none", Holds::ipv4, "1.0.0.127.list.example A 127.0.0.2", ""},
      {"none", Holds::ipv4, "1.0.0.127.list.example A 127.255.255.255",
       "it answers the error code 127.255.255.255: too many questions"},
  };
  for (const auto& c : cases) {
    const auto verdict = examine(list(c.canary), c.holds, c.zone);
    if (c.verdict.ends_with(": ") && !c.verdict.empty()) {
      EXPECT_EQ(verdict.substr(0, c.verdict.size()), c.verdict) << c.zone;
    } else {
      EXPECT_EQ(verdict, c.verdict) << c.zone;
    }
  }
}

TEST(DnsList, has_a_witness_for_each_family_whose_name_holds_no_key) {
  auto options = list("rfc5782");
  options.key = base::Secret("abcd1234efgh5678");
  EXPECT_EQ(DnsList(options, Holds::ipv4).witness()->name, "list.example (IPv4)");
  EXPECT_EQ(DnsList(options, Holds::ipv6).witness()->name, "list.example (IPv6)");
  EXPECT_EQ(DnsList(options, Holds::ipv4).witness()->questions[0].name,
            "1.0.0.127.abcd1234efgh5678.list.example");
  options.key = {};
  options.zone.name = "abcd1234efgh5678.list.example";
  EXPECT_EQ(DnsList(options, Holds::ipv4).witness()->name, "list.example (IPv4)");
}

TEST(DnsList, shows_no_key_when_a_server_repeats_it) {
  auto options = list("rfc5782");
  options.key = base::Secret("abcd1234efgh5678");
  const DnsList keyed(options, Holds::ipv4);
  dns::Answer failure;
  failure.why = "no answer to 1.0.0.127.ABCD1234efgh5678.list.example";
  EXPECT_EQ(keyed.read(failure).why, "it does not answer: no answer to 1.0.0.127.....list.example");
  const std::vector<const dns::Answer*> answers{&failure, &failure};
  EXPECT_EQ(keyed.witness()->judge(answers).find("1234"), std::string::npos);
}

TEST(ListZone, knows_a_key_from_a_name) {
  EXPECT_EQ(ListZone{"abcd1234efgh5678.zen.dq.example"}.key(), "abcd1234efgh5678");
  EXPECT_EQ(ListZone{"zen.spamhaus.org"}.key(), "");
  EXPECT_EQ(ListZone{"b.barracudacentral.org"}.key(), "");
  EXPECT_EQ(ListZone{"averylongwordindeed.example"}.key(), "averylongwordindeed");
  EXPECT_EQ(ListZone{"dnsbl-1.a-long-name.example"}.key(), "");
  EXPECT_EQ(ListZone{"abcd1234efgh5678"}.without_key(), "");
}

}  // namespace
}  // namespace gatepost::checks
