// Deliveries against fake backends that misbehave at each step.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>

#include "relay/delivery.hpp"
#include "tests/support/fake_backend.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/naive_data.hpp"

namespace gatepost::relay {
namespace {

using tests::FakeBackend;

/// Keeps what is spilled in memory.
struct NoSpill final : state::SpillStore {
  void write(std::shared_ptr<state::SpillFile>, std::vector<iovec>, std::uint64_t, net::Executor,
             Written) override {}
  void read(std::shared_ptr<state::SpillFile>, std::span<char>, std::uint64_t, net::Executor, Read) override {
  }
};

struct DeliveryTest : testing::Test {
  net::asio::io_context io;
  tests::FakeClock clock;
  base::MemoryBudget budget{1 << 30};
  state::ChunkPool chunks{budget};
  NoSpill spill;
  tests::FakeConnector connector{io};
  Pool pool{io, connector, clock, "mx.example.org"};
  RelayOptions options;
  Route route;
  smtp::Envelope envelope;
  state::Body body{chunks, state::Body::Form::stuffed};
  std::vector<bool> suspects;
  net::Deadline deadline;
  bool client_gone = false;
  FakeBackend& first = connector.backends["a:25"];
  FakeBackend& second = connector.backends["b:25"];

  DeliveryTest() {
    route.name = "inside";
    route.options.tls = TlsMode::none;
    for (const auto* host : {"a", "b"})
      route.servers.push_back(std::make_shared<Server>(HostPort{host, 25}, 18));
    envelope.sender = "s@remote";
    envelope.recipients = {{"r@x", ""}};
    body.append("Subject: x\r\n\r\nhello\r\n");
  }

