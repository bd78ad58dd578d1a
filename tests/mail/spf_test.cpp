// What the public suite leaves out: limits at their edges, counts, and what is said to people.
#include "mail/spf.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_zone.hpp"

namespace gatepost::mail {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

SpfQuestion question(std::string_view client = "192.0.2.1") {
  SpfQuestion question;
  question.client = *base::IpAddress::parse(client);
  question.sender = "user@example.org";
  question.helo = "helo.example.net";
  return question;
}

struct Checked {
  SpfAnswer answer;
  std::size_t runs = 0;
  std::size_t asked = 0;
};

Checked run(tests::FakeZone& zone, const SpfQuestion& question, bool late) {
  tests::FakeLookup lookup(zone, late);
  for (std::size_t runs = 1; runs < 50; ++runs) {
    if (auto answer = check_spf(question, lookup)) return {std::move(*answer), runs, lookup.asked()};
  }
  ADD_FAILURE() << "never comes to an end";
  return {};
}

/// With answers at once and with late ones, which must be the same. Names that the zone lacks do not exist.
Checked check(std::string_view zone_text, const SpfQuestion& asked = question()) {
  tests::FakeZone zone(zone_text);
  zone.add("* (no name)");
  const auto soon = run(zone, asked, false);
  auto late = run(zone, asked, true);
  EXPECT_EQ(soon.runs, 1U);
  EXPECT_EQ(soon.answer.result, late.answer.result);
  EXPECT_EQ(soon.answer.problem, late.answer.problem);
  EXPECT_EQ(soon.answer.mechanism, late.answer.mechanism);
  EXPECT_EQ(soon.answer.explanation, late.answer.explanation);
  EXPECT_EQ(soon.answer.lookups, late.answer.lookups);
  EXPECT_EQ(soon.answer.void_lookups, late.answer.void_lookups);
  EXPECT_EQ(soon.answer.path, late.answer.path);
  return late;
}

/// The record of example.org, and more of the zone.
SpfAnswer check_record(std::string_view record, std::string_view more = "",
                       const SpfQuestion& asked = question()) {
  return check("example.org TXT \"" + std::string(record) + "\"\n" + std::string(more), asked).answer;
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Spf, keeps_records_apart_however_many_it_has_read) {
  for (const auto* client : {"192.0.2.1", "198.51.100.1"}) {
    for (int i = 0; i < 1500; ++i) {
      const auto record =
          "v=spf1 exp=n" + std::to_string(i) + ".example ip4:192.0.2." + std::to_string(i % 3) + " -all";
      const bool listed = client == std::string_view("192.0.2.1") && i % 3 == 1;
      const auto answer = check_record(record, "", question(client));
      ASSERT_EQ(answer.result, listed ? SpfResult::pass : SpfResult::fail) << record;
    }
  }
}

TEST(Spf, results_of_small_records) {
  struct Case {
    std::string_view record;
    SpfResult result;
    std::string_view mechanism;
  };
  const Case cases[] = {{"v=spf1", SpfResult::neutral, "default"},
                        {"v=spf1 -", SpfResult::permerror, ""},
                        {"v=spf1 --all", SpfResult::permerror, ""},
                        {"v=spf1 ~ALL", SpfResult::softfail, "~ALL"},
                        {"v=spf1 IP4:192.0.2.0/24 -all", SpfResult::pass, "IP4:192.0.2.0/24"},
                        {"v=spf1 ip4:192.0.2.0/31 -all", SpfResult::pass, "ip4:192.0.2.0/31"},
                        {"v=spf1 ip4:192.0.2.0 -all", SpfResult::fail, "-all"},
                        {"v=spf1 ip4:192.0.02.1 -all", SpfResult::permerror, ""},
                        {"v=spf1 ip4:192.0.2.1/ -all", SpfResult::permerror, ""},
                        {"v=spf1 ip4:192.0.2.1/99999999999999999999 -all", SpfResult::permerror, ""},
                        {"v=spf1 ip4:::1 -all", SpfResult::permerror, ""},
                        {"v=spf1 ip6:192.0.2.1 -all", SpfResult::permerror, ""},
                        {"v=spf1 ip6:::/0 -all", SpfResult::fail, "-all"},
                        {"v=spf1 ip6:::ffff:192.0.2.1 -all", SpfResult::fail, "-all"},
                        {"v=spf1 a/ -all", SpfResult::permerror, ""},
                        {"v=spf1 a// -all", SpfResult::permerror, ""},
                        {"v=spf1 a/24/24 -all", SpfResult::permerror, ""},
                        {"v=spf1 a//64/24 -all", SpfResult::permerror, ""},
                        {"v=spf1 a:example.org/024 -all", SpfResult::permerror, ""},
                        {"v=spf1 all=x -all", SpfResult::fail, "-all"},
                        {"v=spf1 -redirect=example.net", SpfResult::permerror, ""},
                        {"v=spf1 x=%{c} all", SpfResult::permerror, ""},
                        {"v=spf1 all\t-all", SpfResult::permerror, ""},
                        {"v=spf1  all  ", SpfResult::pass, "all"}};
  for (const auto& test : cases) {
    const auto answer = check_record(test.record);
    EXPECT_EQ(name_of(answer.result), name_of(test.result)) << test.record;
    EXPECT_EQ(answer.mechanism, test.mechanism) << test.record;
    EXPECT_EQ(answer.problem.empty(), test.result != SpfResult::permerror) << test.record;
  }
}

TEST(Spf, ten_terms_that_need_lookups_are_allowed_and_eleven_are_not) {
  const auto mails = "example.org A 198.51.100.1\n";
  const auto ten = check_record("v=spf1" + repeated(" a", 10) + " -all", mails);
  EXPECT_EQ(ten.result, SpfResult::fail);
  EXPECT_EQ(ten.lookups, 10U);
  const auto eleven = check_record("v=spf1" + repeated(" a", 11) + " -all", mails);
  EXPECT_EQ(eleven.result, SpfResult::permerror);
  EXPECT_EQ(eleven.problem, "more than 10 terms that need DNS lookups (RFC 7208 4.6.4)");
  EXPECT_EQ(check_record("v=spf1" + repeated(" a", 10) + " all a", mails).result, SpfResult::pass);
}

TEST(Spf, includes_of_includes_and_redirects_share_the_limit) {
  const std::string chain = "a.example TXT \"v=spf1" + repeated(" ?a:no.example", 4) +
                            " -all\"\n"
                            "b.example TXT \"v=spf1 include:a.example" +
                            repeated(" a:no.example", 2) +
                            " redirect=c.example\"\n"
                            "no.example A 198.51.100.1\nc.example TXT \"v=spf1 ip4:192.0.2.1\"\n";
  const auto within = check_record("v=spf1 a:no.example include:b.example -all", chain);
  EXPECT_EQ(within.result, SpfResult::pass);
  EXPECT_EQ(within.lookups, 10U);
  EXPECT_EQ(within.mechanism, "include:b.example ip4:192.0.2.1");
  EXPECT_EQ(check_record("v=spf1 a:no.example a:no.example include:b.example -all", chain).result,
            SpfResult::permerror);
}

TEST(Spf, exp_and_macros_do_not_count_as_terms) {
  const auto answer = check_record(
      "v=spf1" + repeated(" exists:%{p}.x.example.org", 2) + repeated(" a", 8) + " -all exp=why.example.org",
      "example.org A 198.51.100.1\nwhy.example.org TXT \"no, %{p}\"\n");
  EXPECT_EQ(answer.result, SpfResult::fail);
  EXPECT_EQ(answer.lookups, 10U);
  EXPECT_EQ(answer.void_lookups, 2U);
  EXPECT_EQ(answer.explanation, "no, unknown");
}

TEST(Spf, two_void_lookups_are_allowed_and_three_are_not) {
  EXPECT_EQ(check_record("v=spf1 a:x.example exists:y.example -all").result, SpfResult::fail);
  const auto third = check_record("v=spf1 a:x.example mx:y.example exists:z.example -all");
  EXPECT_EQ(third.result, SpfResult::permerror);
  EXPECT_EQ(third.problem, "more than 2 terms that look up what does not exist (RFC 7208 4.6.4)");
  EXPECT_EQ(check_record("v=spf1 a:x.example mx:x.example ptr -all").result, SpfResult::permerror);
  // No data is as void as no name: this is a client of the other family.
  EXPECT_EQ(check_record("v=spf1 a a a -all", "example.org A 192.0.2.1\n", question("2001:db8::1")).result,
            SpfResult::permerror);
}

TEST(Spf, hosts_of_an_mx_and_names_that_cannot_be_asked_for_are_no_void_lookups) {
  const auto answer = check_record(
      "v=spf1 mx a:x..example a:y..example a:z..example -all",
      "example.org MX 1 a.example.org\nexample.org MX 2 b.example.org\nexample.org MX 3 c.example.org\n");
  EXPECT_EQ(answer.result, SpfResult::fail);
  EXPECT_EQ(answer.lookups, 4U);
  EXPECT_EQ(answer.void_lookups, 0U);
}

std::string exchanges(int count, std::string_view last_address) {
  std::string zone;
  for (int i = 1; i <= count; ++i) {
    const auto host = "mx" + std::to_string(i) + ".example.org";
    zone += "example.org MX " + std::to_string(i) + " " + host + "\n" + host + " A " +
            (i == count ? std::string(last_address) : "198.51.100.1") + "\n";
  }
  return zone;
}

TEST(Spf, ten_exchanges_are_allowed_and_eleven_are_not) {
  const auto ten = check("example.org TXT \"v=spf1 mx -all\"\n" + exchanges(10, "192.0.2.1"));
  EXPECT_EQ(ten.answer.result, SpfResult::pass);
  EXPECT_EQ(ten.answer.lookups, 1U);
  EXPECT_EQ(ten.runs, 4U) << "all addresses are to be asked for at once";
  const auto eleven = check_record("v=spf1 mx -all", exchanges(11, "198.51.100.1"));
  EXPECT_EQ(eleven.result, SpfResult::permerror);
  EXPECT_EQ(eleven.problem, "example.org has more than 10 MX records (RFC 7208 4.6.4)");
}

TEST(Spf, an_exchange_that_matches_counts_before_one_that_fails_and_not_behind_it) {
  const auto zone = [](std::string_view first, std::string_view second) {
    return "example.org TXT \"v=spf1 mx -all\"\nexample.org MX 1 " + std::string(first) +
           "\nexample.org MX 2 " + std::string(second) +
           "\ngood.example.org A 192.0.2.1\nbad.example.org A (bogus)\n";
  };
  EXPECT_EQ(check(zone("good.example.org", "bad.example.org")).answer.result, SpfResult::pass);
  const auto answer = check(zone("bad.example.org", "good.example.org")).answer;
  EXPECT_EQ(answer.result, SpfResult::temperror);
  EXPECT_EQ(answer.problem, "bad.example.org A: bogus (the zone says so)");
}

TEST(Spf, only_ten_names_of_the_client_are_looked_at) {
  const auto zone = [](int names) {
    std::string text;
    for (int i = 1; i < names; ++i)
      text += "1.2.0.192.in-addr.arpa PTR n" + std::to_string(i) + ".example.net\n";
    return text + "1.2.0.192.in-addr.arpa PTR mail.example.org\nmail.example.org A 192.0.2.1\n";
  };
  EXPECT_EQ(check_record("v=spf1 ptr -all", zone(10)).result, SpfResult::pass);
  EXPECT_EQ(check_record("v=spf1 ptr -all", zone(11)).result, SpfResult::fail);
}

TEST(Spf, names_of_the_client_must_be_of_the_domain_and_lead_back) {
  const auto zone =
      "1.2.0.192.in-addr.arpa PTR mail.notexample.org\n1.2.0.192.in-addr.arpa PTR liar.example.org\n"
      "mail.notexample.org A 192.0.2.1\nliar.example.org A 192.0.2.2\n";
  EXPECT_EQ(check_record("v=spf1 ptr -all", zone).result, SpfResult::fail);
  EXPECT_EQ(check_record("v=spf1 ptr:NotExample.org -all", zone).result, SpfResult::pass);
  EXPECT_EQ(check_record("v=spf1 ptr -all", "1.2.0.192.in-addr.arpa PTR (failure)\n").result,
            SpfResult::fail);
  auto no_helo = question();
  no_helo.helo.clear();
  EXPECT_EQ(check_record("v=spf1 ptr:%{h} -all", zone, no_helo).result, SpfResult::fail);
}

TEST(Spf, the_validated_name_is_preferably_the_domain_itself) {
  const auto zone = [](std::string_view name) {
    return "1.2.0.192.in-addr.arpa PTR other.example\n1.2.0.192.in-addr.arpa PTR mail.example.org\n"
           "1.2.0.192.in-addr.arpa PTR example.org\nother.example A 192.0.2.1\n" +
           std::string(name) + " A 192.0.2.1\n" + "why.example.org TXT \"%{p}\"\n";
  };
  const auto record = "v=spf1 -all exp=why.example.org";
  EXPECT_EQ(check_record(record, zone("example.org")).explanation, "example.org");
  EXPECT_EQ(check_record(record, zone("mail.example.org")).explanation, "mail.example.org");
  EXPECT_EQ(check_record(record, zone("x.example")).explanation, "other.example");
}

TEST(Spf, failures_of_lookups_are_temporary_errors) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"v=spf1 a:x.example -all", "x.example A: temporary failure"},
      {"v=spf1 mx:x.example -all", "x.example MX: temporary failure"},
      {"v=spf1 exists:x.example -all", "x.example A: temporary failure"},
      {"v=spf1 include:x.example -all", "x.example TXT: temporary failure"},
      {"v=spf1 redirect=x.example", "x.example TXT: temporary failure"}};
  for (const auto& [record, problem] : cases) {
    const auto answer = check_record(record, "x.example * (failure)\n");
    EXPECT_EQ(answer.result, SpfResult::temperror) << record;
    EXPECT_EQ(answer.problem, problem);
    EXPECT_EQ(answer.mechanism, "");
  }
  EXPECT_EQ(check("example.org TXT (bogus)\n").answer.problem, "example.org TXT: bogus (the zone says so)");
}

