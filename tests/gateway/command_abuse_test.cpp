#include "gateway/command_abuse.hpp"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using telemetry::Verdict;

smtp::SessionTotals twelve_errors() {
  smtp::SessionTotals totals;
  totals.errors = 12;
  totals.errors_by_reason = {{"protocol.bad_helo", 5}, {"protocol.unknown_command", 7}};
  totals.last_error = smtp::Stage::mail;
  return totals;
}

TEST(CommandAbuse, is_no_finding_while_the_client_was_not_slowed) {
  EXPECT_FALSE(command_abuse({}));
  EXPECT_FALSE(command_abuse(twelve_errors()));
}

TEST(CommandAbuse, is_a_note_where_the_client_was_slowed) {
  auto totals = twelve_errors();
  totals.slowed = 2;
  const auto finding = command_abuse(totals);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->check, "protocol");
  EXPECT_EQ(finding->stage, smtp::Stage::mail);
  EXPECT_EQ(finding->verdict, Verdict::annotate);
  EXPECT_EQ(finding->weight, telemetry::Weight::enforced);
  EXPECT_EQ(finding->reason, "protocol.slowed");
  EXPECT_EQ(finding->evidence, "12 errors: 7 protocol.unknown_command, 5 protocol.bad_helo; 2 answered late");
}

TEST(CommandAbuse, is_a_drop_where_the_session_was_ended_for_its_errors) {
  auto totals = twelve_errors();
  totals.slowed = 2;
  totals.cut_off = smtp::CutOff::errors;
  const auto finding = command_abuse(totals);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->verdict, Verdict::drop);
  EXPECT_EQ(finding->reason, "limit.errors");
  EXPECT_EQ(finding->evidence, "12 errors: 7 protocol.unknown_command, 5 protocol.bad_helo; 2 answered late");
}

TEST(CommandAbuse, names_commands_that_lead_to_no_message) {
  smtp::SessionTotals totals;
  totals.junk = 101;
  totals.cut_off = smtp::CutOff::junk;
  const auto finding = command_abuse(totals);
  ASSERT_TRUE(finding);
  EXPECT_EQ(finding->verdict, Verdict::drop);
  EXPECT_EQ(finding->reason, "limit.errors");
  EXPECT_EQ(finding->evidence, "101 commands that lead to no message: RSET, NOOP, VRFY, HELP, HELO");
}

}  // namespace
}  // namespace gatepost::gateway
