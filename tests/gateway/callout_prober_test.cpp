// Callouts against mail servers that behave, and those that do not.
#include "gateway/callout_prober.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>

#include "tests/support/fake_backend.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_zone.hpp"

namespace gatepost::gateway {
namespace {

using std::chrono::seconds;
using tests::FakeBackend;

constexpr std::string_view zone_text = R"(
remote.example MX 10 mx.remote.example
mx.remote.example A 198.51.100.1
mx.remote.example AAAA (no data)
other.example MX 10 mx.other.example
mx.other.example A 198.51.100.2
mx.other.example AAAA (no data)
two.example MX 10 mx.remote.example
two.example MX 20 mx.other.example
bare.example MX (no data)
bare.example A (no data)
bare.example AAAA 2001:db8::25
inside.example MX 10 mx.inside.example
mx.inside.example A 10.0.0.1
mx.inside.example AAAA ::1
ours.example MX 10 mx.ours.example
mx.ours.example A 192.0.2.25
mx.ours.example AAAA (no data)
behind.example MX 10 mx.behind.example
mx.behind.example A 100.64.0.1
mx.behind.example AAAA 64:ff9b::a00:1
mx.behind.example AAAA 2002:a00:1::1
silent.example MX 0 .
gone.example * (no name)
broken.example MX (failure)
unsure.example MX 10 mx.unsure.example
mx.unsure.example * (failure)
)";

class LateResolver final : public dns::Resolver {
 public:
  explicit LateResolver(net::asio::io_context& io) : io_(io), zone_(zone_text) {}
  std::shared_ptr<const dns::Answer> resolve(const dns::Question& question, Answered answered,
                                             Freshness) override {
    if (mute) return nullptr;
    auto answer = std::make_shared<const dns::Answer>(zone_.answer(question));
    net::asio::post(io_, [answer, answered = std::move(answered)] { answered(answer); });
    return nullptr;
  }
  bool healthy() const override { return true; }
  void forget_answers() override {}
  bool mute = false;

 private:
  net::asio::io_context& io_;
  tests::FakeZone zone_;
};

struct CalloutProberTest : testing::Test {
  net::asio::io_context io;
  tests::FakeClock clock;
  tests::FakeConnector connector{io};
  LateResolver resolver{io};
  checks::Memory memory{clock, state::Origin{}, std::size_t{1} << 20};
  CalloutBoard board;
  checks::Site site{"mx.example.org", {*base::IpAddress::parse("192.0.2.25")}, {}};
  CalloutProber prober{{io, connector, resolver, clock, memory, board, site}};
  checks::CalloutSettings how;
  FakeBackend& remote = connector.backends["198.51.100.1:25"];
  FakeBackend& other = connector.backends["198.51.100.2:25"];
  std::vector<std::string> heard;  ///< "ann@remote.example: taken 250 2.0.0 ok"
  std::string made_up = checks::made_up_local_part(memory.callouts, "remote.example") + "@remote.example";

  CalloutProberTest() { remote.answer = selective(); }
  ~CalloutProberTest() override {
    prober.stop();
    run();
    EXPECT_TRUE(prober.idle());
    EXPECT_EQ(board.open(), 0U);
  }

  /// Takes ann and postmaster.
  static std::function<std::string(const std::string&)> selective(
      const std::string& refusal = "550 5.1.1 no") {
    return [refusal](const std::string& line) {
      const bool known =
          line.find("<ann@") != std::string::npos || line.find("<postmaster@") != std::string::npos;
      return line.starts_with("RCPT") && !known ? refusal : std::string();
    };
  }
  static std::function<std::string(const std::string&)> always(const std::string& start,
                                                               const std::string& reply) {
    return [=](const std::string& line) { return line.starts_with(start) ? reply : std::string(); };
  }