TEST(Spf, problems_are_told_to_people) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"v=spf1 moo -all", "in the record of example.org: \"moo\" is no mechanism"},
      {"v=spf1 a:192.0.2.1",
       "in the record of example.org: \"a:192.0.2.1\" has an address where a domain name must be "
       "(ip4: and ip6: are for addresses)"},
      {"v=spf1 include", "in the record of example.org: \"include\" lacks a domain name"},
      {"v=spf1 a:", "in the record of example.org: \"a:\" lacks a domain name"},
      {"v=spf1 a:example", "in the record of example.org: \"a:example\" has no valid domain name"},
      {"v=spf1 ip4:192.0.2", "in the record of example.org: \"ip4:192.0.2\" has no valid IPv4 address"},
      {"v=spf1 ip4", "in the record of example.org: \"ip4\" lacks an address"},
      {"v=spf1 a/33", "in the record of example.org: \"a/33\" has no valid length of a prefix"},
      {"v=spf1 all/8", "in the record of example.org: \"all/8\" has something behind \"all\""},
      {"v=spf1 exp=a.example exp=b.example",
       "in the record of example.org: \"exp=b.example\" is there twice"},
      {"v=spf1 redirect=", "in the record of example.org: \"redirect=\" has no valid domain name"},
      {"v=spf1 x=%", "in the record of example.org: \"x=%\" has an invalid macro"},
      {"v=spf1 \xc3\xa9",
       "in the record of example.org: there are octets in it that are not printable ASCII"},
      {"v=spf1 include:_spf.example.com", "include:_spf.example.com has no SPF record"},
      {"v=spf1 redirect=_spf.example.com", "redirect=_spf.example.com has no SPF record"},
      {"v=spf1 include:twice.example", "twice.example has more than one SPF record"},
      {"v=spf1 include:..example.com",
       "include:..example.com is no domain name that can have an SPF record"}};
  for (const auto& [record, problem] : cases) {
    const auto answer =
        check_record(record, "twice.example TXT \"v=spf1\"\ntwice.example TXT \"V=SPF1 all\"\n");
    EXPECT_EQ(answer.result, SpfResult::permerror) << record;
    EXPECT_EQ(answer.problem, problem);
  }
  EXPECT_EQ(check("").answer.problem, "example.org has no SPF record");
}

