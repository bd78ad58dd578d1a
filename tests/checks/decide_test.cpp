// From findings to a decision: the whole table.
#include <gtest/gtest.h>

#include "checks/decide.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using telemetry::Verdict;

/// "check:stage:verdict[:flags]"; flags: o observe, a absolute, d on_error = defer, x exempt, v veils, a
/// number: the score; of an allow: the checks that it is for, as "for=spf".
Judged judged(std::string_view text) {
  Judged j;
  j.check = base::split_off(text, ':');
  const auto stage = base::split_off(text, ':');
  const auto verdict = base::split_off(text, ':');
  for (std::size_t i = 0; i < smtp::stage_names.size(); ++i) {
    if (smtp::stage_names[i] == stage) j.stage = static_cast<smtp::Stage>(i);
  }
  for (std::size_t i = 0; i < telemetry::verdict_names.size(); ++i) {
    if (telemetry::verdict_names[i] == verdict) j.finding.verdict = static_cast<Verdict>(i);
  }
  if (const auto named = text.find("for="); named != std::string_view::npos) {
    j.finding.exempts.emplace_back(text.substr(named + 4));
    text = text.substr(0, named);
  }
  if (text.find('o') != std::string_view::npos) j.mode = Mode::observe;
  j.exempt = text.find('x') != std::string_view::npos;
  if (text.find('d') != std::string_view::npos) j.on_error = OnError::defer;
  j.absolute = text.find('a') != std::string_view::npos;
  j.finding.veils = text.find('v') != std::string_view::npos;
  if (j.finding.verdict == Verdict::score) j.finding.score = std::stod(std::string(text));
  if (j.finding.verdict == Verdict::reject || j.finding.verdict == Verdict::drop)
    j.finding.reply = smtp::Reply(550, {5, 7, 1}, j.check, std::string(j.check));
  if (j.finding.verdict == Verdict::defer)
    j.finding.reply = smtp::Reply(451, {4, 7, 1}, j.check, std::string(j.check));
  return j;
}

std::string describe(const smtp::Decision& decision) {
  static constexpr const char* acts[] = {"accept", "refuse", "drop", "discard"};
  std::string text = acts[static_cast<int>(decision.act)];
  if (decision.reply)
    text += " " + std::to_string(decision.reply->code()) + " " + std::string(decision.reply->token());
  return text;
}

struct Case {
  std::string findings;  ///< separated by spaces
  std::string expected;
  std::string exempt = {};  ///< if different for an exempt recipient
};

const Case cases[] = {
    {"", "accept"},
    {"a:connect:none", "accept"},
    {"a:connect:annotate", "accept"},
    {"a:connect:reject", "refuse 550 a", "accept"},
    {"a:connect:defer", "refuse 451 a", "accept"},
    {"a:connect:drop", "drop 550 a", "accept"},
    {"a:message:discard", "discard", "accept"},
    // The stronger verdict wins, whatever the order.
    {"a:connect:defer b:rcpt:reject", "refuse 550 b", "accept"},
    {"a:connect:reject b:rcpt:defer", "refuse 550 a", "accept"},
    {"a:connect:reject b:rcpt:drop", "drop 550 b", "accept"},
    {"a:message:discard b:rcpt:defer", "refuse 451 b", "accept"},
    {"a:connect:reject b:helo:reject", "refuse 550 a", "accept"},
    // Relay control and directory come first, but for what veils them; that is policy all the same.
    {"a:rcpt:reject:a b:rcpt:drop", "refuse 550 a", "refuse 550 a"},
    {"a:rcpt:reject:a b:rcpt:drop:v", "drop 550 b", "refuse 550 a"},
    {"a:rcpt:reject:a b:rcpt:defer:v", "refuse 451 b", "refuse 550 a"},
    {"a:rcpt:reject:a b:rcpt:defer:vo", "refuse 550 a", "refuse 550 a"},
    {"a:rcpt:reject:a b:rcpt:defer:vx", "refuse 550 a", "refuse 550 a"},
    // Observed findings do not count.
    {"a:connect:reject:o", "accept"},
    {"a:connect:reject:o b:rcpt:defer", "refuse 451 b", "accept"},
    {"a:connect:score:9:o", "accept"},
    {"a:connect:allow:o b:connect:reject", "refuse 550 b", "accept"},
    // Allow ends policy at its and later stages.
    {"a:connect:allow b:connect:reject", "accept"},
    {"a:connect:allow b:message:reject", "accept"},
    {"a:rcpt:allow b:connect:reject", "refuse 550 b", "accept"},
    {"a:rcpt:allow b:rcpt:score:9", "accept"},
    // An allow for named checks ends those, at all stages, and no others.
    {"a:rcpt:allow:for=spf spf:mail:reject", "accept"},
    {"a:rcpt:allow:for=spf helo:helo:reject spf:mail:reject", "refuse 550 helo", "accept"},
    {"a:connect:allow:ofor=spf spf:mail:reject", "refuse 550 spf", "accept"},
    {"a:connect:allow:for=r r:rcpt:reject:a", "refuse 550 r"},
    // Exempt findings count no more than observed ones.
    {"a:connect:reject:x", "accept"},
    {"a:connect:reject:x b:rcpt:defer", "refuse 451 b", "accept"},
    {"a:connect:score:9:x", "accept"},
    {"a:connect:unknown:xd", "accept"},
    {"a:connect:allow:x b:connect:reject", "refuse 550 b", "accept"},
    // Relay control and the directory stand above allow, exemption and policy.
    {"a:connect:allow r:rcpt:reject:a", "refuse 550 r"},
    {"r:rcpt:reject:a", "refuse 550 r"},
    {"r:rcpt:defer:a b:connect:reject", "refuse 451 r"},
    {"r:rcpt:reject:a b:connect:drop", "refuse 550 r"},
    // What could not be found out is no verdict, unless the check defers then.
    {"a:connect:unknown", "accept"},
    {"a:connect:unknown:d", "refuse 451 check.unavailable", "accept"},
    {"a:connect:unknown:d b:connect:reject", "refuse 550 b", "accept"},
    {"a:connect:unknown:do", "accept"},
    // Scores add up; below all verdicts.
    {"a:connect:score:2.9", "accept"},
    {"a:connect:score:2 b:rcpt:score:1", "refuse 451 policy.score_deferred", "accept"},
    {"a:connect:score:4 b:rcpt:score:2", "refuse 550 policy.score", "accept"},
    {"a:connect:score:9 b:rcpt:score:-7", "accept"},
    {"a:connect:score:9 b:rcpt:defer", "refuse 451 b", "accept"},
    {"a:connect:score:9 b:rcpt:allow", "refuse 550 policy.score", "accept"},
};

