#include "mail/header_flaws.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "mail/message_id.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::mail {
namespace {

HeaderContext context() {
  return {tests::FakeClock().wall(), "mx.example.org", false};
}

/// "kind: evidence" of each flaw, a line each.
std::string flaws_of(const std::string& content, const HeaderLimits& limits = {},
                     const HeaderContext& judged = context()) {
  std::string text;
  for (const auto& flaw : header_flaws(HeaderBlock(content), limits, judged))
    text += std::string(name_of(flaw.kind)) + ": " + flaw.evidence + "\n";
  return text;
}

/// A header without flaws, except that fields named in `changes` are replaced by it.
std::string header_with(const std::string& changes) {
  static const std::pair<std::string, std::string> usual[] = {
      {"Received",
       "Received: from a by b.example with ESMTP id 7KQ2M9XA4T; Fri, 20 Nov 2026 22:29:58 +0000\r\n"},
      {"Date", "Date: Fri, 20 Nov 2026 22:29:00 +0000\r\n"},
      {"From", "From: A <a@remote.example>\r\n"},
      {"To", "To: b@example.org\r\n"},
      {"Subject", "Subject: x\r\n"},
      {"Message-ID", "Message-ID: <1@remote.example>\r\n"}};
  const HeaderBlock changed(changes);
  std::string header = changes;
  for (const auto& [name, field] : usual) {
    if (changed.count(name) == 0) header += field;
  }
  return header + "\r\n";
}

struct Case {
  std::string changes;
  std::string flaws;
};

const Case cases[] = {
    {"", ""},
    // Date
    {"Date: Tue, 32 Foo\r\n", "bad_date: Date: Tue, 32 Foo\n"},
    {"Date: \r\n", "bad_date: Date: \n"},
    {"Date: 20 Nov 2026 22:29:00 +0000\r\ndate: x\r\n", "many_dates: 2 Date fields\n"},
    {"Date: 22 Aug 2026 22:31:00 +0000\r\n", ""},
    {"Date: 22 Aug 2026 22:29:00 +0000\r\n", "old_date: Date: 22 Aug 2026 22:29:00 +0000\n"},
    {"Date: 22 Aug 2002 22:29:00 +0000\r\nResent-Date: 20 Nov 2026 22:29:00 +0000\r\n", ""},
    {"Date: 21 Nov 2026 22:29:00 +0000\r\n", ""},
    {"Date: 21 Nov 2026 22:31:00 +0000\r\n", "future_date: Date: 21 Nov 2026 22:31:00 +0000\n"},
    {"Date: 1 Jan 9999 00:00:00 +0000\r\n", "future_date: Date: 1 Jan 9999 00:00:00 +0000\n"},
    // From
    {"From: a@b\r\nFROM : c@d\r\nFrom: e@f\r\n", "many_froms: 3 From fields\n"},
    {"From:\r\n", "no_address: From: \n"},
    {"From: undisclosed:;\r\n", "no_address: From: undisclosed:;\n"},
    {"From: John\r\n Doe\r\n", "no_address: From: John Doe\n"},
    {"From: a@b <c@d>\r\n", "bad_from: From: a@b <c@d>\n"},
    {"From: a@b, c@d\r\n", "many_addresses: 2 addresses, no Sender: From: a@b, c@d\n"},
    {"From: a@b, c@d\r\nSender: c@d\r\n", ""},
    // Message-ID, Subject, To
    {"Message-ID: <a@b>\r\nMessage-Id: <c@d>\r\n", "many_message_ids: 2 Message-ID fields\n"},
    {"Message-ID: a@b\r\n", "bad_message_id: Message-ID: a@b\n"},
    {"Subject: a\r\nSubject: b\r\n", "many_subjects: 2 Subject fields\n"},
    {"To: a@b\r\nTo: c@d\r\n", "many_tos: 2 To fields\n"},
    // The block
    {"Subject: M\xC3\xBCller\r\n", "raw_8bit: UTF-8 without SMTPUTF8: Subject: M\xC3\xBCller\n"},
    {"Comments: \xC3\xBC\r\nSubject: M\xFCller\r\n", "raw_8bit: not UTF-8: Subject: M\\xfcller\n"},
    {"X: y\r\nno field: z\r\n", "stray_line: line 2: no field: z\n"},
    // Received
    {"Received: from x by mx.example.org with ESMTP id 7KQ2M9XA4T; now\r\n",
     "forged_received: by mx.example.org id 7KQ2M9XA4T, which may be one of ours\n"},
    {"Received: from x (by y)\r\n\tBY MX.example.org (Postfix) id 4Zx; now\r\n",
     "forged_received: by mx.example.org id 4Zx, which is not of our form\n"},
    {"Received: by mx.example.org\r\n", "forged_received: by mx.example.org id , which is not of our form\n"},
    {"Received: from mx.example.org by other.example; (by mx.example.org)\r\n", ""},
    {"Received: from x (never closed by mx.example.org\r\n", ""},
};

TEST(HeaderFlaws, are_told_with_what_shows_them) {
  for (const auto& c : cases) EXPECT_EQ(flaws_of(header_with(c.changes)), c.flaws) << c.changes;
}

TEST(HeaderFlaws, say_what_is_missing) {
  EXPECT_EQ(flaws_of("X: y\r\n\r\n"),
            "no_date: no Date field\n"
            "no_from: no From field\n"
            "no_message_id: no Message-ID field\n"
            "no_subject: no Subject field\n"
            "no_to: no To field\n");
}

TEST(HeaderFlaws, let_utf8_pass_where_it_was_announced_and_other_octets_nowhere) {
  auto announced = context();
  announced.smtputf8 = true;
  EXPECT_EQ(flaws_of(header_with("Subject: M\xC3\xBCller\r\n"), {}, announced), "");
  EXPECT_EQ(flaws_of(header_with("Subject: M\xFCller\r\n"), {}, announced),
            "raw_8bit: not UTF-8: Subject: M\\xfcller\n");
}

TEST(HeaderFlaws, see_lines_of_more_than_998_octets) {
  EXPECT_EQ(flaws_of(header_with("X: " + std::string(995, 'x') + "\r\n")), "");
  EXPECT_TRUE(flaws_of(header_with("X: " + std::string(996, 'x') + "\r\n"))
                  .starts_with("long_line: 999 octets in line 1: X: xxx"));
}

TEST(HeaderFlaws, count_fields_against_a_limit) {
  HeaderLimits limits;
  limits.fields = 6;
  EXPECT_EQ(flaws_of(header_with(""), limits), "");
  EXPECT_EQ(flaws_of(header_with("X: y\r\n"), limits), "many_fields: 7 fields\n");
}

TEST(HeaderFlaws, have_a_name_each) {
  auto names = header_flaw_names;
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_FALSE(names.front().empty());
  EXPECT_EQ(name_of(HeaderFlawKind::forged_received), "forged_received");
}

TEST(MessageId, is_taken_as_real_software_writes_it) {
  for (const std::string good : {"<a@b>", " <a@b> ", "(x) <a@b> (y)", "\r\n <a@b>", "<a@[192.0.2.1]>",
                                 "<a..b@c>", "<[x]@c>", "<a@b@c>", "<\"x\"@c>", "<a@b:c>", "<\xC3\xBC@c>"})
    EXPECT_TRUE(is_message_id(good)) << good;
  for (const std::string bad : {"", "a@b", "<a>", "<@b>", "<a@>", "<>", "<a b@c>", "<a@b", "<a@b> <c@d>",
                                "<<a@b>>", "<a@b> x", "<a\r\n @b>", "<a\x01@b>"})
    EXPECT_FALSE(is_message_id(bad)) << bad;
}

TEST(MessageId, is_fit_for_a_log) {
  EXPECT_EQ(printable_message_id(" (x) <a@b> (y)\r\n"), "<a@b>");
  EXPECT_EQ(printable_message_id(" no\r\n\tid\x01 "), "no\\x09id\\x01");
  EXPECT_EQ(printable_message_id("<" + std::string(300, 'a') + "@b>", 10).substr(0, 5), "<aaaa");
  EXPECT_LE(printable_message_id("<" + std::string(300, 'a') + "@b>", 10).size(), 13U);
}

}  // namespace
}  // namespace gatepost::mail
