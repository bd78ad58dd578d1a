// What becomes of good and bad events with time, what of a transaction is one, and who makes way for whom.
#include <gtest/gtest.h>

#include "checks/deeds.hpp"
#include "checks/reputation_table.hpp"
#include "smtp/replies.hpp"

namespace gatepost::checks {
namespace {

using smtp::Ending;
using smtp::Say;
using state::Second;

constexpr Second start = state::StateClock::beginning;
constexpr ReputeLimits limits{0.8, 10};

Repute after(int good, int bad, Second now = start) {
  Repute repute;
  for (int i = 0; i < good; ++i) repute.add({1, 0}, now);
  for (int i = 0; i < bad; ++i) repute.add({0, 1}, now);
  return repute;
}

TEST(Repute, is_bad_from_a_share_and_a_number_of_events_on) {
  struct Row {
    int good, bad;
    bool is_bad;
  };
  for (const auto& row : {Row{0, 0, false}, Row{0, 9, false}, Row{0, 10, true}, Row{10, 10, false},
                          Row{10, 30, false}, Row{10, 40, true}, Row{2, 8, true}, Row{3, 8, false}})
    EXPECT_EQ(after(row.good, row.bad).is_bad(limits, start), row.is_bad) << row.good << " " << row.bad;
}

TEST(Repute, fades_by_half_in_each_half_life) {
  const auto repute = after(8, 16);
  EXPECT_FLOAT_EQ(repute.bad(start + Repute::half_life), 8);
  EXPECT_FLOAT_EQ(repute.good(start + 2 * Repute::half_life), 2);
  const auto trusted = after(8, 0);
  EXPECT_FLOAT_EQ(trusted.trust(start + Repute::trust_half_life), 4);
}

TEST(Repute, ends_in_the_very_second_that_it_says) {
  for (const auto& [good, bad] :
       {std::pair{0, 10}, {0, 40}, {1, 12}, {2, 8}, {5, 100}, {0, 1000}, {20, 400}}) {
    const auto repute = after(good, bad);
    ASSERT_TRUE(repute.is_bad(limits, start));
    const auto end = repute.ends(limits, start);
    EXPECT_TRUE(repute.is_bad(limits, end - 1)) << good << " " << bad;
    EXPECT_FALSE(repute.is_bad(limits, end)) << good << " " << bad;
    EXPECT_EQ(repute.ends(limits, start + (end - start) / 2), end) << "asked later";
  }
}

TEST(Repute, is_over_within_four_half_lives_whatever_came) {
  auto repute = after(0, 100000);
  EXPECT_LE(repute.ends(limits, start), start + 4 * Repute::half_life + 1);
  EXPECT_GE(repute.ends(limits, start), start + 4 * Repute::half_life - 60);
}

TEST(Repute, keeps_the_share_of_the_last_events_when_there_are_many) {
  auto repute = after(100000, 0);
  for (int i = 0; i < 100; ++i) repute.add({0, 1}, start);
  EXPECT_FALSE(repute.is_bad(limits, start));
  for (int i = 0; i < 300; ++i) repute.add({0, 1}, start);
  EXPECT_TRUE(repute.is_bad(limits, start)) << "who was good for long is not so for ever";
}

TEST(Repute, gives_those_who_earned_trust_the_benefit_of_the_doubt) {
  const auto now = start + 7 * 86400;
  auto known = after(20, 0);
  auto unknown = Repute{};
  for (int i = 0; i < 12; ++i) {
    known.add({0, 1}, now);
    unknown.add({0, 1}, now);
  }
  EXPECT_TRUE(unknown.is_bad(limits, now));
  EXPECT_FALSE(known.is_bad(limits, now));
  for (int i = 0; i < 12; ++i) known.add({0, 1}, now);
  EXPECT_TRUE(known.is_bad(limits, now));
}

TEST(Repute, knows_the_good_for_weeks) {
  EXPECT_FALSE(after(4, 0).known_good(start));
  EXPECT_TRUE(after(5, 0).known_good(start));
  EXPECT_TRUE(after(20, 0).known_good(start + 50 * 86400));
  EXPECT_FALSE(after(20, 0).known_good(start + 70 * 86400));
  EXPECT_FALSE(after(20, 8).known_good(start)) << "a fifth of it was bad";
  EXPECT_FALSE(after(0, 20).known_good(start));
}

TEST(Repute, counts_places_of_late) {
  Repute network;
  for (const std::uint8_t place : {1, 2, 2, 17}) network.add({0, 1}, start, place);
  network.add({1, 0}, start, 9);
  EXPECT_EQ(network.places(start).bad, 2);
  EXPECT_EQ(network.places(start).all, 3);
  EXPECT_EQ(network.places(start + Repute::half_life).all, 3);
  EXPECT_EQ(network.places(start + 2 * Repute::half_life).all, 0);
}

TEST(Repute, survives_being_written_and_read) {
  auto repute = after(3, 20);
  repute.add({0, 1}, start, 5);
  const auto read = Repute::decode(repute.encode());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->encode(), repute.encode());
  EXPECT_EQ(read->ends(limits, start), repute.ends(limits, start));
  EXPECT_EQ(read->places(start).bad, 1);
}

TEST(Repute, does_not_read_rubbish) {
  const auto sound = after(3, 20).encode();
  ASSERT_TRUE(Repute::decode(sound));
  EXPECT_FALSE(Repute::decode(""));
  EXPECT_FALSE(Repute::decode(sound.substr(0, sound.size() - 1)));
  EXPECT_FALSE(Repute::decode(sound + "x"));
  auto other_version = sound;
  other_version[0] = 2;
  EXPECT_FALSE(Repute::decode(other_version));
  for (const std::string_view sum : {"\xFF\xFF\xFF\x7F", "\0\0\x80\x7F", "\0\0\x80\xBF", "\0\0\x80\x50"}) {
    auto bad = sound;
    bad.replace(1, 4, std::string(sum.data(), 4));  // not a number, infinite, negative, too large
    EXPECT_FALSE(Repute::decode(bad));
  }
}

TEST(Repute, is_believed_nothing_if_it_comes_from_the_future) {
  const auto repute = after(0, 100, start + 86400);
  EXPECT_FALSE(repute.is_bad(limits, start));
  EXPECT_TRUE(after(0, 100, start + 5).is_bad(limits, start)) << "a few seconds are no future";
}

TEST(Repute, says_what_it_is) {
  EXPECT_EQ(after(0, 2).describe(start), "0.0 good and 2.0 bad of late, trust 0.0");
  EXPECT_EQ(after(6, 0).describe(start), "6.0 good and 0.0 bad of late, trust 6.0, known to be good");
  Repute network;
  network.add({0, 1}, start, 3);
  EXPECT_EQ(network.describe(start), "0.0 good and 1.0 bad of late, trust 0.0, bad from 1 of 1 addresses");
}

TEST(Repute, rounds_up_what_is_left) {
  EXPECT_EQ(about(1), "1 min");
  EXPECT_EQ(about(3600), "60 min");
  EXPECT_EQ(about(7201), "2 h");
  EXPECT_EQ(about(7600), "3 h");
}

TEST(Repute, is_forgotten_when_it_means_nothing_any_more) {
  EXPECT_EQ(after(0, 1).expires(), start + 2 * Repute::half_life);
  EXPECT_EQ(after(1, 0).expires(), start + Repute::trust_half_life);
  EXPECT_GT(after(0, 40).expires(), after(0, 40).ends(limits, start));
}

TEST(Reputation, has_one_entry_for_a_64_and_one_for_the_network) {
  Reputation reputation({1, 2}, 1 << 20);
  const auto client = *base::IpAddress::parse("2001:db8:1:2::3");
  reputation.add(client, {0, 1}, start);
  EXPECT_EQ(reputation.of_address(*base::IpAddress::parse("2001:db8:1:2:ffff::9"), start).bad(start), 1);
  EXPECT_EQ(reputation.of_address(*base::IpAddress::parse("2001:db8:1:3::3"), start).bad(start), 0);
  EXPECT_EQ(reputation.of_network(*base::IpAddress::parse("2001:db8:1:3::3"), start).bad(start), 1);
  EXPECT_EQ(client_in_words(client), "2001:db8:1:2::/64");
  EXPECT_EQ(network_in_words(*base::IpAddress::parse("203.0.113.9")), "203.0.113.0/24");
  const auto sender = *mail::Mailbox::parse("A@News.Shop.Example");
  reputation.add(sender, {1, 0}, start);
  EXPECT_EQ(reputation.of_domain(*mail::Mailbox::parse("b@shop.example"), start).good(start), 1);
  EXPECT_EQ(reputation.of_sender(*mail::Mailbox::parse("a@news.shop.example"), start).good(start), 1);
  EXPECT_EQ(
      reputation.of_sender(*mail::Mailbox::parse("prvs=1234abcdef=a@news.shop.example"), start).good(start),
      1);
}

TEST(Reputation, is_not_flushed_by_a_million_strangers_who_did_one_thing) {
  state::Table<Repute> table("reputation", {1, 2}, 2 << 20);
  for (int i = 0; i < 1000; ++i) {
    table.update("old " + std::to_string(i), start, [i](Repute& repute) {
      for (int k = 0; k < 4; ++k) repute.add(i % 2 == 0 ? Deeds{1, 0} : Deeds{0, 1}, start);
    });
  }
  for (int i = 0; i < 1000000; ++i)
    table.update("stranger " + std::to_string(i), start + 3600, [i](Repute& repute) {
      repute.add(i % 2 == 0 ? Deeds{1, 0} : Deeds{0, 1}, start + 3600);
    });
  EXPECT_GT(table.use().evicted, 900000U);
  EXPECT_LE(table.use().bytes, std::size_t{2} << 20);
  int left = 0;
  for (int i = 0; i < 1000; ++i) left += table.find("old " + std::to_string(i), start + 3600) ? 1 : 0;
  EXPECT_EQ(left, 1000);
}

// ---- Deeds

struct DeedsTest : testing::Test {
  smtp::ConnectFacts connect;
  smtp::HeloFacts helo{connect, "client.example", true, false, {}, {}, 0};
  smtp::MailFacts mail{helo, *mail::Mailbox::parse("a@remote.example"), false, {}};
  smtp::TransactionRecord record;

