#include <gtest/gtest.h>

#include "relay/capabilities.hpp"
#include "relay/connection.hpp"
#include "relay/server.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::relay {
namespace {

TEST(Breaker, opens_after_failures_in_a_row_and_lets_one_try_per_pause) {
  tests::FakeClock clock;
  Breaker breaker;
  for (int i = 0; i < 2; ++i) breaker.failed(clock.now());
  EXPECT_TRUE(breaker.allow(clock.now()));
  breaker.succeeded();
  for (int i = 0; i < 3; ++i) breaker.failed(clock.now());
  EXPECT_TRUE(breaker.open());
  EXPECT_FALSE(breaker.allow(clock.now()));
  clock.advance(base::Millis(5000));
  EXPECT_TRUE(breaker.would_allow(clock.now()));
  EXPECT_TRUE(breaker.allow(clock.now()));
  EXPECT_FALSE(breaker.allow(clock.now())) << "one at a time";
  breaker.failed(clock.now());
  clock.advance(base::Millis(9999));
  EXPECT_FALSE(breaker.allow(clock.now())) << "the pause has doubled";
  clock.advance(base::Millis(1));
  EXPECT_TRUE(breaker.allow(clock.now()));
  breaker.succeeded();
  EXPECT_TRUE(breaker.allow(clock.now()));
  EXPECT_FALSE(breaker.open());
}

TEST(Breaker, never_waits_longer_than_a_minute) {
  tests::FakeClock clock;
  Breaker breaker;
  for (int i = 0; i < 20; ++i) breaker.failed(clock.now());
  clock.advance(std::chrono::seconds(60));
  EXPECT_TRUE(breaker.allow(clock.now()));
}

TEST(Breaker, opens_again_at_once_for_a_server_that_greets_and_then_falls_silent) {
  tests::FakeClock clock;
  Breaker breaker;
  for (int i = 0; i < Breaker::threshold; ++i) breaker.failed(clock.now());
  breaker.greeted();
  EXPECT_TRUE(breaker.allow(clock.now()));
  breaker.failed(clock.now());
  EXPECT_TRUE(breaker.open());
  clock.advance(Breaker::first_pause);
  EXPECT_FALSE(breaker.allow(clock.now())) << "the pause has doubled";
  breaker.greeted();
  breaker.succeeded();
  breaker.failed(clock.now());
  EXPECT_FALSE(breaker.open());
}

std::unique_ptr<Connection> connection(const std::shared_ptr<Server>& server) {
  return std::make_unique<Connection>(server, smtp::ClientSession("x", smtp::ClientTls::none));
}

TEST(Permits, hold_the_limit_and_come_back_with_the_connection) {
  auto server = std::make_shared<Server>(HostPort{"a", 25}, 2);
  ASSERT_TRUE(server->permits.try_take());
  ASSERT_TRUE(server->permits.try_take());
  EXPECT_FALSE(server->permits.try_take());
  connection(server).reset();
  EXPECT_TRUE(server->permits.try_take());
}

TEST(Permits, hand_a_connection_over_rather_to_the_own_pool_but_not_always) {
  auto server = std::make_shared<Server>(HostPort{"a", 25}, 100);
  const int here = 0;
  const int there = 0;
  std::string order;
  std::vector<std::unique_ptr<Connection>> in_use;
  for (int i = 0; i < 8; ++i) {
    server->permits.wait(i % 2 == 0 ? &there : &here,
                         [&order, &in_use, i](std::unique_ptr<Connection> got, const void*) {
                           order += i % 2 == 0 ? 't' : 'h';
                           in_use.push_back(std::move(got));
                         });
  }
  for (int i = 0; i < 8; ++i) {
    server->permits.try_take();
    EXPECT_EQ(server->permits.hand_over(connection(server), &here), nullptr);
  }
  EXPECT_EQ(order, "hhhthttt");
  server->permits.try_take();
  EXPECT_NE(server->permits.hand_over(connection(server), &here), nullptr) << "nobody waits any more";
}

TEST(Permits, wake_somebody_when_a_connection_is_closed) {
  auto server = std::make_shared<Server>(HostPort{"a", 25}, 1);
  server->permits.try_take();
  auto used = connection(server);
  bool woken = false;
  server->permits.wait(nullptr, [&](std::unique_ptr<Connection> got, const void*) {
    woken = true;
    EXPECT_EQ(got, nullptr);
  });
  used.reset();
  EXPECT_TRUE(woken);
}

TEST(Permits, forget_whoever_leaves_the_line) {
  auto server = std::make_shared<Server>(HostPort{"a", 25}, 1);
  server->permits.try_take();
  auto used = connection(server);
  for (int i = 0; i < 100000; ++i) {
    const auto ticket =
        server->permits.wait(nullptr, [](std::unique_ptr<Connection>, const void*) { FAIL() << "has left"; });
    server->permits.leave(ticket);
  }
  EXPECT_FALSE(server->permits.anybody_waits());
  EXPECT_NE(server->permits.hand_over(std::move(used), nullptr), nullptr);
}

TEST(HostPort, is_read_in_all_its_forms) {
  const std::pair<const char*, const char*> good[] = {{"10.0.0.5:25", "10.0.0.5:25"},
                                                      {"10.0.0.5", "10.0.0.5:25"},
                                                      {"[2001:db8::1]:2525", "[2001:db8::1]:2525"},
                                                      {"2001:db8::1", "[2001:db8::1]:25"},
                                                      {"mail.internal", "mail.internal:25"},
                                                      {"sink:2526", "sink:2526"}};
  for (const auto& [text, expected] : good) {
    HostPort value;
    EXPECT_EQ(base::TextForm<HostPort>::parse(text, value), "") << text;
    EXPECT_EQ(value.to_string(), expected);
  }
  for (const auto* bad :
       {"", ":25", "host:", "host:0", "host:99999", "10.0.0", "10.0.0.256:25", "ho st:25"}) {
    HostPort value;
    EXPECT_NE(base::TextForm<HostPort>::parse(bad, value), "") << bad;
  }
}

TEST(Capabilities, survive_being_written_and_read) {
  smtp::Extensions exchange;
  exchange.add(smtp::Extension::size).add(smtp::Extension::eight_bit_mime).add(smtp::Extension::dsn);
  exchange.max_size = 37748736;
  exchange.rcpt_max = 200;
  const Capabilities all{{"10.0.0.5:25", exchange}, {"10.0.0.6:25", {}}};
  EXPECT_EQ(read_capabilities(write_capabilities(all)), all);
  EXPECT_EQ(read_capabilities("\n\nx y SIZE=abc NONSENSE=5\n").size(), 1U);
}

}  // namespace
}  // namespace gatepost::relay