TEST(Spf, the_way_is_told_if_asked_for) {
  auto traced = question();
  traced.trace = true;
  const auto zone =
      "example.org TXT \"v=spf1 a include:b.example ~all\"\nexample.org A 198.51.100.1\n"
      "b.example TXT \"v=spf1 ip4:198.51.100.0/24 redirect=c.example\"\nc.example TXT \"v=spf1 ?all\"\n";
  EXPECT_THAT(check(zone, traced).answer.path,
              ElementsAre("example.org: v=spf1 a include:b.example ~all", "a: no match", "include:b.example",
                          "  b.example: v=spf1 ip4:198.51.100.0/24 redirect=c.example",
                          "  ip4:198.51.100.0/24: no match", "  redirect=c.example",
                          "  c.example: v=spf1 ?all", "  ?all: match, neutral", "include:b.example: no match",
                          "~all: match, softfail", "softfail"));
  EXPECT_TRUE(check(zone).answer.path.empty());
}

TEST(Spf, other_texts_do_not_matter_and_strings_are_joined) {
  const auto zone =
      "example.org TXT \"\xff\xfe\"\nexample.org TXT \"v=spf10 all\"\nexample.org TXT \"v=spf1\" \" "
      "ip4:192.0\" \".2.1 -all\"\n";
  const auto answer = check(zone).answer;
  EXPECT_EQ(answer.result, SpfResult::pass);
  EXPECT_EQ(answer.record, "v=spf1 ip4:192.0.2.1 -all");
  EXPECT_EQ(check_record("v=spf1" + repeated(" ip4:198.51.100.1", 5000) + " -all").result, SpfResult::fail);
}

