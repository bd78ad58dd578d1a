// How rules are written, and what findings they make.
#include <gtest/gtest.h>

#include "checks/rule.hpp"

namespace gatepost::checks {
namespace {

using Form = base::TextForm<Rule>;
using telemetry::Verdict;

TEST(Rule, is_read_and_written_as_text) {
  const std::pair<const char*, Rule> rules[] = {
      {"reject", Rule::reject()},
      {"defer", Rule::defer()},
      {"note", Rule::note()},
      {"off", Rule::off()},
      {"score 2.5", Rule::points(2.5)},
      {"score -3", Rule::points(-3)},
      {"enforce reject", Rule::reject().enforced()},
      {"observe score 1", Rule::points(1).observed()},
  };
  for (const auto& [text, rule] : rules) {
    Rule read;
    EXPECT_EQ(Form::parse(text, read), "") << text;
    EXPECT_EQ(read, rule) << text;
    EXPECT_EQ(Form::print(rule), text);
  }
}

TEST(Rule, forgives_spaces) {
  Rule read;
  EXPECT_EQ(Form::parse("  enforce   score  2 ", read), "");
  EXPECT_EQ(read, Rule::points(2).enforced());
}

TEST(Rule, refuses_what_it_does_not_understand_and_keeps_what_it_was) {
  for (const auto* text : {"", "drop", "score", "score x", "score 1e9", "score 1 2", "enforce", "observeoff",
                           "reject now", "enforce observe reject", "score nan"}) {
    Rule rule = Rule::points(7);
    EXPECT_NE(Form::parse(text, rule), "") << text;
    EXPECT_EQ(rule, Rule::points(7)) << text;
  }
}

TEST(Rule, makes_a_refusal_into_a_deferral_with_the_same_words) {
  const auto hard = finding_of(Rule::reject(), smtp::Say::ptr_none, {"203.0.113.9"}, "no PTR");
  const auto soft = finding_of(Rule::defer(), smtp::Say::ptr_none, {"203.0.113.9"}, "no PTR");
  EXPECT_EQ(hard.reply->line().substr(0, 10), "550 5.7.25");
  EXPECT_EQ(soft.reply->line().substr(0, 10), "451 4.7.25");
  EXPECT_EQ(soft.reply->text(), hard.reply->text());
  EXPECT_EQ(soft.reason, hard.reason);
  EXPECT_FALSE(finding_of(Rule::points(1), smtp::Say::ptr_none, {"x"}, "").reply);
}

}  // namespace
}  // namespace gatepost::checks
