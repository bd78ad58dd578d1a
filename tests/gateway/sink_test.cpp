#include <gtest/gtest.h>

#include "gateway/sink.hpp"

namespace gatepost::gateway {
namespace {

TEST(SinkRules, are_read) {
  const auto refusal = parse_refusal("rcpt:bad@*=550 5.1.1 no such user");
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->stage, smtp::Stage::rcpt);
  EXPECT_EQ(refusal->pattern, "bad@*");
  EXPECT_EQ(refusal->refusal->line(), "550 5.1.1 no such user");
  EXPECT_EQ(parse_refusal("message=451 later on")->refusal->line(), "451 later on");
  EXPECT_EQ(parse_delay("helo=30s")->delay, std::chrono::seconds(30));
  EXPECT_TRUE(parse_drop("mail:x@*")->drop);
}

TEST(SinkRules, say_what_is_wrong) {
  EXPECT_EQ(parse_refusal("rctp=550 x").error().message,
            "\"rctp\" is no stage: connect, helo, mail, rcpt, data or message");
  EXPECT_EQ(parse_refusal("rcpt=250 x").error().message, "\"rcpt=250 x\": after = comes a 4xx or 5xx code");
  EXPECT_EQ(parse_delay("rcpt=soon").error().message,
            "\"rcpt=soon\": the delay must be a time like \"30 s\", \"5 min\" or \"250 ms\"");
  EXPECT_FALSE(parse_drop("nowhere"));
}

}  // namespace
}  // namespace gatepost::gateway