TEST(Spf, explanations_are_printable_and_only_of_the_domain_that_failed) {
  const auto zone =
      "example.org TXT \"v=spf1 -include:b.example -all exp=%{l}.example.org\"\n"
      "b.example TXT \"v=spf1 all exp=x.example\"\nuser.example.org TXT \"%{s} may not: "
      "http://why.example/?%{S}\"\n"
      "x.example TXT \"wrong\"\n";
  EXPECT_EQ(check(zone).answer.explanation,
            "user@example.org may not: http://why.example/?user%40example.org");
  EXPECT_EQ(check(zone).answer.mechanism, "-include:b.example all");
  auto foreign = question();
  foreign.sender = "\xc3\xa9\r\n@example.org";
  EXPECT_EQ(check_record("v=spf1 -all exp=why.example.org", "why.example.org TXT \"by %{l}\"\n", foreign)
                .explanation,
            "by ????");
}

TEST(Spf, the_domain_comes_from_the_sender_or_from_helo) {
  struct Case {
    SpfIdentity identity;
    std::string_view sender;
    std::string_view helo;
    std::string_view checked;
    SpfResult result;
  };
  const Case cases[] = {
      {SpfIdentity::mail_from, "user@Example.org", "x", "user@Example.org", SpfResult::fail},
      {SpfIdentity::mail_from, "\"a@b\"@example.org", "x", "\"a@b\"@example.org", SpfResult::fail},
      {SpfIdentity::mail_from, "@example.org", "x", "postmaster@example.org", SpfResult::fail},
      {SpfIdentity::mail_from, "example.org", "x", "postmaster@example.org", SpfResult::fail},
      {SpfIdentity::mail_from, "", "example.org", "postmaster@example.org", SpfResult::fail},
      {SpfIdentity::mail_from, "user@example.org.", "x", "user@example.org", SpfResult::fail},
      {SpfIdentity::helo, "user@example.net", "example.org", "postmaster@example.org", SpfResult::fail},
      {SpfIdentity::helo, "", "[192.0.2.1]", "postmaster@[192.0.2.1]", SpfResult::none},
      {SpfIdentity::helo, "", "192.0.2.1", "postmaster@192.0.2.1", SpfResult::none},
      {SpfIdentity::helo, "", "localhost", "postmaster@localhost", SpfResult::none},
      {SpfIdentity::helo, "", "user@example.org", "postmaster@user@example.org", SpfResult::none},
      {SpfIdentity::helo, "",
       "b\xc3\xbc"
       "cher.example",
       "postmaster@xn--bcher-kva.example", SpfResult::none},
      {SpfIdentity::helo, "", "", "postmaster@", SpfResult::none}};
  for (const auto& test : cases) {
    auto asked = question();
    asked.identity = test.identity;
    asked.sender = test.sender;
    asked.helo = test.helo;
    const auto answer = check_record("v=spf1 -all", "", asked);
    EXPECT_EQ(answer.sender, test.checked);
    EXPECT_EQ(name_of(answer.result), name_of(test.result)) << test.checked;
    EXPECT_EQ(answer.domain, answer.result == SpfResult::fail ? "example.org" : answer.domain);
  }
}

