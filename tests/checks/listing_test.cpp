#include "checks/listing.hpp"

#include <gtest/gtest.h>

namespace gatepost::checks {
namespace {

using telemetry::Verdict;

const Subject client{"9.113.0.203", "203.0.113.9"};
const ListingWords words{smtp::Say::dnsbl_listed, "dnsbl.below_threshold", "dnsbl.no_answer",
                         "dnsbl.list_error", "203.0.113.9"};

DnsList list(const std::string& zone, const std::string& url = {}) {
  ListOptions options;
  options.zone.name = zone;
  options.url = url;
  return DnsList(options, Holds::ipv4);
}

Listings::Said listed(const DnsList& list, double weight) {
  return {&list, {Reading::Kind::listed, *base::IpAddress::parse("127.0.0.2"), weight, "", {}}, ""};
}

std::vector<std::string> rests_on(const Finding& finding) {
  std::vector<std::string> names;
  for (const auto& witness : finding.rests_on) names.push_back(witness->name);
  return names;
}

TEST(Listings, rest_on_the_lists_that_speak_against_the_client) {
  const auto a = list("a.example");
  const auto b = list("b.example");
  const auto good = list("good.example");
  Listings all;
  all.listed = {listed(a, 3), listed(b, 2), listed(good, -1)};
  all.sum = all.lowest = all.highest = 4;

  const auto refused = judge(all, {4, Rule::reject()}, client, words);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].verdict, Verdict::reject);
  EXPECT_EQ(rests_on(refused[0]), (std::vector<std::string>{"a.example (IPv4)", "b.example (IPv4)"}));

  const auto scored = judge(all, {9, Rule::points(2)}, client, words);
  ASSERT_EQ(scored.size(), 1U);
  EXPECT_EQ(scored[0].score, 8);
  EXPECT_EQ(rests_on(scored[0]).size(), 2U);

  const auto noted = judge(all, {5, Rule::reject()}, client, words);
  ASSERT_EQ(noted.size(), 1U);
  EXPECT_EQ(noted[0].verdict, Verdict::annotate);
  EXPECT_EQ(rests_on(noted[0]).size(), 0U);

  EXPECT_TRUE(judge(all, {4, Rule::off()}, client, words).empty());
}

TEST(Listings, are_named_to_the_sender_as_far_as_there_is_room) {
  const auto a = list("a.example", "https://a.example/?q={ip}&about=" + std::string(120, 'a'));
  const auto b = list("b.example", "https://b.example/?q={ip}&about=" + std::string(200, 'b'));
  Listings all;
  all.listed = {listed(a, 3), listed(b, 2)};
  all.sum = all.lowest = all.highest = 5;
  const auto findings = judge(all, {1, Rule::reject()}, client, words);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].reply->text(),
            "<203.0.113.9> is on a.example (127.0.0.2): https://a.example/"
            "?q=203.0.113.9&about=" +
                std::string(120, 'a'));
  EXPECT_NE(findings[0].evidence.find("b.example 127.0.0.2 (weight 2)"), std::string::npos);
}

}  // namespace
}  // namespace gatepost::checks
