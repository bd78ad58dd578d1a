#include "gateway/callout_judgement.hpp"

#include <gtest/gtest.h>

namespace gatepost::gateway {
namespace {

using checks::CalloutResult;

/// "550 5.1.1 no"; empty: it did not come.
std::optional<smtp::BackendReply> reply(const std::string& text) {
  if (text.empty()) return std::nullopt;
  smtp::ReplyReader reader;
  EXPECT_EQ(reader.feed(text + "\r\n").status, smtp::ReplyReader::Status::complete) << text;
  return reader.reply();
}

smtp::TransactionReplies replies(const std::string& mail, const std::string& rcpt) {
  smtp::TransactionReplies all;
  all.mail = reply(mail);
  if (auto said = reply(rcpt)) all.rcpts.push_back(std::move(*said));
  return all;
}

struct Case {
  const char* mail;
  const char* rcpt;
  const char* made_up;  ///< with + where the address itself is asked about, too
  const char* address;  ///< with ? where it is doubtful
};

const Case cases[] = {
    {"250 ok", "250 2.1.5 ok", "takes_all", "taken"},
    {"250 ok", "251 will forward", "takes_all", "taken"},
    {"250 ok", "550 5.1.1 unknown", "selective+", "refused"},
    {"250 ok", "550 5.1.10 unknown", "selective+", "refused"},
    {"250 ok", "550 5.4.1 access denied", "selective+", "refused"},
    {"250 ok", "550 5.2.1 disabled", "selective+", "refused"},
    {"250 ok", "550 unknown user", "selective+", "refused?"},
    {"250 ok", "553 5.1.3 odd", "selective+", "refused?"},
    {"250 ok", "554 5.0.0 no", "selective+", "refused?"},
    // Policy, full mailboxes, TLS and commands say nothing about the address.
    {"250 ok", "550 5.7.1 blocked", "unknown", "unknown"},
    {"250 ok", "552 5.2.2 full", "unknown", "unknown"},
    {"250 ok", "530 5.7.0 STARTTLS first", "unknown", "unknown"},
    {"250 ok", "502 what?", "unknown", "unknown"},
    {"250 ok", "503 5.5.1 out of order", "unknown", "unknown"},
    // Greylisting, and whatever else passes.
    {"250 ok", "450 4.2.0 greylisted", "unknown+", "unknown"},
    {"250 ok", "421 4.3.2 going down", "unknown+", "unknown"},
    {"250 ok", "354 what", "unknown", "unknown"},
    {"550 5.1.8 no null sender", "503 rcpt?", "sender_refused", "sender_refused"},
    {"501 no", "", "sender_refused", "sender_refused"},
    {"554 5.7.1 your address is on a list", "", "unknown", "unknown"},
    {"451 later", "", "unknown", "unknown"},
    {"250 ok", "", "unknown", "unknown"},
    {"", "", "unknown", "unknown"},
};

TEST(CalloutJudgement, believes_only_what_can_mean_nothing_else) {
  for (const auto& c : cases) {
    const auto said = replies(c.mail, c.rcpt);
    const auto domain = judge_made_up(said);
    EXPECT_EQ(std::string(name_of(domain.answer.result)) + (domain.go_on ? "+" : ""), c.made_up)
        << c.mail << ", " << c.rcpt;
    const auto address = judge_address(said);
    EXPECT_EQ(std::string(name_of(address.answer.result)) + (address.doubtful ? "?" : ""), c.address)
        << c.mail << ", " << c.rcpt;
  }
}

TEST(CalloutJudgement, believes_a_doubtful_refusal_of_a_server_that_takes_postmaster) {
  const auto refusal = judge_address(replies("250 ok", "550 unknown")).answer;
  EXPECT_EQ(judge_doubtful(refusal, replies("250 ok", "250 ok")).result, CalloutResult::refused);
  for (const auto* rcpt : {"550 blocked", "450 later", ""}) {
    const auto judged = judge_doubtful(refusal, replies("250 ok", rcpt));
    EXPECT_EQ(judged.result, CalloutResult::unknown) << rcpt;
    EXPECT_EQ(judged.words, "550 unknown; and postmaster is not taken either");
  }
}

TEST(CalloutJudgement, keeps_the_words_on_one_printable_short_line) {
  const auto judged = judge_address(replies("250 ok", "550-5.1.1 no\x1b[31m\r\n550 5.1.1 such user"));
  EXPECT_EQ(judged.answer.words, "550 5.1.1 no\\x1b[31m such user");
  const auto longer = judge_address(replies("250 ok", "550 5.1.1 " + std::string(3000, 'x')));
  EXPECT_LE(longer.answer.words.size(), checks::CalloutRecord::longest_words);
}

}  // namespace
}  // namespace gatepost::gateway