  void ask(CalloutProber& of, const std::string& address, const char* client = "203.0.113.9") {
    checks::CalloutQuestion question{*mail::Mailbox::parse(address), *base::IpAddress::parse(client),
                                     std::make_shared<const checks::CalloutSettings>(how)};
    of.ask(question, [this, address](const checks::CalloutAnswer& answer) {
      heard.push_back(address + ": " + std::string(name_of(answer.result)) + " " + answer.words +
                      (answer.cached ? " (cached)" : ""));
    });
  }
  void run() {
    io.restart();
    while (io.poll() > 0) continue;
  }
  void pass(base::Millis time) {
    for (base::Millis gone{0}; gone < time; gone += base::Millis(250)) {
      clock.advance(base::Millis(250));
      prober.sweep(clock.now());
      run();
    }
  }
  /// What is heard of one address when there is nothing to wait for.
  std::string answer(const std::string& address, const char* client = "203.0.113.9") {
    heard.clear();
    ask(prober, address, client);
    run();
    return heard.empty() ? "" : heard.front().substr(address.size() + 2);
  }
};

TEST_F(CalloutProberTest, asks_about_a_made_up_address_first) {
  EXPECT_EQ(answer("ann@remote.example"), "taken 250 2.0.0 ok");
  EXPECT_EQ(remote.commands,
            (std::vector<std::string>{"EHLO mx.example.org", "MAIL FROM:<>", "RCPT TO:<" + made_up + ">",
                                      "RSET", "MAIL FROM:<>", "RCPT TO:<ann@remote.example>", "QUIT"}));
  EXPECT_EQ(board.count_of(checks::CalloutResult::taken), 1U);
  EXPECT_TRUE(prober.idle());
}

TEST_F(CalloutProberTest, remembers_what_it_heard) {
  answer("ann@remote.example");
  EXPECT_EQ(answer("ann@remote.example"), "taken 250 2.0.0 ok (cached)");
  EXPECT_EQ(remote.connections, 1U);
  clock.advance(how.keep_taken);
  remote.commands.clear();
  EXPECT_EQ(answer("ann@remote.example"), "taken 250 2.0.0 ok");
  EXPECT_EQ(remote.commands[2], "RCPT TO:<ann@remote.example>") << "the server is known to refuse others";
}

TEST_F(CalloutProberTest, learns_of_a_refusal) {
  EXPECT_EQ(answer("bob@remote.example"), "refused 550 5.1.1 no");
  EXPECT_EQ(answer("bob@remote.example"), "refused 550 5.1.1 no (cached)");
}

TEST_F(CalloutProberTest, learns_nothing_from_a_server_that_takes_everything) {
  remote.answer = always("none", "");
  EXPECT_EQ(answer("bob@remote.example"), "takes_all 250 2.0.0 ok");
  EXPECT_EQ(answer("ann@remote.example"), "takes_all 250 2.0.0 ok (cached)");
  for (const auto& line : remote.commands) EXPECT_EQ(line.find("bob"), std::string::npos) << line;
}

TEST_F(CalloutProberTest, asks_a_server_that_refuses_without_a_code_whether_it_takes_postmaster) {
  remote.answer = selective("550 no");
  EXPECT_EQ(answer("bob@remote.example"), "refused 550 no");
  EXPECT_EQ(remote.commands[remote.commands.size() - 2], "RCPT TO:<postmaster@remote.example>");
  other.answer = always("RCPT", "550 your address is blocked");
  EXPECT_EQ(answer("bob@other.example"),
            "unknown 550 your address is blocked; and postmaster is not taken either");
}

TEST_F(CalloutProberTest, names_its_sender_where_one_is_configured) {
  how.probe_sender = "probe@example.org";
  answer("ann@remote.example");
  EXPECT_EQ(remote.commands[1], "MAIL FROM:<probe@example.org>");
}

TEST_F(CalloutProberTest, tells_of_servers_that_refuse_its_sender) {
  remote.answer = always("MAIL", "550 5.1.8 no bounces");
  EXPECT_EQ(answer("ann@remote.example"), "sender_refused 550 5.1.8 no bounces");
  EXPECT_EQ(answer("bob@remote.example"), "sender_refused 550 5.1.8 no bounces (cached)");
  clock.advance(how.keep_refused);
  remote.answer = always("MAIL", "550 5.7.1 your address is blocked");
  EXPECT_EQ(answer("ann@remote.example"), "unknown 550 5.7.1 your address is blocked");
}

TEST_F(CalloutProberTest, asks_a_server_that_greylists_about_the_same_addresses_again) {
  remote.answer = always("RCPT", "450 4.2.0 greylisted");
  EXPECT_EQ(answer("ann@remote.example"), "unknown 450 4.2.0 greylisted");
  EXPECT_EQ(answer("ann@remote.example"), "unknown 450 4.2.0 greylisted (cached)");
  const auto first = remote.commands;
  clock.advance(how.keep_unknown);
  remote.commands.clear();
  remote.answer = selective();
  EXPECT_EQ(answer("ann@remote.example"), "taken 250 2.0.0 ok");
  EXPECT_EQ(remote.commands, first);
}

TEST_F(CalloutProberTest, says_helo_to_servers_of_old) {
  remote.answer = [this](const std::string& line) {
    return line.starts_with("EHLO") ? std::string("500 what?") : selective()(line);
  };
  EXPECT_EQ(answer("ann@remote.example"), "taken 250 2.0.0 ok");
  EXPECT_EQ(remote.commands[1], "HELO mx.example.org");
}

TEST_F(CalloutProberTest, lets_the_session_go_after_six_seconds_and_asks_on) {
  remote.banner = FakeBackend::stall;
  EXPECT_EQ(answer("ann@remote.example"), "");
  pass(seconds(6) - base::Millis(250));
  EXPECT_TRUE(heard.empty());
  pass(base::Millis(250));
  EXPECT_EQ(heard,
            std::vector<std::string>{"ann@remote.example: unknown no answer yet: it goes on being asked"});
  pass(seconds(14));
  remote.peers[0]->send("220 at last\r\n");
  run();
  EXPECT_EQ(heard.size(), 1U);
  EXPECT_EQ(answer("ann@remote.example"), "taken 250 2.0.0 ok (cached)");
}

TEST_F(CalloutProberTest, gives_up_and_leaves_a_silent_server_alone_for_a_while) {
  remote.banner = FakeBackend::stall;
  answer("ann@remote.example");
  pass(seconds(60));
  EXPECT_TRUE(prober.idle());
  EXPECT_EQ(answer("bob@remote.example"), "unknown 198.51.100.1:25: no answer in time (cached)");
  EXPECT_EQ(remote.connections, 1U);
  clock.advance(how.keep_unknown);
  remote.banner = "220 here again";
  EXPECT_EQ(answer("bob@remote.example"), "refused 550 5.1.1 no");
}

TEST_F(CalloutProberTest, is_not_held_by_a_server_that_drips) {
  remote.banner = FakeBackend::stall;
  answer("ann@remote.example");
  for (int i = 0; i < 100 && !prober.idle(); ++i) {
    remote.peers[0]->send("2");
    pass(seconds(1));
  }
  EXPECT_TRUE(prober.idle());
  EXPECT_TRUE(remote.peers[0]->closed);
}

TEST_F(CalloutProberTest, knows_nothing_of_servers_that_speak_no_smtp) {
  const std::string endless = "220-" + std::string(1000, 'x') + "\r\n";
  std::string flood;
  for (int i = 0; i < 100; ++i) flood += endless;
  const std::pair<std::string, std::string> banners[] = {
      {FakeBackend::hang_up, "198.51.100.1:25: it closed the connection"},
      {"HTTP/1.1 400 Bad Request", "198.51.100.1:25: the server's reply is not SMTP"},
      {std::string(100000, '2'), "198.51.100.1:25: the server's reply is not SMTP"},
      {flood, "198.51.100.1:25: the server's reply is not SMTP"},
      {"554 5.7.1 go away", "198.51.100.1:25: the server greeted with: 554 5.7.1 go away"},
      {"421 busy", "198.51.100.1:25: the server greeted with: 421 4.0.0 busy"},
  };
  for (const auto& [banner, words] : banners) {
    remote.banner = banner;
    const auto said = answer("ann@remote.example");
    EXPECT_EQ(said.substr(0, 40), ("unknown " + words).substr(0, 40));
    clock.advance(how.keep_unknown);
  }
}

TEST_F(CalloutProberTest, believes_what_was_said_before_the_connection_broke) {
  unsigned rcpts = 0;
  remote.answer = [&rcpts](const std::string& line) {
    if (!line.starts_with("RCPT")) return std::string();
    return ++rcpts == 1 ? "550 5.1.1 no" : std::string(FakeBackend::hang_up);
  };
  EXPECT_EQ(answer("ann@remote.example"), "unknown 198.51.100.1:25: it closed the connection");
  remote.answer = selective();
  EXPECT_EQ(answer("ann@remote.example"), "taken 250 2.0.0 ok")
      << "the domain answers: it is not to be blamed";
}

TEST_F(CalloutProberTest, goes_on_to_the_next_server) {
  remote.refuses_connections = true;
  other.answer = selective();
  EXPECT_EQ(answer("ann@two.example"), "taken 250 2.0.0 ok");
  EXPECT_EQ(other.connections, 1U);
}

TEST_F(CalloutProberTest, takes_a_domain_without_mx_records_for_its_own_server) {
  connector.backends["2001:db8::25:25"].answer = selective();
  EXPECT_EQ(answer("ann@bare.example"), "taken 250 2.0.0 ok");
}

TEST_F(CalloutProberTest, asks_nobody_inside_nor_itself_nor_where_no_mail_is_taken) {
  const auto nowhere = "not_asked none of its mail servers has an address that may be asked";
  EXPECT_EQ(answer("a@inside.example"), nowhere);
  EXPECT_EQ(answer("a@ours.example"), nowhere);
  EXPECT_EQ(answer("a@behind.example"), nowhere);
  EXPECT_EQ(answer("a@silent.example"), "not_asked the domain takes no mail");
  EXPECT_EQ(answer("a@gone.example"), "not_asked the domain takes no mail");
  EXPECT_EQ(connector.backends.size(), 2U);
  how.probe_private = true;
  connector.backends["10.0.0.1:25"].answer = selective();
  EXPECT_EQ(answer("ann@inside.example"), "taken 250 2.0.0 ok");
}

TEST_F(CalloutProberTest, says_no_more_to_a_server_that_has_our_name) {
  remote.banner = "220 MX.example.org ESMTP";
  EXPECT_EQ(answer("ann@remote.example"), "not_asked its mail server is this one");
  EXPECT_EQ(remote.commands, (std::vector<std::string>{"EHLO mx.example.org", "QUIT"}));
}

TEST_F(CalloutProberTest, knows_nothing_when_dns_does_not_tell) {
  EXPECT_EQ(answer("a@broken.example").substr(0, 43), "unknown its mail servers cannot be looked u");
  EXPECT_EQ(answer("a@unsure.example").substr(0, 43), "unknown its mail servers cannot be looked u");
  EXPECT_EQ(answer("a@unsure.example").find("cached"), std::string::npos) << "the domain is not to be blamed";
  resolver.mute = true;
  EXPECT_EQ(answer("ann@remote.example"), "");
  pass(seconds(60));
  EXPECT_TRUE(prober.idle());
}

TEST_F(CalloutProberTest, visits_a_domain_once_for_all_who_ask) {
  ask(prober, "ann@remote.example");
  ask(prober, "bob@remote.example");
  ask(prober, "ann@remote.example");
  run();
  EXPECT_EQ(heard, (std::vector<std::string>{"ann@remote.example: taken 250 2.0.0 ok",
                                             "ann@remote.example: taken 250 2.0.0 ok",
                                             "bob@remote.example: refused 550 5.1.1 no"}));
  EXPECT_EQ(remote.connections, 1U);
}

TEST_F(CalloutProberTest, lets_another_domain_wait_when_enough_are_asked) {
  how.max_probes = 1;
  remote.banner = FakeBackend::stall;
  other.answer = selective();
  ask(prober, "ann@remote.example");
  ask(prober, "ann@other.example");
  pass(seconds(1));
  EXPECT_EQ(board.open(), 1U);
  EXPECT_EQ(other.connections, 0U);
  remote.peers[0]->send("220 hello\r\n");
  run();
  pass(base::Millis(250));
  EXPECT_EQ(heard.back(), "ann@other.example: taken 250 2.0.0 ok");
}

TEST_F(CalloutProberTest, does_not_let_many_domains_crowd_one_server) {
  const auto server = *base::IpAddress::parse("198.51.100.1");
  for (int i = 0; i < CalloutBoard::most_per_server; ++i) {
    const auto domain = "crowd" + std::to_string(i) + ".example";
    ASSERT_TRUE(board.begin(domain, 20));
    ASSERT_TRUE(board.choose(domain, server));
  }
  EXPECT_EQ(answer("ann@remote.example"), "unknown its mail server is being asked about other domains");
  EXPECT_EQ(remote.connections, 0U);
  board.end("crowd0.example");
  EXPECT_EQ(answer("ann@remote.example"), "taken 250 2.0.0 ok") << "the domain was not blamed";
  for (int i = 1; i < CalloutBoard::most_per_server; ++i) board.end("crowd" + std::to_string(i) + ".example");
}

TEST_F(CalloutProberTest, gives_up_what_never_had_its_turn) {
  how.max_probes = 1;
  remote.banner = FakeBackend::stall;
  ASSERT_TRUE(board.begin("somebody.else", 1));
  ask(prober, "ann@remote.example");
  pass(seconds(60));
  EXPECT_TRUE(prober.idle());
  EXPECT_EQ(heard.size(), 1U);
  board.end("somebody.else");
}

TEST_F(CalloutProberTest, answers_who_came_last_to_what_never_had_its_turn) {
  how.max_probes = 1;
  ASSERT_TRUE(board.begin("somebody.else", 1));
  ask(prober, "ann@remote.example");
  pass(seconds(58));
  ask(prober, "bob@remote.example");
  pass(seconds(7));
  EXPECT_EQ(heard.size(), 2U);
  board.end("somebody.else");
}

TEST_F(CalloutProberTest, hears_from_another_thread_what_it_found_out) {
  CalloutProber second{{io, connector, resolver, clock, memory, board, site}};
  ask(prober, "ann@remote.example");
  ask(second, "ann@remote.example");
  run();
  second.sweep(clock.now());
  run();
  EXPECT_EQ(heard, (std::vector<std::string>{"ann@remote.example: taken 250 2.0.0 ok",
                                             "ann@remote.example: taken 250 2.0.0 ok (cached)"}));
  EXPECT_EQ(remote.connections, 1U);
  EXPECT_TRUE(second.idle());
}

TEST_F(CalloutProberTest, does_not_ask_the_server_that_asks_us_because_we_ask_it) {
  remote.banner = FakeBackend::stall;
  ask(prober, "ann@remote.example");
  run();
  EXPECT_EQ(answer("verify@remote.example", "198.51.100.1"),
            "not_asked the client is the server that is being asked just now");
  EXPECT_EQ(answer("verify@remote.example", "198.51.100.99"), "");
}

TEST_F(CalloutProberTest, asks_about_so_many_addresses_of_a_domain_only) {
  how.max_per_domain = 2;
  answer("ann@remote.example");
  answer("bob@remote.example");
  EXPECT_EQ(answer("cy@remote.example"), "unknown too many addresses of its domain within an hour");
  EXPECT_TRUE(prober.idle());
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(answer("cy@remote.example"), "refused 550 5.1.1 no");
}

TEST_F(CalloutProberTest, bounds_how_many_wait_for_one_visit) {
  remote.banner = FakeBackend::stall;
  for (std::size_t i = 0; i <= CalloutFlight::most_addresses; ++i)
    ask(prober, "user" + std::to_string(i) + "@remote.example");
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0], "user50@remote.example: unknown too many addresses of its domain at a time");
}

TEST_F(CalloutProberTest, ends_at_once_when_the_program_stops) {
  remote.banner = FakeBackend::stall;
  how.max_probes = 1;
  bool idle = false;
  prober.on_idle = [&idle] { idle = true; };
  ask(prober, "ann@remote.example");
  ask(prober, "ann@other.example");
  run();
  prober.stop();
  run();
  EXPECT_TRUE(idle);
  EXPECT_EQ(heard.size(), 2U);
  EXPECT_FALSE(checks::recall(memory.callouts, *mail::Mailbox::parse("ann@remote.example"), memory.now()));
  EXPECT_EQ(answer("ann@remote.example").substr(0, 7), "unknown");
}

}  // namespace
}  // namespace gatepost::gateway