  /// `then` runs when nothing more happens by itself; false: time goes on until the delivery gives up.
  Delivery deliver(std::function<bool()> then = [] { return false; }) {
    Deliverer deliverer(io, pool, spill, clock, options);
    const Message message{route, envelope, body, "Received: by us\r\n", suspects, "ID"};
    std::optional<Delivery> result;
    deadline.clear();
    auto run = [&]() -> net::Task<void> {
      ClientGone gone = [this] { return client_gone; };
      auto delivered = co_await deliverer.deliver(message, deadline, std::move(gone));
      result = std::move(delivered);
    };
    auto finished = [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    };
    net::asio::co_spawn(io, run(), finished);
    while (!result) {
      io.restart();
      if (io.poll() > 0 || then()) continue;
      clock.advance(std::chrono::seconds(1));
      deadline.check(clock.now());
    }
    return std::move(*result);
  }
  static std::string line(const Delivery& delivery) { return delivery.answer.reply.line(); }
};

TEST_F(DeliveryTest, hands_the_message_on_with_what_is_put_in_front) {
  const auto delivery = deliver();
  EXPECT_EQ(line(delivery), "250 2.0.0 delivered [ID]");
  EXPECT_EQ(delivery.server, "a:25");
  EXPECT_EQ(delivery.server_reply, "250 2.0.0 queued");
  ASSERT_EQ(first.delivered.size(), 1U);
  EXPECT_EQ(first.delivered[0].content, "Received: by us\r\nSubject: x\r\n\r\nhello\r\n");
  EXPECT_EQ(first.delivered[0].sender, "s@remote");
}

TEST_F(DeliveryTest, uses_a_connection_again) {
  for (int i = 0; i < 3; ++i) deliver();
  EXPECT_EQ(first.connections, 1U);
  EXPECT_EQ(first.delivered.size(), 3U);
}

TEST_F(DeliveryTest, opens_a_new_connection_when_an_idle_one_turns_out_to_be_dead) {
  deliver();
  first.peers[0]->end();
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  first.peers[1]->break_off();
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  deliver();
  first.peers[2]->send("421 4.4.2 idle for too long\r\n");
  first.peers[2]->end();
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  EXPECT_EQ(first.delivered.size(), 5U);
  EXPECT_EQ(second.connections, 0U);
}

TEST_F(DeliveryTest, does_not_use_a_connection_that_is_old_or_has_been_idle_for_long) {
  deliver();
  clock.advance(route.options.idle_timeout);
  pool.sweep(clock.now());
  deliver();
  EXPECT_EQ(first.connections, 2U);
  for (int i = 0; i < 9; ++i) {
    clock.advance(std::chrono::seconds(59));
    pool.sweep(clock.now());
    deliver();
  }
  EXPECT_EQ(first.connections, 3U) << "retired at max_age, though never idle for long";
}

struct Trouble {
  const char* what;
  std::function<void(FakeBackend&)> make;
};

const std::string& stall = *new std::string(FakeBackend::stall);
const std::string& hang_up = *new std::string(FakeBackend::hang_up);

std::function<void(FakeBackend&)> at(const std::string& command, const std::string& reply) {
  return [command, reply](FakeBackend& backend) {
    backend.answer = [command, reply](const std::string& line) {
      return line.starts_with(command) ? reply : std::string();
    };
  };
}

/// Before the dot all of these mean: the next server.
const Trouble troubles[] = {
    {"refuses connections", [](FakeBackend& b) { b.refuses_connections = true; }},
    {"greets with 554", [](FakeBackend& b) { b.banner = "554 go away"; }},
    {"greets with 421", [](FakeBackend& b) { b.banner = "421 busy"; }},
    {"greets with nonsense", [](FakeBackend& b) { b.banner = "HTTP/1.1 400 Bad Request"; }},
    {"never greets", [](FakeBackend& b) { b.banner = stall; }},
    {"closes at once", [](FakeBackend& b) { b.banner = hang_up; }},
    {"stalls at EHLO", at("EHLO", stall)},
    {"closes at EHLO", at("EHLO", hang_up)},
    {"leaves at EHLO", at("EHLO", "421 leaving")},
    {"leaves at MAIL", at("MAIL", "421 leaving")},
    {"closes at MAIL", at("MAIL", hang_up)},
    {"leaves at RCPT", at("RCPT", "421 leaving")},
    {"closes at RCPT", at("RCPT", hang_up)},
    {"talks nonsense at RCPT", at("RCPT", "what?")},
    {"closes at DATA", at("DATA", hang_up)},
    {"leaves at DATA", at("DATA", "421 leaving")},
    {"takes DATA for a NOOP", at("DATA", "250 ok")},
};

TEST_F(DeliveryTest, takes_no_goodbye_for_an_answer) {
  const char* goodbyes[] = {"554 5.3.2 going down\r\n", "451 4.7.0 Timeout waiting for client input\r\n",
                            "421 4.4.1 Connection timed out\r\n", "250 ok\r\n"};
  std::size_t delivered = 0;
  for (const auto* goodbye : goodbyes) {
    deliver();
    first.peers.back()->send(goodbye);
    first.peers.back()->end();
    EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]") << goodbye;
    delivered += 2;
    EXPECT_EQ(first.delivered.size(), delivered) << goodbye;
  }
  // One that was on its way when we wrote.
  bool said = false;
  first.answer = [this, &said](const std::string& command) -> std::string {
    if (said || !command.starts_with("MAIL")) return "";
    said = true;
    first.peers.back()->send("554 5.3.2 going down\r\n");
    return hang_up;
  };
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  EXPECT_TRUE(said);
  EXPECT_EQ(second.connections, 0U);
}

TEST_F(DeliveryTest, tries_the_next_server_at_any_trouble_before_the_dot) {
  for (const auto& trouble : troubles) {
    first = FakeBackend();
    second = FakeBackend();
    for (auto& server : route.servers) server->breaker.succeeded();
    pool.close_all();
    trouble.make(first);
    const auto began = clock.now();
    EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]") << trouble.what;
    EXPECT_EQ(second.delivered.size(), 1U) << trouble.what;
    EXPECT_EQ(first.whole.size(), 0U) << trouble.what;
    EXPECT_LE(clock.now() - began, std::chrono::seconds(11)) << trouble.what;
  }
}

