// Over real sockets. Server and clients share one io_context and one thread, which runs only as long as a
// client waits for something: nothing here depends on time, but for the tests of time limits.
#include "webui/server.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "sample.hpp"

namespace gatepost::webui {
namespace {

namespace asio = net::asio;

/// Only a broken test waits as long as this.
constexpr auto patience = std::chrono::seconds(60);

class Client {
 public:
  explicit Client(asio::io_context& context) : context_(context), socket_(context) {}

  void connect(const base::Endpoint& to) {
    wait([&](auto done) {
      socket_.async_connect({asio::ip::make_address(to.address.to_string()), to.port}, std::move(done));
    });
  }
  void send(std::string_view text) {
    wait([&](auto done) {
      asio::async_write(socket_, asio::buffer(text),
                        [done = std::move(done)](auto error, std::size_t) mutable { done(error); });
    });
  }
  void finish_sending() { socket_.shutdown(asio::socket_base::shutdown_send); }
  /// All there is until the server closes.
  std::string read_all() {
    wait([&](auto done) {
      asio::async_read(socket_, asio::dynamic_buffer(received_),
                       [done = std::move(done)](auto error, std::size_t) mutable { done(error); });
    });
    return std::exchange(received_, {});
  }
  /// One answer, of the length it says it has.
  std::string read_answer(bool head = false) {
    wait([&](auto done) {
      asio::async_read_until(socket_, asio::dynamic_buffer(received_), "\r\n\r\n",
                             [done = std::move(done)](auto error, std::size_t) mutable { done(error); });
    });
    const auto end = received_.find("\r\n\r\n");
    if (end == std::string::npos) return std::exchange(received_, {});
    const auto length = received_.find("Content-Length: ");
    const auto size = end + 4 + (head || length > end ? 0 : std::stoul(received_.substr(length + 16)));
    if (received_.size() < size) {
      wait([&](auto done) {
        asio::async_read(socket_, asio::dynamic_buffer(received_),
                         asio::transfer_exactly(size - received_.size()),
                         [done = std::move(done)](auto error, std::size_t) mutable { done(error); });
      });
    }
    auto answer = received_.substr(0, size);
    received_.erase(0, size);
    return answer;
  }
  std::string ask(std::string_view request) {
    send(request);
    return read_answer();
  }
  boost::system::error_code error() const { return error_; }

 private:
  template <class Start>
  void wait(Start start) {
    bool done = false;
    start([&](boost::system::error_code error) {
      error_ = error;
      done = true;
    });
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!done && context_.run_one_until(until) > 0) {
    }
    ASSERT_TRUE(done) << "the server does not answer";
  }

  asio::io_context& context_;
  net::Socket socket_;
  std::string received_;
  boost::system::error_code error_;
};

struct ServerTest : testing::Test {
  asio::io_context context{1};
  tests::SampleQueries queries;
  Limits limits;
  base::Endpoint at;
  std::unique_ptr<Server> server;