TEST(Spf, a_long_chain_ends_after_one_run_more_than_it_has_links) {
  std::string zone = "example.org TXT \"v=spf1 include:1.example.org -all\"\n";
  for (int i = 1; i < 10; ++i)
    zone += std::to_string(i) + ".example.org TXT \"v=spf1 include:" + std::to_string(i + 1) +
            ".example.org -all\"\n";
  const auto checked = check(zone + "10.example.org TXT \"v=spf1 ip4:192.0.2.1 -all\"\n");
  EXPECT_EQ(checked.answer.result, SpfResult::pass);
  EXPECT_EQ(checked.answer.lookups, 10U);
  EXPECT_EQ(checked.runs, 12U);
  EXPECT_EQ(checked.asked, 11U);
  EXPECT_THAT(checked.answer.mechanism, HasSubstr("include:1.example.org include:2.example.org "));
}

TEST(Spf, terms_that_do_not_depend_on_each_other_are_looked_up_side_by_side) {
  const auto checked = check(
      "example.org TXT \"v=spf1 a:a.example.org mx:m.example.org include:i.example.org exists:e.example.org "
      "-all\"\n"
      "a.example.org A 198.51.100.1\nm.example.org MX 1 h.example.org\nh.example.org A 198.51.100.2\n"
      "i.example.org TXT \"v=spf1 a:j.example.org ?all\"\nj.example.org A 198.51.100.3\n");
  EXPECT_EQ(checked.answer.result, SpfResult::fail);
  // The record; its four terms; the host of the MX and the address in the include; the end.
  EXPECT_EQ(checked.runs, 4U);
  EXPECT_EQ(checked.asked, 7U);
}

TEST(Spf, looking_ahead_asks_for_no_more_terms_than_the_limit) {
  std::string zone = "example.org TXT \"v=spf1 " + [] {
    std::string terms;
    for (int i = 0; i < 9; ++i) terms += "include:" + std::to_string(i) + ".example.org ";
    return terms;
  }() + "-all\"\n";
  for (int i = 0; i < 9; ++i) {
    zone += std::to_string(i) + ".example.org TXT \"v=spf1 ";
    for (int j = 0; j < 9; ++j) zone += "include:" + std::to_string(10 * i + j) + ".deep.example.org ";
    zone += "-all\"\n";
  }
  const auto checked = check(zone + "* (no data)\n");
  EXPECT_EQ(checked.answer.result, SpfResult::permerror);
  EXPECT_LE(checked.asked, 25U);
}

}  // namespace
}  // namespace gatepost::mail
