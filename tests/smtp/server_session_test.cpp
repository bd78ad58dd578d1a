// The state machine by itself: what it says, which step it wants, when it counts an error. Whole
// conversations are in tests/transcripts.
#include <gtest/gtest.h>

#include <cstring>

#include "smtp/server_session.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::smtp {
namespace {

struct Host final : ServerHost {
  base::MemoryBudget budget{1 << 30};
  state::ChunkPool pool{budget};
  Extensions offered;
  bool room = true;
  std::vector<std::string> refusals;
  std::vector<TransactionRecord> records;

  Host() {
    offered.add(Extension::pipelining)
        .add(Extension::size)
        .add(Extension::eight_bit_mime)
        .add(Extension::chunking)
        .add(Extension::starttls)
        .add(Extension::enhanced_status_codes);
  }
  Extensions extensions() const override { return offered; }
  bool has_room() const override { return room; }
  state::ChunkPool& chunks() override { return pool; }
  void refused(Stage stage, const Reply& reply, std::string_view subject) override {
    refusals.push_back(std::string(name_of(stage)) + " " + std::string(reply.token()) + " " +
                       std::string(subject));
  }
  void transaction_ended(const TransactionRecord& record) override { records.push_back(record); }
};

struct SessionTest : testing::Test {
  Host host;
  ServerSession::Settings settings{"mx.example.org", "https://help.example", {}};
  std::unique_ptr<ServerSession> session;
  Step step{Action::read};
  std::string rest;