  void SetUp() override { open("127.0.0.1:0"); }
  void open(std::string_view endpoint, Settings settings = {}) {
    std::vector<net::ListeningSocket> sockets;
    sockets.push_back(std::move(net::ListeningSocket::open(*base::Endpoint::parse(endpoint), {}).value()));
    at = sockets.front().local();
    server = make_server(context, std::move(sockets), queries, std::move(settings), limits);
    server->start();
  }
  Client connect() {
    Client client(context);
    client.connect(at);
    return client;
  }
};

constexpr std::string_view get_live = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

bool starts(const std::string& text, std::string_view start) {
  return text.rfind(start, 0) == 0;
}
bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_F(ServerTest, answers_http_1_0_and_closes) {
  auto client = connect();
  client.send("GET /livez HTTP/1.0\r\nHost: x\r\n\r\n");
  const auto answer = client.read_all();
  EXPECT_TRUE(starts(answer, "HTTP/1.0 200 OK\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\nok\n")) << answer;
  EXPECT_EQ(client.error(), asio::error::eof);
}

TEST_F(ServerTest, answers_http_1_0_without_any_field) {
  auto client = connect();
  client.send("GET /readyz HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.read_all().ends_with("\r\n\r\nready\n"));
}

TEST_F(ServerTest, keeps_an_http_1_1_connection) {
  auto client = connect();
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.ask(get_live);
    EXPECT_TRUE(starts(answer, "HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\nok\n")) << answer;
  }
  const auto last = client.ask("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(holds(last, "Connection: close\r\n"));
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(ServerTest, keeps_an_http_1_0_connection_if_asked_to) {
  auto client = connect();
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(holds(client.ask("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                      "Connection: keep-alive\r\n"));
  }
}

TEST_F(ServerTest, serves_the_whole_page) {
  auto client = connect();
  const auto answer = client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(holds(answer, "Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_TRUE(holds(answer, "Content-Security-Policy: default-src 'none'"));
  EXPECT_TRUE(answer.ends_with("</html>\n"));
}

TEST_F(ServerTest, reads_a_request_that_comes_byte_by_byte) {
  auto client = connect();
  for (const char c :
       std::string("GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")) {
    client.send({&c, 1});
    context.poll();
  }
  EXPECT_TRUE(client.read_answer().ends_with("ok\n"));
  EXPECT_TRUE(client.read_answer().ends_with("ready\n"));
}

TEST_F(ServerTest, answers_requests_that_come_in_one_piece_in_their_order) {
  auto client = connect();
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += i % 2 == 0 ? get_live : "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(requests);
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(client.read_answer().ends_with(i % 2 == 0 ? "\r\n\r\nok\n" : "\r\n\r\nready\n"));
}

TEST_F(ServerTest, answers_head_with_the_length_but_without_the_body) {
  auto client = connect();
  client.send("HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.read_answer(true);
  EXPECT_TRUE(holds(answer, "Content-Length: 3\r\n")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
  EXPECT_TRUE(starts(client.ask(get_live), "HTTP/1.1 200 OK\r\n"));  // nothing of a body stands between
}

TEST_F(ServerTest, answers_a_request_with_a_body_and_closes_without_taking_the_body_for_a_request) {
  const std::pair<const char*, const char*> cases[] = {
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n", "HTTP/1.1 405 "},
      {"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n", "HTTP/1.1 200 "},
      {"GET /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 "},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n", "HTTP/1.1 413 "},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", "HTTP/1.1 400 "},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 400 "}};
  for (const auto& [head, status] : cases) {
    auto client = connect();
    client.send(std::string(head) + std::string(get_live));
    const auto answers = client.read_all();
    EXPECT_TRUE(starts(answers, status)) << head << answers;
    EXPECT_TRUE(holds(answers, "Connection: close\r\n")) << answers;
    EXPECT_EQ(answers.find("HTTP/1.1", 1), std::string::npos) << answers;
  }
}

TEST_F(ServerTest, refuses_a_head_that_is_too_large) {
  const std::string field = "X: " + std::string(9000, 'x');
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "A: b\r\n";
  const std::pair<std::string, const char*> cases[] = {
      {"GET / HTTP/1.1\r\nHost: x\r\n" + field + "\r\n\r\n", "HTTP/1.1 431 "},
      {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 431 "},
      {"GET / HTTP/1.1\r\n" + field + field + field, "HTTP/1.1 431 "},
      {"GET / HTTP/1.1\r\nHost: x\r\n" + many + "\r\n", "HTTP/1.1 431 "},
      {"GET / HTTP/1.1\r\nHost: x\r\n" + many, "HTTP/1.1 431 "},
      {std::string(40000, 'x'), "HTTP/1.1 431 "}};
  for (const auto& [request, status] : cases) {
    auto client = connect();
    client.send(request);
    client.finish_sending();
    const auto answer = client.read_all();
    EXPECT_TRUE(starts(answer, status)) << request.substr(0, 40) << answer;
    EXPECT_TRUE(holds(answer, "Content-Security-Policy: ")) << answer;
    EXPECT_EQ(client.error(), asio::error::eof);
  }
  EXPECT_TRUE(
      holds(connect().ask("GET /livez HTTP/1.1\r\nHost: x\r\nX: " + std::string(8000, 'x') + "\r\n\r\n"),
            "200 OK"));
}

TEST_F(ServerTest, counts_the_fields_of_a_head_that_comes_slowly_too) {
  auto client = connect();
  client.send("GET /livez HTTP/1.1\r\nHost: x\r\n");
  for (int i = 0; i < 20; ++i) {
    client.send("X: " + std::string(507, 'x') + "\r\n");
    context.poll();
  }
  client.finish_sending();
  EXPECT_TRUE(starts(client.read_all(), "HTTP/1.1 431 "));
}

TEST_F(ServerTest, counts_each_head_of_a_connection_by_itself) {
  auto client = connect();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(
        starts(client.ask("GET /livez HTTP/1.1\r\nHost: x\r\nX: " + std::string(5000, 'x') + "\r\n\r\n"),
               "HTTP/1.1 200 "));
  }
}

TEST_F(ServerTest, refuses_what_is_no_http) {
  for (const std::string& bytes :
       {std::string("EHLO mail.example.test\r\n\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01", 6) + "\r\n\r\n", std::string("GET / HTTP/9.9\r\n\r\n"),
        std::string("GET /\r\n\r\n"), std::string("GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\n\r\n"), std::string("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")}) {
    auto client = connect();
    client.send(bytes);
    client.finish_sending();
    EXPECT_TRUE(starts(client.read_all(), "HTTP/1.1 400 ")) << bytes;
  }
}

TEST_F(ServerTest, says_nothing_to_who_says_nothing_or_stops_in_the_middle) {
  for (const auto* bytes : {"", "G", "GET / HTTP/1.1\r\nHost: x\r\n"}) {
    auto client = connect();
    client.send(bytes);
    client.finish_sending();
    EXPECT_EQ(client.read_all(), "") << bytes;
  }
}

struct FullServerTest : ServerTest {
  void SetUp() override {
    limits.connections = 3;
    open("127.0.0.1:0");
  }
  /// One that waits between two requests.
  Client idle() {
    auto client = connect();
    EXPECT_TRUE(starts(client.ask(get_live), "HTTP/1.1 200 "));
    return client;
  }
  /// One whose request never ends.
  Client slow() {
    auto client = connect();
    client.send("GET /livez HTTP/1.1\r\n");
    context.poll();
    return client;
  }
  void expect_served(Client& client) { EXPECT_TRUE(starts(client.ask(get_live), "HTTP/1.1 200 ")); }
  void expect_served_slowly(Client& client) {
    client.send("Host: x\r\n\r\n");
    EXPECT_TRUE(starts(client.read_answer(), "HTTP/1.1 200 "));
  }
};

TEST_F(FullServerTest, gives_the_place_of_the_oldest_idle_connection_to_a_new_one) {
  auto busy = slow();
  auto first = idle();
  auto second = idle();
  auto late = idle();
  EXPECT_EQ(first.read_all(), "");
  expect_served(second);
  expect_served(late);
  expect_served_slowly(busy);
}

TEST_F(FullServerTest, does_not_take_a_new_connection_that_has_asked_nothing_yet_for_an_idle_one) {
  auto busy = slow();
  auto second = slow();
  auto silent = connect();
  context.poll();
  auto late = idle();
  EXPECT_EQ(busy.read_all(), "");
  expect_served(silent);
  expect_served(late);
}

TEST_F(FullServerTest, gives_the_place_of_the_oldest_connection_to_a_new_one_if_none_is_idle) {
  auto first = slow();
  auto second = slow();
  auto third = slow();
  auto late = idle();
  EXPECT_EQ(first.read_all(), "");
  expect_served_slowly(second);
  expect_served_slowly(third);
  expect_served(late);
}

TEST_F(FullServerTest, has_room_for_a_new_connection_when_one_has_gone) {
  auto first = idle();
  auto second = idle();
  auto third = idle();
  second.send("GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  second.read_all();
  { const auto gone = std::move(second); }
  context.poll();  // the server hears of it
  auto late = idle();
  expect_served(first);
  expect_served(third);
  expect_served(late);
}

TEST_F(FullServerTest, serves_each_of_many_that_hold_on) {
  std::vector<Client> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(i % 2 == 0 ? slow() : connect());
    auto client = idle();
    expect_served(client);
  }
}

/// The address of this machine that all sockets at 0.0.0.0 have in common.
struct ExposedServerTest : ServerTest {
  static constexpr std::string_view get_page = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  const Settings with_password{
      base::Secret("pbkdf2-sha256:1000:0001020304050607:"
                   "2f5de36c815c21977b24c2f841f63d6a110d5f6ec3250f71f1c3372e0f709f10")};

  void SetUp() override {}
  void open_to_all(Settings settings) {
    open("0.0.0.0:0", std::move(settings));
    at = *base::Endpoint::parse("127.0.0.1:" + std::to_string(at.port));
  }
};

TEST_F(ExposedServerTest, lets_nobody_in_without_a_password) {
  open_to_all({});
  EXPECT_TRUE(starts(connect().ask(get_page), "HTTP/1.1 401 "));
  EXPECT_TRUE(starts(connect().ask(get_live), "HTTP/1.1 200 "));
}

TEST_F(ExposedServerTest, lets_nobody_in_after_a_reload_that_takes_the_password_away) {
  open_to_all(with_password);
  const auto with_right_password =
      "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpvcGVuIHNlc2FtZQ==\r\n\r\n";
  EXPECT_TRUE(starts(connect().ask(with_right_password), "HTTP/1.1 200 "));
  server->set_settings({});
  EXPECT_TRUE(starts(connect().ask(get_page), "HTTP/1.1 401 "));
  EXPECT_TRUE(starts(connect().ask(with_right_password), "HTTP/1.1 401 "));
  server->set_settings(with_password);
  EXPECT_TRUE(starts(connect().ask(with_right_password), "HTTP/1.1 200 "));
}

TEST_F(ServerTest, ends_only_the_connection_that_fails) {
  auto other = connect();
  EXPECT_TRUE(starts(other.ask(get_live), "HTTP/1.1 200 "));
  auto client = connect();
  queries.fails = true;
  EXPECT_TRUE(starts(client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 500 "));
  queries.fails_badly = true;
  queries.fails = false;
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_all(), "");
  EXPECT_TRUE(starts(other.ask(get_live), "HTTP/1.1 200 "));
}

TEST_F(ServerTest, asks_for_the_password_it_is_given_while_it_runs) {
  auto client = connect();
  EXPECT_TRUE(starts(client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 "));
  server->set_settings(
      {base::Secret("pbkdf2-sha256:1000:0001020304050607:"
                    "2f5de36c815c21977b24c2f841f63d6a110d5f6ec3250f71f1c3372e0f709f10")});
  EXPECT_TRUE(holds(client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "WWW-Authenticate: Basic "));
  EXPECT_TRUE(
      starts(client.ask("GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpvcGVuIHNlc2FtZQ==\r\n\r\n"),
             "HTTP/1.1 200 "));
}

TEST_F(ServerTest, listens_no_longer_and_closes_all_connections_when_it_stops) {
  auto idle = connect();
  EXPECT_TRUE(starts(idle.ask(get_live), "HTTP/1.1 200 "));
  auto half_way = connect();
  half_way.send("GET / HTTP/1.1\r\n");
  context.poll();
  server->stop();
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_EQ(half_way.read_all(), "");
  EXPECT_EQ(connect().error(), asio::error::connection_refused);
}

TEST_F(ServerTest, may_be_destroyed_with_connections_open) {
  auto client = connect();
  client.send(get_live);
  server.reset();
  EXPECT_EQ(client.read_all(), "");
  context.poll();
  EXPECT_EQ(queries.asked, 0);
}

TEST_F(ServerTest, may_be_destroyed_together_with_the_context) {
  auto client = connect();
  EXPECT_TRUE(starts(client.ask(get_live), "HTTP/1.1 200 "));
  client.send("GET / HT");
}

TEST_F(ServerTest, listens_at_ipv6_too) {
  auto probe = net::ListeningSocket::open(*base::Endpoint::parse("[::1]:0"), {});
  if (!probe) GTEST_SKIP() << "no IPv6 here";
  open("[::1]:0");
  EXPECT_TRUE(starts(connect().ask(get_live), "HTTP/1.1 200 "));
}

struct ImpatientServerTest : ServerTest {
  void SetUp() override {
    limits.request = base::Millis(30);
    limits.idle = base::Millis(30);
    limits.farewell = base::Millis(30);
    open("127.0.0.1:0");
  }
};

TEST_F(ImpatientServerTest, closes_on_who_asks_nothing) {
  EXPECT_EQ(connect().read_all(), "");
}

TEST_F(ImpatientServerTest, closes_on_who_takes_too_long_to_ask) {
  auto client = connect();
  client.send("GET /livez HTTP/1.1\r\nHost: x\r\n");
  EXPECT_EQ(client.read_all(), "");
}

TEST_F(ImpatientServerTest, closes_an_idle_connection) {
  auto client = connect();
  client.send(get_live);
  EXPECT_TRUE(client.read_all().ends_with("ok\n"));
}

TEST_F(ImpatientServerTest, closes_on_who_does_not_read_the_answer) {
  queries.answer.warnings.assign(10000, std::string(1000, 'x'));
  auto client = connect();
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  while (queries.asked == 0) context.run_one();
  EXPECT_EQ(connect().read_all(), "");  // this one came later and was given as long
  EXPECT_FALSE(client.read_all().ends_with("</html>\n"));
}

}  // namespace
}  // namespace gatepost::webui