  DeedsTest() { record.ending = Ending::refused; }
  DeedsTest& rcpt(Say say, int times = 1) {
    for (int i = 0; i < times; ++i)
      record.recipients.push_back({"x", smtp::reply(say, {"a", "b", "c", "d"})});
    return *this;
  }
  DeedsTest& ends(Ending ending, std::optional<smtp::Reply> reply = std::nullopt) {
    record.ending = ending;
    record.reply = std::move(reply);
    return *this;
  }
  std::pair<float, float> found(bool already_known = false) {
    const auto deeds = deeds_of(mail, std::exchange(record, {}), already_known);
    return {deeds.good, deeds.bad};
  }
};

using GoodBad = std::pair<float, float>;

TEST_F(DeedsTest, a_delivered_message_is_one_good_deed_however_many_get_it) {
  EXPECT_EQ(rcpt(Say::rcpt_ok).ends(Ending::delivered).found(), GoodBad(1, 0));
  EXPECT_EQ(rcpt(Say::rcpt_ok, 50).ends(Ending::delivered).found(), GoodBad(1, 0));
  EXPECT_EQ(rcpt(Say::rcpt_ok, 9).rcpt(Say::unknown_recipient).ends(Ending::delivered).found(),
            GoodBad(0.9F, 0.1F));
}

TEST_F(DeedsTest, unknown_recipients_count_one_by_one_if_nothing_was_delivered) {
  EXPECT_EQ(rcpt(Say::unknown_recipient).found(), GoodBad(0, 1));
  EXPECT_EQ(rcpt(Say::unknown_recipient, 4).rcpt(Say::rcpt_ok).ends(Ending::aborted).found(), GoodBad(0, 4));
  EXPECT_EQ(rcpt(Say::unknown_recipient, 500).ends(Ending::vanished).found(), GoodBad(0, 10));
}

TEST_F(DeedsTest, unknown_recipients_of_bounces_do_not_count) {
  mail.null_sender = true;
  EXPECT_EQ(rcpt(Say::unknown_recipient).found(), GoodBad(0, 0));
  EXPECT_EQ(rcpt(Say::dnsbl_listed).found(), GoodBad(0, 1));
}

TEST_F(DeedsTest, the_internal_servers_word_counts_where_it_is_about_the_recipient) {
  const auto said = [](std::uint16_t subject, std::uint16_t detail) {
    return smtp::Reply(550, {5, subject, detail}, "relay.refused", "said");
  };
  EXPECT_EQ(rcpt(Say::rcpt_ok).ends(Ending::refused, said(1, 1)).found(), GoodBad(0, 1));
  EXPECT_EQ(rcpt(Say::rcpt_ok).ends(Ending::refused, said(1, 10)).found(), GoodBad(0, 1));
  EXPECT_EQ(rcpt(Say::rcpt_ok).ends(Ending::refused, said(7, 1)).found(), GoodBad(0, 0));
  EXPECT_EQ(rcpt(Say::rcpt_ok).ends(Ending::refused, said(2, 2)).found(), GoodBad(0, 0));
}

TEST_F(DeedsTest, a_refusal_by_checks_is_one_bad_deed_for_all_recipients) {
  EXPECT_EQ(rcpt(Say::dnsbl_listed, 30).found(), GoodBad(0, 1));
  EXPECT_EQ(rcpt(Say::relaying_denied).found(), GoodBad(0, 1));
  EXPECT_EQ(rcpt(Say::rcpt_ok, 3).ends(Ending::refused, smtp::reply(Say::headers_no_from)).found(),
            GoodBad(0, 1));
  EXPECT_EQ(rcpt(Say::rcpt_ok).ends(Ending::discarded).found(), GoodBad(0, 1));
}

TEST_F(DeedsTest, nothing_that_is_for_a_time_or_ours_or_said_by_the_reputation_itself_counts) {
  for (const auto say :
       {Say::directory_unavailable, Say::backend_down, Say::dns_unavailable, Say::overload,
        Say::score_deferred, Say::access_denied, Say::reputation_client, Say::reputation_network,
        Say::reputation_sender_domain, Say::reputation_sender, Say::early_talk, Say::too_many_recipients,
        Say::message_too_big, Say::other_policy, Say::second_bounce_recipient, Say::backend_refused,
        Say::remembered_refusal, Say::too_many_messages}) {
    EXPECT_EQ(rcpt(say).found(), GoodBad(0, 0)) << smtp::text_of(say).token;
    EXPECT_EQ(ends(Ending::refused, smtp::reply(say)).found(), GoodBad(0, 0)) << smtp::text_of(say).token;
  }
  EXPECT_EQ(rcpt(Say::rcpt_ok).ends(Ending::vanished).found(), GoodBad(0, 0));
}

TEST_F(DeedsTest, a_refusal_for_points_counts_unless_the_reputation_gave_some) {
  EXPECT_EQ(rcpt(Say::score_refused).found(false), GoodBad(0, 1));
  EXPECT_EQ(rcpt(Say::score_refused).found(true), GoodBad(0, 0));
  EXPECT_EQ(rcpt(Say::dnsbl_listed).found(true), GoodBad(0, 1)) << "that list is another witness";
}

TEST_F(DeedsTest, a_session_counts_errors_once_and_few_not_at_all) {
  const auto bad = [this](const smtp::SessionTotals& totals) { return deeds_of(connect, totals).bad; };
  smtp::SessionTotals totals;
  totals.errors_by_reason = {{"protocol.unknown_command", 2}};
  EXPECT_EQ(bad(totals), 0);
  totals.errors_by_reason.push_back({"protocol.bad_helo", 13});
  EXPECT_EQ(bad(totals), 1);
  smtp::SessionTotals refused_all_the_time;
  refused_all_the_time.errors_by_reason = {{"reputation.client", 20}};
  refused_all_the_time.cut_off = smtp::CutOff::errors;
  EXPECT_EQ(bad(refused_all_the_time), 0);
  for (const auto say : {Say::auth_not_offered, Say::not_smtp, Say::pipelining}) {
    smtp::SessionTotals grave;
    grave.mistakes.push_back({smtp::Stage::helo, "x", smtp::reply(say)});
    EXPECT_EQ(bad(grave), 1);
  }
}

TEST_F(DeedsTest, a_session_counts_early_talk_and_refusals_before_mail) {
  smtp::SessionTotals totals;
  totals.mistakes.push_back({smtp::Stage::connect, "", smtp::reply(Say::dnsbl_listed)});
  EXPECT_EQ(deeds_of(connect, totals).bad, 1);
  totals.mistakes[0].reply = smtp::reply(Say::overload);
  EXPECT_EQ(deeds_of(connect, totals).bad, 0);
  connect.early_talk = true;
  totals.mistakes[0].reply = smtp::reply(Say::early_talk);
  EXPECT_EQ(deeds_of(connect, totals).bad, 1);
}

}  // namespace
}  // namespace gatepost::checks
