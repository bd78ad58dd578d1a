// The whole table of what backends' answers mean.
#include <gtest/gtest.h>

#include "core/base/text.hpp"
#include "mail/address.hpp"
#include "relay/outcome.hpp"

namespace gatepost::relay {
namespace {

smtp::BackendReply reply(std::string_view line) {
  smtp::ReplyReader reader;
  reader.feed(std::string(line) + "\r\n");
  return reader.reply();
}

/// "250" or "550 5.1.1 no"; "-": not reached.
struct Case {
  const char* what;
  std::string recipients;  ///< separated by spaces; * marks a suspect
  std::string mail;
  std::string rcpts;  ///< separated by commas
  std::string data;
  std::string dot;
  std::string expected;  ///< verdict and lessons
};

std::string describe(const Outcome& outcome) {
  using Verdict = Outcome::Verdict;
  std::string text;
  switch (outcome.verdict) {
    case Verdict::delivered: text = "delivered"; break;
    case Verdict::passed_on: text = "pass " + std::to_string(outcome.reply.code); break;
    case Verdict::split: text = "split"; break;
    case Verdict::suspects: text = "suspects"; break;
    case Verdict::none: text = "none"; break;
  }
  static constexpr const char* kinds[] = {"cleared", "refused", "address", "once", "suspect", "step-back"};
  for (const auto& lesson : outcome.lessons) {
    text += "; " + std::string(kinds[static_cast<int>(lesson.kind)]) + " " + std::to_string(lesson.recipient);
    if (lesson.group > 0) text += " of " + std::to_string(lesson.group);
  }
  return text;
}

const Case cases[] = {
    {"a message is delivered", "a@x", "250", "250", "354", "250 2.0.0 queued", "delivered; cleared 0"},
    {"... for several", "a@x b@x", "250", "250,250", "354", "250", "delivered; cleared 0; cleared 1"},
    {"2xx other than 250 counts", "a@x", "250", "251", "354", "252", "delivered; cleared 0"},

    {"the sender is refused", "a@x", "550 5.7.1 no", "503,", "503", "-", "pass 550"},
    {"the sender is deferred", "a@x", "452 4.3.1 full", "503,", "-", "-", "pass 452"},
    {"the sender gets nonsense", "a@x", "354", "-", "-", "-", "none"},
    {"nothing was answered", "a@x", "-", "-", "-", "-", "none"},
    {"MAIL only was answered", "a@x", "250", "-", "-", "-", "none"},

    {"the only recipient is refused", "a@x", "250", "550 5.1.1 no", "503", "-", "pass 550; address 0"},
    {"... without an enhanced code", "a@x", "250", "550 no such user", "503", "-", "pass 550"},
    {"... for another reason", "a@x", "250", "550 5.7.1 no", "-", "-", "pass 550"},
    {"... for a while", "a@x", "250", "450 4.2.1 busy", "-", "-", "pass 450"},
    {"all are refused", "a@x b@x", "250", "550 5.1.1 no,550 5.1.10 no", "-", "-",
     "pass 550; address 0; address 1"},
    {"all are deferred", "a@x b@x", "250", "450 4.2.1 a,451 4.2.1 b", "-", "-", "pass 450"},
    {"one is refused", "a@x b@x", "250", "250,550 5.1.1 no", "-", "-", "split; refused 1; address 1"},
    {"one is refused for the sender's sake", "a@x b@x", "250", "550 5.7.1 no,250", "-", "-",
     "split; refused 0"},
    {"one is deferred", "a@x b@x", "250", "250,452 4.2.2 full", "-", "-", "split; once 1"},
    {"one is refused, one deferred, none taken", "a@x b@x", "250", "550 5.1.1 no,450 4.2.1 later", "-", "-",
     "split; refused 0; address 0"},
    {"one each", "a@x b@x c@x", "250", "250,550 5.2.1 off,451 later", "-", "-",
     "split; refused 1; address 1; once 2"},
    {"postmaster is refused", "a@x postmaster@x", "250", "250,550 5.1.1 no", "-", "-", "split; once 1"},
    {"abuse alone is refused", "Abuse@x", "250", "550 5.1.1 no", "-", "-", "pass 550"},
    {"a recipient gets nonsense", "a@x", "250", "354", "-", "-", "none"},
    {"not all were answered", "a@x b@x", "250", "250", "-", "-", "none"},

    {"DATA is refused", "a@x", "250", "250", "554 5.7.1 no", "-", "pass 554"},
    {"DATA is deferred", "a@x", "250", "250", "451 later", "-", "pass 451"},
    {"DATA gets nonsense", "a@x", "250", "250", "250 ok", "-", "none"},
    {"the message is not answered", "a@x", "250", "250", "354", "-", "none"},

    {"the message is refused", "a@x b@x", "250", "250,250", "354", "554 5.7.1 virus", "pass 554"},
    {"... without an enhanced code", "a@x b@x", "250", "250,250", "354", "550 no", "pass 550"},
    {"the message is deferred", "a@x b@x", "250", "250,250", "354", "451 4.3.2 later", "pass 451"},
    {"... and suspects were among them", "a@x *b@x", "250", "250,250", "354", "451 4.3.2 later",
     "pass 451; step-back 1 of 2"},
    {"the only recipient is refused after the dot", "a@x", "250", "250", "354",
     "550 5.1.10 RecipientNotFound", "pass 550; address 0"},
    {"... a suspect", "*a@x", "250", "250", "354", "550 5.1.10 RecipientNotFound",
     "pass 550; refused 0; address 0"},
    {"... postmaster, a suspect", "*postmaster@x", "250", "250", "354", "550 5.1.1 no", "pass 550; once 0"},
    {"one of several is refused after the dot", "a@x b@x c@x", "250", "250,250,250", "354", "550 5.4.1 no",
     "suspects; suspect 0 of 3; suspect 1 of 3; suspect 2 of 3"},
    {"the answer to the message is nonsense", "a@x", "250", "250", "354", "354", "none"},
};

TEST(Outcome, follows_the_table) {
  for (const auto& c : cases) {
    smtp::Envelope envelope;
    std::vector<bool> suspects;
    for (std::string_view rest = c.recipients; !rest.empty();) {
      auto address = base::split_off(rest, ' ');
      suspects.push_back(address.starts_with('*'));
      address = address.substr(suspects.back() ? 1 : 0);
      envelope.recipients.push_back({std::string(address), "", mail::Mailbox::parse(address)->is_role()});
    }
    smtp::TransactionReplies replies;
    if (c.mail != "-") replies.mail = reply(c.mail);
    for (auto rest = c.rcpts == "-" ? std::string_view() : std::string_view(c.rcpts); !rest.empty();)
      replies.rcpts.push_back(reply(base::split_off(rest, ',')));
    if (c.data != "-") replies.data = reply(c.data);
    if (c.dot != "-") replies.dot = reply(c.dot);
    EXPECT_EQ(describe(outcome(envelope, replies, suspects)), c.expected) << c.what;
  }
}

TEST(Outcome, tells_refusals_of_an_address_from_others) {
  for (const auto* about_the_address : {"550 5.1.1 x", "550 5.1.10 x", "550 5.2.1 x", "554 5.4.1 x"})
    EXPECT_TRUE(is_address_refusal(reply(about_the_address)));
  for (const auto* about_something_else :
       {"550 x", "550 5.7.1 x", "550 5.1.8 x", "552 5.2.2 x", "450 4.1.1 x", "250 2.1.1 x"})
    EXPECT_FALSE(is_address_refusal(reply(about_something_else)));
}

}  // namespace
}  // namespace gatepost::relay
