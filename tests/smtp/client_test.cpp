#include <gtest/gtest.h>

#include "smtp/client_session.hpp"

namespace gatepost::smtp {
namespace {

using Action = ClientSession::Action;

TEST(ReplyReader, assembles_replies_from_any_portions) {
  const std::string input = "250-first line\r\n250-SIZE 100\r\n250 last\r\n550 5.1.1 no such user\r\n354\r\n";
  for (std::size_t step = 1; step <= input.size(); ++step) {
    ReplyReader reader;
    std::vector<std::string> replies;
    for (std::size_t at = 0; at < input.size(); at += step) {
      std::string_view piece = std::string_view(input).substr(at, step);
      while (!piece.empty()) {
        const auto fed = reader.feed(piece);
        piece.remove_prefix(fed.consumed);
        ASSERT_NE(fed.status, ReplyReader::Status::malformed);
        if (fed.status == ReplyReader::Status::complete) replies.push_back(reader.reply().line());
      }
    }
    EXPECT_EQ(replies,
              (std::vector<std::string>{"250 first line SIZE 100 last", "550 5.1.1 no such user", "354 "}))
        << step;
  }
}

TEST(ReplyReader, keeps_an_enhanced_code_only_of_the_same_class) {
  ReplyReader reader;
  reader.feed("550 4.1.1 odd\r\n");
  EXPECT_FALSE(reader.reply().enhanced.present());
  EXPECT_EQ(reader.reply().text, "4.1.1 odd");
}

TEST(ReplyReader, refuses_what_is_no_reply) {
  for (const std::string bad :
       {"HTTP/1.1 200\r\n", "99 x\r\n", "25\r\n", "250=x\r\n", "250-a\r\n550 b\r\n", "\r\n", "600 x\r\n"}) {
    ReplyReader reader;
    EXPECT_EQ(reader.feed(bad).status, ReplyReader::Status::malformed) << bad;
  }
  ReplyReader reader;
  EXPECT_EQ(reader.feed(std::string(5000, '2')).status, ReplyReader::Status::malformed);
  ReplyReader endless;
  auto status = ReplyReader::Status::incomplete;
  for (int i = 0; i < 1000 && status == ReplyReader::Status::incomplete; ++i)
    status = endless.feed("250-" + std::string(100, 'x') + "\r\n").status;
  EXPECT_EQ(status, ReplyReader::Status::malformed);
}

struct ClientTest : testing::Test {
  ClientSession session{"mx.example.org", ClientTls::none};
  Envelope envelope;