TEST_F(DeliveryTest, defers_when_no_server_is_left) {
  for (const auto& trouble : troubles) {
    first = FakeBackend();
    second = FakeBackend();
    for (auto& server : route.servers) server->breaker.succeeded();
    pool.close_all();
    trouble.make(first);
    trouble.make(second);
    const auto delivery = deliver();
    EXPECT_EQ(delivery.answer.reply.code(), 451) << trouble.what;
    EXPECT_EQ(delivery.answer.ending, smtp::Ending::deferred) << trouble.what;
    EXPECT_EQ(first.whole.size() + second.whole.size(), 0U) << trouble.what;
  }
}

TEST_F(DeliveryTest, gives_up_within_its_budget_when_a_server_stalls_before_the_dot) {
  for (const auto* command : {"MAIL", "RCPT", "DATA"}) {
    first = FakeBackend();
    pool.close_all();
    at(command, stall)(first);
    at(command, stall)(second);
    const auto began = clock.now();
    const auto delivery = deliver();
    EXPECT_EQ(line(delivery),
              "451 4.4.2 the mail server behind this one did not answer in time; please try again later")
        << command;
    EXPECT_LE(clock.now() - began, options.before_dot + std::chrono::seconds(1)) << command;
    EXPECT_EQ(first.whole.size(), 0U);
    EXPECT_FALSE(delivery.outcome_unknown);
  }
}

TEST_F(DeliveryTest, leaves_a_server_that_falls_silent_for_the_next_one) {
  for (const auto* command : {"MAIL", "RCPT", "DATA"}) {
    first = FakeBackend();
    second = FakeBackend();
    for (auto& server : route.servers) server->breaker.succeeded();
    pool.close_all();
    at(command, stall)(first);
    const auto began = clock.now();
    EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]") << command;
    EXPECT_LE(clock.now() - began, options.reply_timeout + std::chrono::seconds(1)) << command;
    EXPECT_EQ(first.whole.size(), 0U);
    EXPECT_EQ(second.delivered.size(), 1U);
  }
}

TEST_F(DeliveryTest, never_tries_a_refusal_elsewhere) {
  const std::pair<const char*, const char*> refusals[] = {
      {"MAIL", "550 5.7.1 no"}, {"RCPT", "550 5.1.1 no"}, {"DATA", "554 5.7.1 no"}};
  for (const auto& [command, reply] : refusals) {
    first = FakeBackend();
    pool.close_all();
    at(command, reply)(first);
    EXPECT_EQ(deliver().answer.ending, smtp::Ending::refused) << command;
    EXPECT_EQ(second.connections, 0U) << command;
  }
  first = FakeBackend();
  first.judge = [](const tests::FakeMessage&) { return "554 5.7.1 virus on mbx7.intern.local"; };
  EXPECT_EQ(line(deliver()), "554 5.7.1 the mail server behind this one said: virus on [...]");
  EXPECT_EQ(second.connections, 0U);
}

TEST_F(DeliveryTest, never_sends_a_dot_for_a_refused_recipient_to_a_server_that_says_354_all_the_same) {
  first.answer = [](const std::string& command) {
    return command.starts_with("RCPT") ? "550 5.1.1 no" : command == "DATA" ? "354 go" : "";
  };
  EXPECT_EQ(line(deliver()), "550 5.1.1 the mail server behind this one said: no");
  EXPECT_EQ(first.whole.size(), 0U);
  EXPECT_TRUE(first.peers[0]->shut_down || first.peers[0]->closed) << "the connection is of no use any more";
}

TEST_F(DeliveryTest, passes_a_deferral_on) {
  at("MAIL", "452 4.3.1 Insufficient system resources")(first);
  EXPECT_EQ(line(deliver()), "452 4.3.1 the mail server behind this one said: Insufficient system resources");
  EXPECT_EQ(second.connections, 0U);
}