  void restart() {
    tests::FakeRandom random;
    ConnectFacts facts;
    facts.id = base::SessionId::make(random);
    session = std::make_unique<ServerSession>(settings, host, std::move(facts));
    step = session->start();
  }
  void start() {
    restart();
    accept();
    said();
  }
  std::string said() { return std::exchange(session->output(), {}); }
  void accept() {
    while (step.action == Action::consult) step = session->consulted(Decision::accept());
  }
  /// Says a command; everything is accepted.
  std::string say(const std::string& line) {
    feed(line + "\r\n");
    accept();
    return said();
  }
  void feed(std::string input) {
    while (!input.empty()) {
      const auto fed = session->feed(input);
      step = fed.step;
      if (fed.consumed == 0) break;
      input.erase(0, fed.consumed);
      if (step.action != Action::read) break;
    }
    rest = input;
  }
  void body(std::string bytes) {
    while (!bytes.empty() && step.action == Action::body) {
      const auto space = session->body_space();
      const auto take = std::min(space.size(), bytes.size());
      std::memcpy(space.data(), bytes.data(), take);
      bytes.erase(0, take);
      step = session->fed_body(take, rest);
    }
  }
  void mail() {
    say("EHLO client.example");
    say("MAIL FROM:<a@remote.example>");
    say("RCPT TO:<user@example.org>");
  }
};

TEST_F(SessionTest, asks_before_it_greets) {
  ConnectFacts facts;
  session = std::make_unique<ServerSession>(settings, host, facts);
  step = session->start();
  EXPECT_EQ(step.action, Action::consult);
  EXPECT_EQ(step.stage, Stage::connect);
  EXPECT_EQ(said(), "");
  step = session->consulted(Decision::accept());
  EXPECT_EQ(said(), "220 mx.example.org ESMTP Gatepost\r\n");
}

Decision held(Decision decision, int seconds) {
  decision.delay = std::chrono::seconds(seconds);
  return decision;
}

TEST_F(SessionTest, holds_an_answer_back_as_long_as_policy_says) {
  start();
  say("EHLO client.example");
  say("MAIL FROM:<a@remote.example>");
  feed("RCPT TO:<user@example.org>\r\n");
  step = session->consulted(held(Decision::refuse(reply(Say::unknown_recipient, {"user@example.org"})), 5));
  EXPECT_EQ(step.action, Action::pause);
  EXPECT_EQ(step.delay, std::chrono::seconds(5));
  EXPECT_EQ(said(), "");
  step = session->resumed();
  EXPECT_EQ(step.action, Action::read);
  EXPECT_EQ(said().substr(0, 10), "550 5.1.1 ");
  EXPECT_EQ(session->totals().slowed, 0U) << "that counts errors";
}

TEST_F(SessionTest, lists_the_recipient_whose_refusal_ended_the_session) {
  start();
  say("EHLO client.example");
  say("MAIL FROM:<a@remote.example>");
  feed("RCPT TO:<user@example.org>\r\n");
  step = session->consulted(Decision::drop(reply(Say::harvest_stopped, {"203.0.113.9", "1 h"})));
  EXPECT_EQ(step.action, Action::close);
  ASSERT_EQ(host.records.size(), 1U);
  ASSERT_EQ(host.records[0].recipients.size(), 1U);
  EXPECT_EQ(host.records[0].recipients[0].address, "user@example.org");
  EXPECT_EQ(host.records[0].recipients[0].reply.code(), 421);
}

TEST_F(SessionTest, asks_again_if_the_client_talks_while_the_banner_is_held_back) {
  restart();
  step = session->consulted(held(Decision::accept(), 5));
  EXPECT_EQ(step.action, Action::pause);
  EXPECT_TRUE(session->before_banner());
  session->note_early_talk();
  step = session->resumed();
  EXPECT_EQ(step.action, Action::consult);
  EXPECT_EQ(step.stage, Stage::connect);
  EXPECT_EQ(said(), "");
  step = session->consulted(Decision::accept());
  EXPECT_EQ(said().substr(0, 4), "220 ");
  EXPECT_FALSE(session->before_banner());
}

TEST_F(SessionTest, greets_after_a_delay_in_which_the_client_kept_quiet) {
  restart();
  step = session->consulted(held(Decision::accept(), 5));
  step = session->resumed();
  EXPECT_EQ(step.action, Action::read);
  EXPECT_EQ(said().substr(0, 4), "220 ");
}

TEST_F(SessionTest, offers_what_the_host_can_do_and_never_auth) {
  start();
  host.offered.max_size = 1000;
  EXPECT_EQ(say("EHLO client.example"),
            "250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE "
            "1000\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 STARTTLS\r\n");
  EXPECT_EQ(say("HELO client.example"), "250 mx.example.org\r\n");
  host.offered.add(Extension::limits)
      .add(Extension::dsn)
      .remove(Extension::size)
      .remove(Extension::eight_bit_mime)
      .remove(Extension::chunking)
      .remove(Extension::starttls);
  EXPECT_EQ(say("EHLO client.example"),
            "250-mx.example.org\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 LIMITS RCPTMAX=200\r\n")
      << "DSN is off unless configured";
}

TEST_F(SessionTest, wants_commands_in_order) {
  start();
  const std::pair<const char*, const char*> cases[] = {
      {"MAIL FROM:<a@b.example>", "503 5.5.1"},
      {"RCPT TO:<a@b.example>", "503 5.5.1"},
      {"DATA", "503 5.5.1"},
      {"STARTTLS", "503 5.5.1"},
      {"NOOP", "250 2.0.0"},
      {"RSET", "250 2.0.0"},
      {"VRFY x", "252 2.5.0"},
      {"HELP", "214 2.0.0"},
      {"EXPN x", "502 5.5.1"},
      {"TURN", "502 5.5.1"},
      {"AUTH PLAIN x", "502 5.5.1"},
      {"WHAT", "500 5.5.1"},
      {"HELO", "501 5.5.4"},
      {"EHLO client.example", "250-mx.ex"},
      {"RCPT TO:<a@b.example>", "503 5.5.1"},
      {"MAIL FROM:<a@b.example>", "250 2.1.0"},
      {"MAIL FROM:<a@b.example>", "503 5.5.1"},
      {"STARTTLS", "503 5.5.1"},
      {"DATA", "503 5.5.1"},
      {"RCPT TO:<a@b.example>", "250 2.1.5"},
  };
  settings.options.hard_error_limit = 100;
  settings.options.soft_error_limit = 100;
  for (const auto& [line, answer] : cases) EXPECT_EQ(say(line).substr(0, 9), answer) << line;
}

TEST_F(SessionTest, takes_a_message_and_delivers_it) {
  start();
  mail();
  EXPECT_EQ(say("DATA").substr(0, 4), "354 ");
  EXPECT_EQ(step.action, Action::body);
  body("Subject: x\r\n\r\nhello\r\n.\r\nMAIL FROM:<b@remote.example>\r\n");
  accept();
  EXPECT_EQ(step.action, Action::deliver);
  EXPECT_EQ(rest, "MAIL FROM:<b@remote.example>\r\n");
  step = session->delivered({Ending::delivered, reply(Say::delivered, {"ID"})});
  EXPECT_EQ(said(), "250 2.0.0 delivered [ID]\r\n");
  ASSERT_EQ(host.records.size(), 1U);
  EXPECT_EQ(host.records[0].ending, Ending::delivered);
  EXPECT_EQ(host.records[0].size, 21U);
  EXPECT_EQ(say("MAIL FROM:<b@remote.example>"), "250 2.1.0 sender ok\r\n");
}

TEST_F(SessionTest, signs_refusals_and_goes_on) {
  start();
  EXPECT_EQ(say("WHAT"), "500 5.5.1 command not recognised [1000000000] https://help.example\r\n");
  EXPECT_EQ(step.action, Action::read);
  EXPECT_EQ(host.refusals, std::vector<std::string>{"helo protocol.unknown_command WHAT"});
}

TEST_F(SessionTest, refuses_in_place_of_the_banner_with_the_codes_that_there_are) {
  const std::pair<Reply, const char*> refusals[] = {
      {Reply(550, {5, 7, 25}, "test.no", "no"), "554 5.7.25 no [1000000000] https://help.example\r\n"},
      {Reply(451, {4, 7, 1}, "test.later", "later"), "421 4.7.1 later [1000000000]\r\n"}};
  for (const auto& [refusal, text] : refusals) {
    restart();
    step = session->consulted(Decision::refuse(refusal));
    EXPECT_EQ(said(), text);
    EXPECT_EQ(step.action, Action::close);
  }
}

TEST_F(SessionTest, speaks_delayed_policy_at_rcpt_and_ends_the_transaction_at_mail) {
  start();
  say("EHLO client.example");
  feed("MAIL FROM:<bad@remote.example>\r\n");
  EXPECT_EQ(step.stage, Stage::mail);
  step = session->consulted(Decision::refuse(Reply(451, {4, 7, 1}, "test.later", "later")));
  EXPECT_EQ(said(), "451 4.7.1 later [1000000000]\r\n");
  // What a pipelining client has already sent behind it gets the same answer, and is no mistake.
  EXPECT_EQ(say("RCPT TO:<user@example.org>"), "451 4.7.1 later [1000000000]\r\n");
  EXPECT_EQ(say("DATA"), "451 4.7.1 later [1000000000]\r\n");
  EXPECT_EQ(session->totals().errors, 0U);
  EXPECT_EQ(host.records.at(0).ending, Ending::deferred);
  EXPECT_EQ(say("MAIL FROM:<good@remote.example>"), "250 2.1.0 sender ok\r\n");
}

TEST_F(SessionTest, answers_data_after_failed_recipients_by_their_class) {
  start();
  const auto with = [&](std::vector<int> codes) {
    say("RSET");
    say("EHLO client.example");
    say("MAIL FROM:<a@remote.example>");
    for (const int code : codes) {
      feed("RCPT TO:<user@example.org>\r\n");
      step = session->consulted(
          Decision::refuse(Reply(static_cast<std::uint16_t>(code), {5, 1, 1}, "test.no", "no")));
      said();
    }
    return say("DATA").substr(0, 9);
  };
  EXPECT_EQ(with({550, 550}), "554 5.5.1");
  EXPECT_EQ(with({550, 451}), "451 4.5.1");
  EXPECT_EQ(with({}), "503 5.5.1");
}

TEST_F(SessionTest, closes_after_illegal_pipelining_only) {
  for (const std::string group : {"EHLO a\r\nNOOP\r\n", "DATA\r\nX\r\n", "STARTTLS\r\nEHLO x\r\n"}) {
    start();
    if (group[0] != 'E') say("EHLO client.example");
    feed(group);
    EXPECT_EQ(step.action, Action::close) << group;
    EXPECT_EQ(said().substr(0, 9), "554 5.5.0") << group;
  }
  start();
  say("EHLO client.example");
  feed("NOOP\r\nVRFY x\r\nRSET\r\nNOOP\r\n");
  EXPECT_EQ(step.action, Action::read);
}

TEST_F(SessionTest, answers_long_and_odd_lines_and_goes_on) {
  start();
  EXPECT_EQ(say(std::string(5000, 'x')).substr(0, 9), "500 5.5.2");
  feed("NOOP\n");
  EXPECT_EQ(said().substr(0, 9), "500 5.5.2");
  feed("NO\rOP\r\n");
  EXPECT_EQ(said().substr(0, 9), "500 5.5.2");
  feed(std::string("NOOP\0\r\n", 7));
  EXPECT_EQ(said().substr(0, 9), "500 5.5.2");
  EXPECT_EQ(say("NOOP").substr(0, 3), "250");
  EXPECT_EQ(say("NOOP " + std::string(4089, 'x')).substr(0, 3), "250") << "exactly as long as a line may be";
  EXPECT_EQ(say("NOOP " + std::string(4090, 'x')).substr(0, 3), "500");
}

TEST_F(SessionTest, swallows_an_endless_line_without_keeping_it) {
  start();
  for (int i = 0; i < 100; ++i) {
    const auto fed = session->feed(std::string(4096, 'x'));
    EXPECT_EQ(fed.consumed, 4096U);
    EXPECT_EQ(fed.step.action, Action::read);
  }
  EXPECT_EQ(said(), "");
  feed("\r\n");
  EXPECT_EQ(said().substr(0, 3), "500");
}

TEST_F(SessionTest, slows_down_and_then_closes_after_errors) {
  start();
  int paused = 0;
  int errors = 0;
  while (step.action != Action::close) {
    say("WHAT");
    ++errors;
    if (step.action == Action::pause) {
      ++paused;
      EXPECT_EQ(step.delay, base::Millis(1000));
      step = session->resumed();
    }
  }
  EXPECT_EQ(errors, 20);
  EXPECT_EQ(paused, 9);
  EXPECT_EQ(session->totals().slowed, 9U);
  EXPECT_EQ(session->totals().cut_off, CutOff::errors);
}

TEST_F(SessionTest, counts_errors_by_reason_and_knows_where_the_last_one_was) {
  start();
  for (const auto* command : {"WHAT", "WHAT", "RCPT TO:<user@example.org>", "EHLO client.example", "WHAT"})
    say(command);
  const auto& totals = session->totals();
  ASSERT_EQ(totals.errors_by_reason.size(), 2U);
  EXPECT_EQ(totals.errors_by_reason[0].reason, "protocol.unknown_command");
  EXPECT_EQ(totals.errors_by_reason[0].count, 3U);
  EXPECT_EQ(totals.errors_by_reason[1].reason, "protocol.helo_first");
  EXPECT_EQ(totals.errors_by_reason[1].count, 1U);
  EXPECT_EQ(totals.last_error, Stage::helo);
  EXPECT_EQ(totals.slowed, 0U);
  EXPECT_EQ(totals.cut_off, CutOff::no);
}

TEST_F(SessionTest, closes_after_too_many_commands_that_lead_nowhere) {
  start();
  int commands = 0;
  while (step.action != Action::close) {
    say("NOOP");
    ++commands;
  }
  EXPECT_EQ(commands, 101);
  EXPECT_EQ(session->totals().junk, 101U);
  EXPECT_EQ(session->totals().cut_off, CutOff::junk);
}

TEST_F(SessionTest, limits_messages_recipients_and_sizes) {
  settings.options.max_messages = 2;
  settings.options.max_recipients = 1;
  settings.options.max_message_size = {100000};
  start();
  say("EHLO client.example");
  EXPECT_EQ(say("MAIL FROM:<a@remote.example> SIZE=100001").substr(0, 9), "552 5.3.4");
  EXPECT_EQ(say("MAIL FROM:<a@remote.example> SIZE=100000").substr(0, 3), "250");
  EXPECT_EQ(say("RCPT TO:<a@example.org>").substr(0, 3), "250");
  EXPECT_EQ(say("RCPT TO:<b@example.org>").substr(0, 9), "452 4.5.3");
  say("RSET");
  EXPECT_EQ(say("MAIL FROM:<a@remote.example>").substr(0, 9), "421 4.7.0");
  EXPECT_EQ(step.action, Action::close);
}

TEST_F(SessionTest, refuses_a_message_that_grows_too_large_at_its_end) {
  settings.options.max_message_size = {100000};
  start();
  mail();
  say("DATA");
  body(std::string(1000, 'x') + "\r\n\r\n");
  for (int i = 0; i < 120; ++i) body(std::string(998, 'x') + "\r\n");
  EXPECT_EQ(step.action, Action::body);
  EXPECT_EQ(said(), "");
  EXPECT_LE(session->body().memory(), state::ChunkPool::small) << "what will be refused is not kept";
  body(".\r\n");
  EXPECT_EQ(said().substr(0, 9), "552 5.3.4");
  EXPECT_EQ(step.action, Action::read);
}

TEST_F(SessionTest, gives_up_on_a_message_of_twice_the_limit) {
  settings.options.max_message_size = {100000};
  start();
  mail();
  say("DATA");
  for (int i = 0; i < 220 && step.action == Action::body; ++i) body(std::string(998, 'x') + "\r\n");
  EXPECT_EQ(step.action, Action::close);
  EXPECT_EQ(said().substr(0, 9), "552 5.3.4");
}

TEST_F(SessionTest, refuses_bad_content_after_the_whole_message) {
  const std::tuple<std::string, BareNewline, const char*> cases[] = {
      {std::string("a\0b\r\n", 5), BareNewline::normalize, "554 5.6.0"},
      {"a\nb\r\n", BareNewline::reject, "550 5.6.1"},
      {"a\rb\r\n", BareNewline::reject, "550 5.6.1"},
      {[] {
         std::string loop;
         for (int i = 0; i < 51; ++i) loop += "Received: by x\r\n";
         return loop + "\r\n";
       }(),
       BareNewline::normalize, "554 5.4.6"},
      {"X: " + std::string(200000, 'x') + "\r\n\r\n", BareNewline::normalize, "552 5.3.4"},
  };
  for (const auto& [content, mode, answer] : cases) {
    settings.options.bare_newline = mode;
    start();
    mail();
    say("DATA");
    body(content + ".\r\n");
    EXPECT_EQ(said().substr(0, 9), answer) << content.substr(0, 20);
    EXPECT_EQ(step.action, Action::read);
  }
}

TEST_F(SessionTest, takes_chunks) {
  start();
  mail();
  EXPECT_EQ(say("BDAT 5"), "");
  body("ab\r\nc");
  EXPECT_EQ(said(), "250 2.0.0 5 octets received\r\n");
  EXPECT_EQ(say("DATA").substr(0, 9), "503 5.5.1");
  EXPECT_EQ(say("RCPT TO:<late@example.org>").substr(0, 9), "503 5.5.1");
  say("BDAT 3 LAST");
  body("d\r\n");
  accept();
  EXPECT_EQ(step.action, Action::deliver);
  step = session->delivered({Ending::delivered, reply(Say::delivered, {"ID"})});
  EXPECT_EQ(host.records.at(0).size, 8U);
  EXPECT_TRUE(host.records.at(0).bdat);
}

TEST_F(SessionTest, takes_an_empty_last_chunk) {
  start();
  mail();
  say("BDAT 4");
  body("abcd");
  said();
  say("BDAT 0 LAST");
  EXPECT_EQ(step.action, Action::deliver);
}

TEST_F(SessionTest, reads_a_refused_chunk_to_its_end) {
  start();
  say("EHLO client.example");
  feed("BDAT 6 LAST\r\n");
  EXPECT_EQ(step.action, Action::body);
  EXPECT_EQ(session->body_space().size(), 6U);
  body("QUIT\r\n");
  EXPECT_EQ(said().substr(0, 9), "503 5.5.1");
  EXPECT_EQ(step.action, Action::read);
}

TEST_F(SessionTest, reads_the_chunk_of_a_wrong_bdat_and_takes_no_message_without_it) {
  start();
  mail();
  feed("BDAT 3\r\n");
  body("a\r\n");
  EXPECT_EQ(said().substr(0, 3), "250");
  feed("BDAT 6 LOST\r\n");
  body("NOOP\r\n");
  EXPECT_EQ(said().substr(0, 3), "501");
  EXPECT_EQ(step.action, Action::read);
  feed("BDAT 3 LAST\r\n");
  body("b\r\n");
  accept();
  EXPECT_EQ(said().substr(0, 3), "501");
  EXPECT_NE(step.action, Action::deliver);
}

TEST_F(SessionTest, refuses_a_chunk_that_makes_the_message_too_large) {
  settings.options.max_message_size = {100000};
  start();
  mail();
  feed("BDAT 100001\r\n");
  body(std::string(100001, 'x'));
  EXPECT_EQ(said().substr(0, 9), "552 5.3.4");
  EXPECT_EQ(say("BDAT 0 LAST").substr(0, 9), "552 5.3.4") << "the message stays refused";
  mail();
  feed("BDAT 999999999\r\n");
  EXPECT_EQ(step.action, Action::close) << "nobody waits for that much";
}

TEST_F(SessionTest, forgets_all_at_starttls) {
  start();
  say("EHLO client.example");
  say("STARTTLS");
  EXPECT_EQ(step.action, Action::start_tls);
  step = session->tls_started("TLSv1.3", "X", 256);
  EXPECT_EQ(say("MAIL FROM:<a@remote.example>").substr(0, 9), "503 5.5.1");
  EXPECT_EQ(say("EHLO client.example").find("STARTTLS"), std::string::npos);
  EXPECT_EQ(say("STARTTLS").substr(0, 9), "503 5.5.1");
}

TEST_F(SessionTest, drops_a_client_with_a_word) {
  start();
  say("EHLO client.example");
  say("MAIL FROM:<a@remote.example>");
  feed("RCPT TO:<user@example.org>\r\n");
  step = session->consulted(Decision::drop(Reply(550, {5, 7, 1}, "test.drop", "go away")));
  EXPECT_EQ(step.action, Action::close);
  EXPECT_EQ(said(), "550 5.7.1 go away [1000000000] https://help.example\r\n");
  EXPECT_EQ(host.records.at(0).ending, Ending::refused);
}

TEST_F(SessionTest, throws_away_what_is_to_be_discarded) {
  start();
  mail();
  say("DATA");
  body("x\r\n.\r\n");
  step = session->consulted(Decision::accept());
  EXPECT_EQ(step.stage, Stage::message);
  step = session->consulted({Decision::Act::discard, std::nullopt});
  EXPECT_EQ(said(), "250 2.0.0 accepted [1000000000]\r\n");
  EXPECT_EQ(host.records.at(0).ending, Ending::discarded);
}

TEST_F(SessionTest, refuses_mail_while_there_is_no_room) {
  start();
  say("EHLO client.example");
  host.room = false;
  EXPECT_EQ(say("MAIL FROM:<a@remote.example>").substr(0, 9), "452 4.3.1");
  host.room = true;
  EXPECT_EQ(say("MAIL FROM:<a@remote.example>").substr(0, 3), "250");
  say("RCPT TO:<user@example.org>");
  host.room = false;
  EXPECT_EQ(say("DATA").substr(0, 9), "452 4.3.1");
  feed("BDAT 3\r\n");
  body("x\r\n");
  EXPECT_EQ(said().substr(0, 9), "452 4.3.1");
  host.room = true;
  EXPECT_EQ(say("DATA").substr(0, 3), "354");
}

TEST_F(SessionTest, holds_a_client_that_says_helo_to_the_same_limits) {
  host.offered.max_size = 1000;
  host.offered.rcpt_max = 2;
  start();
  say("HELO client.example");
  say("MAIL FROM:<a@remote.example>");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(say("RCPT TO:<user@example.org>").substr(0, 3), "250");
  EXPECT_EQ(say("RCPT TO:<user@example.org>").substr(0, 9), "452 4.5.3");
  say("DATA");
  body(std::string(1500, 'x') + "\r\n.\r\n");
  accept();
  EXPECT_EQ(said().substr(0, 9), "552 5.3.4");
}

TEST_F(SessionTest, takes_a_thousand_refused_recipients_for_mistakes_and_more_for_errors) {
  start();
  say("EHLO client.example");
  say("MAIL FROM:<a@remote.example>");
  int refused = 0;
  while (step.action != Action::close && refused < 2000) {
    feed("RCPT TO:<nobody@example.org>\r\n");
    if (step.action == Action::consult)
      step = session->consulted(Decision::refuse(reply(Say::unknown_recipient, {"nobody@example.org"})));
    if (step.action == Action::pause) step = session->resumed();
    ++refused;
  }
  EXPECT_EQ(refused, 1000 + settings.options.hard_error_limit);
  EXPECT_NE(said().find("\r\n421 "), std::string::npos);
  EXPECT_EQ(host.records.at(0).recipients.size(), 1000U);
  EXPECT_GT(host.records.at(0).recipients_unlisted, 0U);
}

TEST_F(SessionTest, keeps_the_first_mistakes_for_the_record) {
  start();
  say("WHAT");
  say("EHLO client.example");
  say("MAIL FROM:<a@@b>");
  say("MAIL FROM:<a@remote.example>");
  say("RCPT TO:user@example.org>");
  for (int i = 0; i < 9; ++i) say("EXPN x");
  const auto& mistakes = session->totals().mistakes;
  ASSERT_EQ(mistakes.size(), SessionTotals::mistakes_kept);
  EXPECT_EQ(mistakes[0].subject, "WHAT");
  EXPECT_EQ(mistakes[1].reply.code(), 501);
  EXPECT_EQ(mistakes[1].stage, Stage::helo);
  say("RSET");
  EXPECT_EQ(host.records.at(0).recipients.at(0).address, "TO:user@example.org>");
}

TEST_F(SessionTest, tells_other_protocols_where_they_are) {
  for (const std::string line : {"GET / HTTP/1.1", "POST /x HTTP/1.1", "CONNECT www.example:80 HTTP/1.1"}) {
    start();
    EXPECT_EQ(say(line).substr(0, 9), "554 5.5.0") << line;
    EXPECT_EQ(step.action, Action::close);
  }
}

TEST_F(SessionTest, takes_no_proxy_header_from_strangers) {
  start();
  EXPECT_EQ(say("PROXY TCP4 192.0.2.1 192.0.2.2 1 25").substr(0, 9), "554 5.5.0");
  EXPECT_EQ(step.action, Action::close);
  start();
  feed(std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0C", 16));
  EXPECT_EQ(step.action, Action::close);
}

TEST_F(SessionTest, records_what_a_client_gave_up) {
  start();
  mail();
  say("QUIT");
  EXPECT_EQ(step.action, Action::close);
  ASSERT_EQ(host.records.size(), 1U);
  EXPECT_EQ(host.records[0].ending, Ending::aborted);
  EXPECT_EQ(host.records[0].recipients.at(0).address, "user@example.org");
}

TEST_F(SessionTest, records_each_transaction_once_whatever_happens) {
  start();
  mail();
  session->hung_up();
  session->hung_up();
  EXPECT_EQ(host.records.size(), 1U);
  EXPECT_EQ(host.records[0].ending, Ending::vanished);
}

}  // namespace
}  // namespace gatepost::smtp