  ClientTest() {
    envelope.sender = "a@remote.example";
    envelope.size = 1000;
    envelope.recipients = {{"user@example.org", ""}};
  }
  std::string sent() { return std::exchange(session.output(), {}); }
  void make_ready(
      const std::string& ehlo = "250-inside\r\n250-PIPELINING\r\n250-SIZE 5000\r\n250 8BITMIME\r\n") {
    EXPECT_EQ(session.greet(), Action::read);
    EXPECT_EQ(session.feed("220 inside.local ready\r\n"), Action::read);
    EXPECT_EQ(sent(), "EHLO mx.example.org\r\n");
    EXPECT_EQ(session.feed(ehlo), Action::ready);
  }
};

TEST_F(ClientTest, sends_a_message_with_one_recipient_in_one_go) {
  make_ready();
  EXPECT_EQ(session.transact(envelope), Action::read);
  EXPECT_EQ(sent(), "MAIL FROM:<a@remote.example> SIZE=1000\r\nRCPT TO:<user@example.org>\r\nDATA\r\n");
  EXPECT_EQ(session.feed("250 ok\r\n250 ok\r\n"), Action::read);
  EXPECT_EQ(session.feed("354 go\r\n"), Action::body);
  EXPECT_EQ(session.body_sent(), Action::read);
  EXPECT_EQ(session.feed("250 2.0.0 queued\r\n"), Action::done);
  EXPECT_EQ(session.replies().dot->text, "queued");
  session.transact(envelope);
  EXPECT_EQ(sent().substr(0, 4), "MAIL") << "no RSET behind a success";
}

TEST_F(ClientTest, waits_for_all_recipients_before_data) {
  envelope.recipients.push_back({"other@example.org", ""});
  make_ready();
  session.transact(envelope);
  EXPECT_EQ(sent(),
            "MAIL FROM:<a@remote.example> SIZE=1000\r\nRCPT TO:<user@example.org>\r\nRCPT "
            "TO:<other@example.org>\r\n");
  EXPECT_EQ(session.feed("250 ok\r\n250 ok\r\n250 ok\r\n"), Action::read);
  EXPECT_EQ(sent(), "DATA\r\n");
}

TEST_F(ClientTest, sends_no_data_when_a_recipient_is_refused_and_resets_before_the_next_message) {
  envelope.recipients.push_back({"other@example.org", ""});
  make_ready();
  session.transact(envelope);
  sent();
  EXPECT_EQ(session.feed("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n"), Action::done);
  EXPECT_EQ(sent(), "");
  EXPECT_FALSE(session.replies().data);
  EXPECT_EQ(session.transact(envelope), Action::read);
  EXPECT_EQ(sent().substr(0, 11), "RSET\r\nMAIL ");
  EXPECT_EQ(session.feed("250 reset\r\n250 ok\r\n250 ok\r\n250 ok\r\n"), Action::read);
  EXPECT_EQ(sent(), "DATA\r\n");
}

TEST_F(ClientTest, only_asks_about_recipients_and_never_says_data) {
  envelope.ask_only = true;
  for (const auto* ehlo : {"250-inside\r\n250-PIPELINING\r\n250 SIZE 5000\r\n", "250 inside\r\n"}) {
    session = ClientSession("mx.example.org", ClientTls::none);
    make_ready(ehlo);
    session.transact(envelope);
    auto all = sent();
    session.feed("250 ok\r\n");
    all += sent();
    EXPECT_EQ(all, "MAIL FROM:<a@remote.example>\r\nRCPT TO:<user@example.org>\r\n");
    EXPECT_EQ(session.feed("250 ok\r\n"), Action::done);
    EXPECT_EQ(session.replies().rcpts.size(), 1U);
    EXPECT_EQ(sent(), "");
    session.transact(envelope);
    EXPECT_EQ(sent().substr(0, 6), "RSET\r\n");
  }
}

TEST_F(ClientTest, closes_when_the_server_wants_the_message_of_a_refused_recipient) {
  make_ready();
  session.transact(envelope);
  EXPECT_EQ(session.feed("250 ok\r\n550 5.1.1 no\r\n354 go\r\n"), Action::close);
  EXPECT_EQ(session.replies().rcpts.size(), 1U) << "what it said of the recipient still counts";
}

TEST_F(ClientTest, goes_step_by_step_without_pipelining) {
  make_ready("250 inside\r\n");
  session.transact(envelope);
  EXPECT_EQ(sent(), "MAIL FROM:<a@remote.example>\r\n");
  session.feed("250 ok\r\n");
  EXPECT_EQ(sent(), "RCPT TO:<user@example.org>\r\n");
  session.feed("250 ok\r\n");
  EXPECT_EQ(sent(), "DATA\r\n");
  EXPECT_EQ(session.feed("354 go\r\n"), Action::body);
  session.body_sent();
  EXPECT_EQ(session.feed("451 later\r\n"), Action::done);
  session.transact(envelope);
  EXPECT_EQ(sent(), "RSET\r\n");
  session.feed("250 ok\r\n");
  EXPECT_EQ(sent(), "MAIL FROM:<a@remote.example>\r\n");
}

TEST_F(ClientTest, names_what_the_message_needs_and_the_server_lacks) {
  make_ready("250-inside\r\n250 SIZE 500\r\n");
  EXPECT_EQ(missing_capability(envelope, session.extensions()), "SIZE for a message as large");
  envelope.size = 100;
  EXPECT_EQ(missing_capability(envelope, session.extensions()), "");
  envelope.eight_bit = true;
  EXPECT_EQ(missing_capability(envelope, session.extensions()), "8BITMIME");
  envelope.smtputf8 = true;
  EXPECT_EQ(missing_capability(envelope, session.extensions()), "SMTPUTF8");
}

TEST_F(ClientTest, passes_parameters_on_only_where_the_server_knows_them) {
  envelope.eight_bit = true;
  envelope.dsn = " RET=HDRS";
  envelope.recipients[0].dsn = " NOTIFY=NEVER";
  make_ready("250-inside\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 DSN\r\n");
  session.transact(envelope);
  EXPECT_EQ(sent(),
            "MAIL FROM:<a@remote.example> BODY=8BITMIME RET=HDRS\r\nRCPT TO:<user@example.org> "
            "NOTIFY=NEVER\r\nDATA\r\n");
}

TEST_F(ClientTest, falls_back_to_helo) {
  session.greet();
  session.feed("220 old\r\n");
  sent();
  EXPECT_EQ(session.feed("502 what?\r\n"), Action::read);
  EXPECT_EQ(sent(), "HELO mx.example.org\r\n");
  EXPECT_EQ(session.feed("250 hi\r\n"), Action::ready);
}

TEST_F(ClientTest, notices_that_the_server_is_leaving) {
  make_ready();
  session.transact(envelope);
  session.feed("421 4.3.2 going down\r\n");
  EXPECT_TRUE(session.closing());
}

TEST_F(ClientTest, keeps_an_answer_with_a_farewell_behind_it) {
  make_ready();
  session.transact(envelope);
  session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
  session.body_sent();
  EXPECT_EQ(session.feed("250 queued\r\n421 bye\r\n"), Action::done);
  EXPECT_TRUE(session.replies().dot->positive());
  EXPECT_TRUE(session.closing());
}

TEST_F(ClientTest, takes_a_refusal_in_the_middle_of_the_message_as_the_answer) {
  make_ready();
  session.transact(envelope);
  session.feed("250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(session.feed("552 5.3.4 too big\r\n"), Action::done);
  EXPECT_EQ(session.replies().dot->code, 552);
  EXPECT_FALSE(session.reusable());
  sent();
  session.quit();
  EXPECT_EQ(sent(), "") << "it might be taken for content";
}

TEST_F(ClientTest, ends_with_a_sentence_when_the_server_talks_nonsense) {
  session.greet();
  EXPECT_EQ(session.feed("554 go away\r\n"), Action::close);
  EXPECT_EQ(session.failure(), "the server greeted with: 554 go away");
}

TEST(ClientTlsTest, starts_tls_where_it_is_offered_or_required) {
  ClientSession opportunistic("mx.example.org", ClientTls::opportunistic);
  opportunistic.greet();
  opportunistic.feed("220 hi\r\n");
  EXPECT_EQ(opportunistic.feed("250-hi\r\n250 STARTTLS\r\n"), Action::read);
  EXPECT_EQ(opportunistic.output(), "EHLO mx.example.org\r\nSTARTTLS\r\n");
  opportunistic.output().clear();
  EXPECT_EQ(opportunistic.feed("220 go\r\n"), Action::start_tls);
  EXPECT_EQ(opportunistic.tls_started(), Action::read);
  EXPECT_EQ(opportunistic.output(), "EHLO mx.example.org\r\n");
  EXPECT_EQ(opportunistic.feed("250-hi\r\n250 SIZE 7\r\n"), Action::ready);
  EXPECT_EQ(opportunistic.extensions().max_size, 7U) << "what was said in plain text is forgotten";

  ClientSession without("mx.example.org", ClientTls::opportunistic);
  without.greet();
  without.feed("220 hi\r\n");
  EXPECT_EQ(without.feed("250 hi\r\n"), Action::ready);

  ClientSession required("mx.example.org", ClientTls::required);
  required.greet();
  required.feed("220 hi\r\n");
  EXPECT_EQ(required.feed("250 hi\r\n"), Action::close);
}

TEST(ClientTlsTest, does_not_take_plain_text_behind_the_go_ahead) {
  ClientSession session("mx.example.org", ClientTls::required);
  session.greet();
  session.feed("220 hi\r\n");
  session.feed("250-hi\r\n250 STARTTLS\r\n");
  EXPECT_EQ(session.feed("220 go\r\n250-injected\r\n250 AUTH\r\n"), Action::close);
}

}  // namespace
}  // namespace gatepost::smtp