TEST_F(DeliveryTest, delivers_to_nobody_when_recipients_are_answered_differently) {
  envelope.recipients = {{"good@x", ""}, {"bad@x", ""}};
  first.answer = [](const std::string& command) {
    return command == "RCPT TO:<bad@x>" ? "550 5.1.1 no" : "";
  };
  const auto delivery = deliver();
  EXPECT_EQ(delivery.answer.reply.code(), 451);
  EXPECT_EQ(first.whole.size(), 0U);
  ASSERT_EQ(delivery.lessons.size(), 2U);
  EXPECT_EQ(delivery.lessons[0].recipient, 1U);
  // The connection is good for the next message, behind RSET.
  envelope.recipients = {{"good@x", ""}};
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  EXPECT_EQ(first.connections, 1U);
  EXPECT_NE(std::find(first.commands.begin(), first.commands.end(), "RSET"), first.commands.end());
}

TEST_F(DeliveryTest, does_not_know_what_became_of_a_message_that_is_not_answered) {
  first.judge = [](const tests::FakeMessage&) { return stall; };
  const auto began = clock.now();
  const auto delivery = deliver();
  EXPECT_EQ(delivery.answer.reply.token(), "relay.outcome_unknown");
  EXPECT_TRUE(delivery.outcome_unknown);
  EXPECT_GE(clock.now() - began, options.after_dot);
  EXPECT_EQ(second.connections, 0U) << "it may have been delivered: never elsewhere";
}

TEST_F(DeliveryTest, does_not_try_elsewhere_when_the_connection_is_lost_behind_the_dot) {
  first.judge = [](const tests::FakeMessage&) { return hang_up; };
  const auto delivery = deliver();
  EXPECT_TRUE(delivery.outcome_unknown);
  EXPECT_EQ(delivery.answer.reply.code(), 451);
  EXPECT_EQ(second.connections, 0U);
}

TEST_F(DeliveryTest, believes_an_answer_even_if_the_server_leaves_behind_it) {
  first.judge = [](const tests::FakeMessage&) { return "250 2.0.0 queued\r\n421 4.3.2 bye"; };
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  first.judge = [](const tests::FakeMessage&) { return "250 2.0.0 queued"; };
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  EXPECT_EQ(first.connections, 2U);
}

TEST_F(DeliveryTest, takes_421_to_the_dot_as_a_deferral) {
  first.judge = [](const tests::FakeMessage&) { return "421 4.3.2 going down"; };
  const auto delivery = deliver();
  EXPECT_EQ(delivery.answer.reply.code(), 451);
  EXPECT_EQ(second.connections, 0U);
}

TEST_F(DeliveryTest, sends_no_dot_for_a_client_that_is_gone) {
  client_gone = true;
  EXPECT_EQ(deliver().answer.ending, smtp::Ending::vanished);
  EXPECT_EQ(first.whole.size(), 0U);
  EXPECT_TRUE(first.peers[0]->closed);
}

TEST_F(DeliveryTest, stops_waiting_for_a_server_when_the_client_goes) {
  at("RCPT", stall)(first);
  const auto delivery = deliver([this] {
    deadline.interrupt(net::Interrupt::hung_up);
    return true;
  });
  EXPECT_EQ(delivery.answer.ending, smtp::Ending::vanished);
  EXPECT_EQ(second.connections, 0U);
}

TEST_F(DeliveryTest, hears_a_server_that_does_not_want_to_hear_the_message_out) {
  const std::string line_of_text(998, 'x');
  for (int i = 0; i < 5000; ++i) body.append(line_of_text + "\r\n");
  first.interruption = "552 5.3.4 too big";
  first.interrupt_after = 100000;
  // Its socket takes some, then it closes.
  auto* backend = &first;
  const auto delivery = deliver([backend] {
    for (auto& peer : backend->peers) {
      if (peer->ended) peer->break_off();
    }
    return false;
  });
  EXPECT_EQ(first.whole.size(), 0U);
  EXPECT_NE(delivery.answer.ending, smtp::Ending::delivered);
}

TEST_F(DeliveryTest, writes_as_much_as_fits_and_waits) {
  const std::string line_of_text(998, 'x');
  for (int i = 0; i < 1000; ++i) body.append("." + line_of_text + "\r\n");
  first.answer = [this](const std::string& command) {
    if (command == "DATA") first.peers.back()->room = 10;
    return std::string();
  };
  EXPECT_EQ(line(deliver([this] {
              first.peers.back()->room = 77777;
              first.peers.back()->wake();
              return true;
            })),
            "250 2.0.0 delivered [ID]");
  // The body is in wire form: its leading dots are stuffing.
  EXPECT_EQ(first.delivered.at(0).content.size(), 21U + 17U + 1000U * 1000U);
}

