#include <gtest/gtest.h>

#include "smtp/command.hpp"

namespace gatepost::smtp {
namespace {

Extensions everything() {
  Extensions all;
  for (std::size_t i = 0; i < extension_names.size(); ++i) all.add(static_cast<Extension>(i));
  return all;
}

std::string mail_answer(std::string_view argument, const Extensions& offered) {
  const auto parsed = parse_mail(argument, offered);
  return parsed.refusal
             ? std::to_string(parsed.refusal->code()) + " " + parsed.refusal->enhanced().to_string()
             : "ok";
}

std::string rcpt_answer(std::string_view argument, const Extensions& offered, bool smtputf8 = false) {
  const auto parsed = parse_rcpt(argument, offered, smtputf8);
  return parsed.refusal
             ? std::to_string(parsed.refusal->code()) + " " + parsed.refusal->enhanced().to_string()
             : "ok";
}

TEST(CommandLine, is_split_without_case) {
  EXPECT_EQ(split_command("mAiL FROM:<a@b>").verb, Verb::mail);
  EXPECT_EQ(split_command("NOOP").verb, Verb::noop);
  EXPECT_EQ(split_command("NOOP   x  ").argument, "x");
  EXPECT_EQ(split_command("").verb, Verb::unknown);
  EXPECT_EQ(split_command("MAILFROM:<a@b>").verb, Verb::unknown);
  EXPECT_EQ(split_command("EXPN x").verb, Verb::not_offered);
  EXPECT_EQ(split_command("GET / HTTP/1.1").verb, Verb::foreign);
}

TEST(MailCommand, takes_and_refuses_by_what_is_offered) {
  const Extensions all = everything();
  const Extensions none;
  const struct {
    const char* argument;
    const char* offered;
    const char* not_offered;
  } cases[] = {
      {"FROM:<a@b.example>", "ok", "ok"},
      {"from: <a@b.example>", "ok", "ok"},
      {"FROM:<>", "ok", "ok"},
      {"FROM:<> SIZE=1000", "ok", "ok"},
      {"FROM:<a@b.example> BODY=8BITMIME", "ok", "555 5.5.4"},
      {"FROM:<a@b.example> body=7bit", "ok", "555 5.5.4"},
      {"FROM:<a@b.example> BODY=BINARYMIME", "555 5.5.4", "555 5.5.4"},
      {"FROM:<a@b.example> BODY=WHAT", "501 5.5.4", "555 5.5.4"},
      {"FROM:<a@b.example> SMTPUTF8", "ok", "555 5.5.4"},
      {"FROM:<a@b.example> SMTPUTF8=1", "501 5.5.4", "555 5.5.4"},
      {"FROM:<\xC3\xA9@b.example> SMTPUTF8", "ok", "555 5.5.4"},
      {"FROM:<\xC3\xA9@b.example>", "553 5.6.7", "553 5.6.7"},
      {"FROM:<a@b.example> RET=FULL ENVID=abc", "ok", "555 5.5.4"},
      {"FROM:<a@b.example> RET=MAYBE", "501 5.5.4", "555 5.5.4"},
      {"FROM:<a@b.example> AUTH=<>", "555 5.5.4", "555 5.5.4"},
      {"FROM:<a@b.example> SIZE=x", "501 5.5.4", "501 5.5.4"},
      {"FROM:<a@b.example> SIZE=", "501 5.5.4", "501 5.5.4"},
      {"FROM:<a@b.example> SIZE=1 SIZE=2", "501 5.5.4", "501 5.5.4"},
      {"FROM:<a@b.example>SIZE=1", "501 5.1.7", "501 5.1.7"},
      {"FROM:", "501 5.1.7", "501 5.1.7"},
      {"FROM:<a>", "501 5.1.7", "501 5.1.7"},
      {"LALA: <>", "501 5.5.4", "501 5.5.4"},
      {"", "501 5.5.4", "501 5.5.4"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(mail_answer(c.argument, all), c.offered) << c.argument;
    EXPECT_EQ(mail_answer(c.argument, none), c.not_offered) << c.argument;
  }
}

TEST(MailCommand, keeps_dsn_parameters_for_the_backend) {
  EXPECT_EQ(parse_mail("FROM:<a@b.example> ret=hdrs SIZE=5 ENVID=x+20y", everything()).value.parameters.dsn,
            " RET=hdrs ENVID=x+20y");
}

TEST(RcptCommand, takes_and_refuses) {
  const Extensions all = everything();
  const Extensions none;
  EXPECT_EQ(rcpt_answer("TO:<a@b.example>", none), "ok");
  EXPECT_EQ(rcpt_answer("TO: a@b.example", none), "ok");
  EXPECT_EQ(rcpt_answer("TO:<postmaster>", none), "ok");
  EXPECT_EQ(rcpt_answer("TO:<>", none), "501 5.1.3");
  EXPECT_EQ(rcpt_answer("TO:<a@xn--->", none), "501 5.1.3");
  EXPECT_EQ(rcpt_answer("TO:<a@b.example> NOTIFY=NEVER", none), "555 5.5.4");
  EXPECT_EQ(rcpt_answer("TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b.example", all), "ok");
  EXPECT_EQ(rcpt_answer("TO:<a@b.example> NOTIFY=NEVER,DELAY", all), "501 5.5.4");
  EXPECT_EQ(rcpt_answer("TO:<a@b.example> NOTIFY=SUCCESS,", all), "501 5.5.4");
  EXPECT_EQ(rcpt_answer("TO:<a@b.example> NOTIFY=DELAY NOTIFY=DELAY", all), "501 5.5.4");
  EXPECT_EQ(rcpt_answer("TO:<a@b.example> ORCPT=a@b", all), "501 5.5.4");
  EXPECT_EQ(rcpt_answer("TO:<henry\xE2\x85\xA3@b.example>", all), "553 5.6.7");
  EXPECT_EQ(rcpt_answer("TO:<henry\xE2\x85\xA3@b.example>", all, true), "ok");
}

TEST(BdatCommand, is_read_strictly) {
  EXPECT_EQ(parse_bdat("100").value.size, 100U);
  EXPECT_FALSE(parse_bdat("100").value.last);
  EXPECT_TRUE(parse_bdat("0 last").value.last);
  for (const auto* bad :
       {"", "x", "-1", "100 FIRST", "100LAST", "99999999999999999999", "18446744073709551615"})
    EXPECT_TRUE(parse_bdat(bad).refusal) << bad;
}

TEST(Helo, wants_a_name) {
  for (const auto* good : {"client.example", "[192.0.2.1]", "under_score", "name with more"})
    EXPECT_TRUE(valid_helo(good)) << good;
  for (const auto* bad : {"", " ",
                          "b\xC3\xBC"
                          "cher",
                          "a\x01"})
    EXPECT_FALSE(valid_helo(bad)) << bad;
}

}  // namespace
}  // namespace gatepost::smtp
