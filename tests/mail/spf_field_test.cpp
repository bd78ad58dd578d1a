#include <gtest/gtest.h>

#include "mail/spf.hpp"

namespace gatepost::mail {
namespace {

SpfQuestion question() {
  SpfQuestion question;
  question.client = *base::IpAddress::parse("192.0.2.1");
  question.sender = "myname@example.com";
  question.helo = "foo.example.com";
  question.receiver = "mx.example.org";
  return question;
}

SpfAnswer answer(SpfResult result) {
  SpfAnswer answer;
  answer.result = result;
  answer.sender = "myname@example.com";
  return answer;
}

std::string unfolded(std::string field) {
  for (auto at = field.find("\r\n "); at != std::string::npos; at = field.find("\r\n ")) field.erase(at, 2);
  return field;
}

TEST(SpfField, says_who_found_what_and_why) {
  auto a = answer(SpfResult::pass);
  a.mechanism = "ip4:192.0.2.0/24";
  EXPECT_EQ(received_spf_field(question(), a),
            "Received-SPF: pass (mx.example.org: domain of myname@example.com designates\r\n"
            " 192.0.2.1 as permitted sender) client-ip=192.0.2.1;\r\n"
            " envelope-from=\"myname@example.com\"; helo=foo.example.com;\r\n"
            " receiver=mx.example.org; identity=mailfrom; mechanism=\"ip4:192.0.2.0/24\"\r\n");
}

TEST(SpfField, has_words_for_each_result) {
  const std::pair<SpfResult, std::string_view> cases[] = {
      {SpfResult::none,
       "none (mx.example.org: domain of myname@example.com does not designate permitted sender hosts) "},
      {SpfResult::neutral, "neutral (mx.example.org: 192.0.2.1 is neither permitted nor denied by domain of"},
      {SpfResult::fail, "fail (mx.example.org: domain of myname@example.com does not designate 192.0.2.1 as"},
      {SpfResult::softfail, "softfail (mx.example.org: transitioning domain of myname@example.com does not"},
      {SpfResult::temperror, "temperror (mx.example.org: temporary error in processing domain of"},
      {SpfResult::permerror, "permerror (mx.example.org: permanent error in processing domain of"}};
  for (const auto& [result, text] : cases)
    EXPECT_EQ(
        unfolded(received_spf_field(question(), answer(result))).find("Received-SPF: " + std::string(text)),
        0U);
}

TEST(SpfField, names_the_problem_of_an_error_instead_of_a_mechanism) {
  auto a = answer(SpfResult::permerror);
  a.problem = "in the record of example.com: \"moo\" is no mechanism";
  a.mechanism = "-all";
  const auto field = unfolded(received_spf_field(question(), a));
  EXPECT_NE(field.find("; problem=\"in the record of example.com: \\\"moo\\\" is no mechanism\"\r\n"),
            std::string::npos)
      << field;
  EXPECT_EQ(field.find("mechanism="), std::string::npos);
}

TEST(SpfField, quotes_ipv6_clients_and_leaves_the_sender_out_for_helo) {
  auto q = question();
  q.client = *base::IpAddress::parse("2001:db8::1");
  q.identity = SpfIdentity::helo;
  q.receiver.clear();
  const auto field = unfolded(received_spf_field(q, answer(SpfResult::neutral)));
  EXPECT_NE(field.find(") client-ip=\"2001:db8::1\"; helo=foo.example.com; identity=helo\r\n"),
            std::string::npos)
      << field;
}

TEST(SpfField, cannot_be_extended_or_broken_by_what_the_client_says) {
  auto q = question();
  q.helo = "x\r\nX-Evil: yes\r\n\r\n; identity=\"\\";
  auto a = answer(SpfResult::none);
  a.sender = "a) (b\\ \"\xc3\xa9\"" + std::string(100, ' ') + "@example.com";
  const auto field = received_spf_field(q, a);
  for (std::size_t at = 0, end = 0; at < field.size(); at = end + 2) {
    end = field.find("\r\n", at);
    ASSERT_NE(end, std::string::npos);
    const auto line = field.substr(at, end - at);
    EXPECT_NE(line.find_first_not_of(' '), std::string::npos) << "a blank line";
    EXPECT_TRUE(at == 0 || line.starts_with(' ')) << line;
    for (const char c : line) EXPECT_TRUE(c >= ' ' && c <= '~');
  }
  const auto whole = unfolded(field);
  EXPECT_NE(whole.find("helo=\"x??X-Evil: yes????; identity=\\\"\\\\\"; receiver="), std::string::npos)
      << whole;
  EXPECT_NE(whole.find("(mx.example.org: domain of a\\) \\(b\\\\ \"??\""), std::string::npos) << whole;
  EXPECT_NE(whole.find("envelope-from=\"a) (b\\\\ \\\"??\\\"  "), std::string::npos) << whole;
}

}  // namespace
}  // namespace gatepost::mail