TEST_F(DeliveryTest, defers_what_needs_a_capability_that_went_away) {
  envelope.smtputf8 = true;
  EXPECT_EQ(line(deliver()),
            "451 4.3.3 the mail server behind this one does not offer SMTPUTF8 at the moment; please try "
            "again later");
  second.extensions.push_back("SMTPUTF8");
  pool.close_all();
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]") << "the other server can";
  EXPECT_EQ(second.delivered.size(), 1U);
}

TEST_F(DeliveryTest, skips_a_server_whose_breaker_is_open) {
  first.refuses_connections = true;
  for (int i = 0; i < 5; ++i) deliver();
  EXPECT_TRUE(route.servers[0]->breaker.open());
  second.refuses_connections = true;
  pool.close_all();
  for (int i = 0; i < 3; ++i) deliver();
  EXPECT_FALSE(route.available(clock.now()));
  EXPECT_EQ(line(deliver()),
            "451 4.4.1 the mail server behind this one cannot be reached; please try again later");
  first.refuses_connections = false;
  clock.advance(std::chrono::seconds(10));
  EXPECT_TRUE(route.available(clock.now()));
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
}

TEST_F(DeliveryTest, takes_a_server_for_down_that_never_answers_a_message) {
  first.judge = [](const tests::FakeMessage&) { return stall; };
  for (int i = 0; i < Breaker::threshold; ++i) {
    EXPECT_TRUE(deliver().outcome_unknown);
    pool.close_all();
  }
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  EXPECT_EQ(second.delivered.size(), 1U);
}

TEST_F(DeliveryTest, goes_to_the_next_server_rather_than_wait_long_for_a_connection) {
  auto& permits = route.servers[0]->permits;
  permits.set_limit(1);
  ASSERT_TRUE(permits.try_take());
  const auto began = clock.now();
  EXPECT_EQ(line(deliver()), "250 2.0.0 delivered [ID]");
  EXPECT_LE(clock.now() - began, std::chrono::seconds(3));
  EXPECT_EQ(second.delivered.size(), 1U);
  EXPECT_FALSE(permits.anybody_waits());
  EXPECT_FALSE(route.servers[0]->breaker.open()) << "being busy is no failure";
}

TEST_F(DeliveryTest, learns_refusals_without_names_from_the_inside) {
  envelope.recipients.push_back({"other@x", ""});
  first.banner = "220 mbx7.inside.example ready";
  first.answer = [](const std::string& command) {
    return command == "RCPT TO:<r@x>" ? "550 5.1.1 unknown on mbx7.inside.example" : "";
  };
  const auto delivery = deliver();
  ASSERT_FALSE(delivery.lessons.empty());
  for (const auto& lesson : delivery.lessons) EXPECT_EQ(lesson.reply.text, "unknown on [...]");
}

TEST_F(DeliveryTest, waits_for_a_connection_when_all_are_in_use) {
  route.servers[0]->permits.set_limit(1);
  Deliverer deliverer(io, pool, spill, clock, options);
  const Message message{route, envelope, body, "", suspects, "ID"};
  std::vector<net::Deadline> deadlines(10);
  int done = 0;
  for (auto& limit : deadlines) {
    auto run = [&]() -> net::Task<void> {
      ClientGone gone = [] { return false; };
      const auto delivery = co_await deliverer.deliver(message, limit, std::move(gone));
      EXPECT_EQ(line(delivery), "250 2.0.0 delivered [ID]");
      ++done;
    };
    net::asio::co_spawn(io, run, [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
  }
  io.run();
  EXPECT_EQ(done, 10);
  EXPECT_EQ(first.connections, 1U);
  EXPECT_EQ(second.connections, 0U);
}

}  // namespace
}  // namespace gatepost::relay