TEST(Decide, follows_the_table) {
  PolicyOptions policy;
  policy.defer_score = 3;
  policy.reject_score = 6;
  for (const auto& c : cases) {
    std::vector<Judged> findings;
    for (std::string_view rest = c.findings; !rest.empty();)
      findings.push_back(judged(base::split_off(rest, ' ')));
    EXPECT_EQ(describe(decide(findings, policy, false).decision), c.expected) << c.findings;
    EXPECT_EQ(describe(decide(findings, policy, true).decision), c.exempt.empty() ? c.expected : c.exempt)
        << c.findings << " (exempt)";
  }
}

TEST(Decide, does_not_care_about_the_order_of_findings_of_different_strength) {
  for (const auto* text :
       {"a:connect:defer b:rcpt:reject c:message:discard", "a:connect:drop b:rcpt:reject c:helo:score:9"}) {
    std::vector<Judged> findings;
    for (std::string_view rest = text; !rest.empty();) findings.push_back(judged(base::split_off(rest, ' ')));
    const auto forward = describe(decide(findings, {}, false).decision);
    std::reverse(findings.begin(), findings.end());
    EXPECT_EQ(describe(decide(findings, {}, false).decision), forward) << text;
  }
}

TEST(Decide, names_the_largest_parts_of_a_score) {
  PolicyOptions policy;
  policy.reject_score = 6;
  const std::vector<Judged> findings{judged("dnsbl:connect:score:4"), judged("helo:helo:score:0.2"),
                                     judged("spf:mail:score:2"), judged("rdns:connect:score:1")};
  EXPECT_EQ(decide(findings, policy, false).decision.reply->text(),
            "refused for what several checks found together: 7.2 of 6 (dnsbl 4, spf 2, rdns 1)");
}

TEST(Decide, tags_below_the_thresholds_that_refuse) {
  PolicyOptions policy;
  policy.reject_score = 6;
  policy.tag_score = 3;
  const auto tag = [&policy](std::string_view text) {
    const std::vector<Judged> findings{judged(text)};
    return decide(findings, policy, false).tag;
  };
  EXPECT_EQ(tag("a:connect:score:2.9"), "");
  EXPECT_EQ(tag("a:connect:score:4"), "4 of 3 (a 4)");
  EXPECT_EQ(tag("a:connect:score:7"), "");
  EXPECT_EQ(tag("a:connect:score:4:o"), "");
}

TEST(Decide, says_what_a_check_wants_to_be_said_when_it_cannot_know) {
  auto unknown = judged("a:connect:unknown:d");
  unknown.finding.reply = smtp::reply(smtp::Say::ptr_unavailable, {"203.0.113.9"});
  EXPECT_EQ(decide(std::vector{unknown}, {}, false).decision.reply->token(), "reverse_dns.unavailable");
}

TEST(Decide, knows_no_score_thresholds_by_default) {
  const std::vector<Judged> findings{judged("a:connect:score:1000")};
  EXPECT_EQ(describe(decide(findings, {}, false).decision), "accept");
}

TEST(Policy, exempts_postmaster_abuse_and_whom_it_is_told) {
  PolicyOptions policy;
  policy.exempt_recipients = {"support@example.org", "*@lab.example.org"};
  const std::pair<const char*, bool> recipients[] = {
      {"PostMaster@example.org", true}, {"abuse@example.net", true}, {"support@example.org", true},
      {"support@example.net", false},   {"x@lab.example.org", true}, {"user@example.org", false}};
  for (const auto& [recipient, exempt] : recipients)
    EXPECT_EQ(policy.exempt(*mail::Mailbox::parse(recipient)), exempt) << recipient;
}

}  // namespace
}  // namespace gatepost::checks
