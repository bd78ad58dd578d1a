#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>

#include "core/net/acceptor.hpp"
#include "core/net/callback.hpp"
#include "core/net/connector.hpp"
#include "core/net/one_shot.hpp"
#include "core/net/tcp_stream.hpp"
#include "tests/support/fake_stream.hpp"

namespace gatepost::net {
namespace {

/// Runs a coroutine to its end.
template <class Make>
void run(asio::io_context& io, Make make) {
  bool done = false;
  auto finished = [&](std::exception_ptr failure) {
    done = true;
    if (failure) std::rethrow_exception(failure);
  };
  asio::co_spawn(io, make(), finished);
  while (!done) io.run_one();
}

TEST(Callback, calls_once_and_is_empty_then) {
  int calls = 0;
  Callback<int> small = [&](int by) { calls += by; };
  Callback<int> moved = std::move(small);
  EXPECT_FALSE(small);  // NOLINT(bugprone-use-after-move)
  moved(3);
  EXPECT_FALSE(moved);
  EXPECT_EQ(calls, 3);
}

TEST(Callback, keeps_what_is_too_large_for_it) {
  auto shared = std::make_shared<int>(0);
  {
    std::array<char, 200> large{};
    Callback<> callback = [shared, large] { *shared = static_cast<int>(large.size()); };
    Callback<> other;
    other = std::move(callback);
    other();
    Callback<> never_called = [shared, large] { *shared = -1; };
  }
  EXPECT_EQ(*shared, 200);
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(Deadline, remembers_an_interruption_that_comes_while_nothing_waits) {
  asio::io_context io;
  Deadline deadline;
  deadline.interrupt(Interrupt::hung_up);
  OneShot<int> one(io.get_executor());
  bool got = true;
  run(io, [&]() -> Task<void> { got = co_await one.wait(deadline); });
  EXPECT_FALSE(got);
  EXPECT_EQ(deadline.interrupted(), Interrupt::hung_up);
  deadline.interrupt(Interrupt::expired);
  EXPECT_EQ(deadline.interrupted(), Interrupt::hung_up) << "the first reason counts";
}

TEST(Deadline, is_checked_by_the_sweep) {
  Deadline deadline;
  const base::Instant now{std::chrono::hours(1)};
  deadline.set(now + base::Millis(100));
  deadline.check(now + base::Millis(99));
  EXPECT_EQ(deadline.interrupted(), Interrupt::none);
  deadline.check(now + base::Millis(100));
  EXPECT_EQ(deadline.interrupted(), Interrupt::expired);
}

TEST(NearerDeadline, forgets_an_expiry_that_was_only_its_own) {
  Deadline deadline;
  const base::Instant now{std::chrono::hours(1)};
  deadline.set(now + base::Millis(1000));
  {
    NearerDeadline nearer(deadline, now + base::Millis(10));
    deadline.check(now + base::Millis(20));
    EXPECT_EQ(deadline.interrupted(), Interrupt::expired);
    nearer.restore(now + base::Millis(20));
  }
  EXPECT_EQ(deadline.interrupted(), Interrupt::none);
  EXPECT_EQ(deadline.when(), now + base::Millis(1000));
  NearerDeadline further(deadline, now + base::Millis(5000));
  deadline.check(now + base::Millis(1000));
  further.restore(now + base::Millis(1000));
  EXPECT_EQ(deadline.interrupted(), Interrupt::expired);
}

TEST(OneShot, gives_a_value_set_before_or_while_waiting) {
  asio::io_context io;
  Deadline deadline;
  OneShot<int> one(io.get_executor());
  asio::post(io, [&] { one.set(7); });
  run(io, [&]() -> Task<void> {
    const bool got = co_await one.wait(deadline);
    EXPECT_TRUE(got);
    EXPECT_EQ(one.get(), 7);
  });
  one.set(8);
  EXPECT_EQ(one.get(), 7) << "it is set once";
}

TEST(OneShot, stops_waiting_when_interrupted) {
  asio::io_context io;
  Deadline deadline;
  OneShot<int> one(io.get_executor());
  asio::post(io, [&] { deadline.interrupt(Interrupt::expired); });
  bool got = true;
  run(io, [&]() -> Task<void> { got = co_await one.wait(deadline); });
  EXPECT_FALSE(got);
}

/// Two connected TCP streams on one thread.
struct StreamPair {
  asio::io_context io;
  std::unique_ptr<TcpStream> a;
  std::unique_ptr<TcpStream> b;
  StreamPair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    a = std::make_unique<TcpStream>(io, ends[0]);
    b = std::make_unique<TcpStream>(io, ends[1]);
  }
  static IoResult put(TcpStream& stream, std::string text) {
    const iovec part{text.data(), text.size()};
    return stream.write({&part, 1}, false);
  }
};

TEST(TcpStream, waits_until_there_is_something_to_read) {
  StreamPair pair;
  Deadline deadline;
  std::array<char, 10> buffer;
  EXPECT_EQ(pair.a->read(buffer).status, IoStatus::want_read);
  asio::post(pair.io, [&] { StreamPair::put(*pair.b, "hello"); });
  bool ready = false;
  run(pair.io, [&]() -> Task<void> { ready = co_await pair.a->wait(Want::read, deadline); });
  EXPECT_TRUE(ready);
  const auto got = pair.a->read(buffer);
  EXPECT_EQ(std::string_view(buffer.data(), got.bytes), "hello");
  EXPECT_FALSE(got.more);
}

TEST(TcpStream, is_told_of_bytes_that_came_while_nobody_waited) {
  StreamPair pair;
  Deadline deadline;
  StreamPair::put(*pair.b, "early");
  pair.io.poll();
  for (int i = 0; i < 2; ++i) {  // readiness stays until it was used up
    bool ready = false;
    run(pair.io, [&]() -> Task<void> { ready = co_await pair.a->wait(Want::read, deadline); });
    EXPECT_TRUE(ready);
  }
}

TEST(TcpStream, reads_what_came_with_the_end_and_then_the_end) {
  StreamPair pair;
  Deadline deadline;
  StreamPair::put(*pair.b, "bye");
  pair.b.reset();
  std::array<char, 10> buffer;
  run(pair.io, [&]() -> Task<void> { co_await pair.a->wait(Want::read, deadline); });
  EXPECT_EQ(pair.a->read(buffer).bytes, 3U);
  run(pair.io, [&]() -> Task<void> { co_await pair.a->wait(Want::read, deadline); });
  EXPECT_EQ(pair.a->read(buffer).status, IoStatus::eof);
}

TEST(TcpStream, waits_until_there_is_room_to_write) {
  StreamPair pair;
  Deadline deadline;
  const std::string much(1 << 20, 'x');
  while (StreamPair::put(*pair.a, much).status == IoStatus::done) continue;
  std::vector<char> buffer(16 << 20);
  asio::post(pair.io, [&] {
    while (pair.b->read(buffer).status == IoStatus::done) continue;
  });
  bool ready = false;
  run(pair.io, [&]() -> Task<void> { ready = co_await pair.a->wait(Want::write, deadline); });
  EXPECT_TRUE(ready);
  EXPECT_EQ(StreamPair::put(*pair.a, "y").status, IoStatus::done);
}

TEST(TcpStream, stops_waiting_at_its_deadline) {
  StreamPair pair;
  Deadline deadline;
  asio::post(pair.io, [&] { deadline.interrupt(Interrupt::expired); });
  bool ready = true;
  run(pair.io, [&]() -> Task<void> { ready = co_await pair.a->wait(Want::read, deadline); });
  EXPECT_FALSE(ready);
}

TEST(TcpStream, can_move_to_another_thread) {
  StreamPair pair;
  asio::io_context other;
  Deadline deadline;
  pair.a->detach();
  pair.a->attach(other);
  StreamPair::put(*pair.b, "moved");
  bool ready = false;
  run(other, [&]() -> Task<void> { ready = co_await pair.a->wait(Want::read, deadline); });
  EXPECT_TRUE(ready);
  pair.a.reset();
}

TEST(TcpStream, survives_being_closed_while_an_event_for_it_is_under_way) {
  StreamPair pair;
  auto second = std::make_unique<StreamPair>();
  Deadline deadline;
  StreamPair::put(*pair.b, "x");
  StreamPair::put(*pair.a, "y");
  // Both streams of the pair have an event in the same batch; handling the first closes the second.
  run(pair.io, [&]() -> Task<void> {
    co_await pair.a->wait(Want::read, deadline);
    pair.b.reset();
  });
  pair.io.poll();
}

struct Listening {
  asio::io_context io;
  std::vector<int> accepted;
  ListeningSocket socket = std::move(*ListeningSocket::open(*base::Endpoint::parse("127.0.0.1:0"), {}));
  base::Endpoint local = socket.local();
  Acceptor acceptor{io, std::move(socket), [this](int fd, const base::Endpoint&) { accepted.push_back(fd); },
                    [](int) {}};
  Listening() { acceptor.start(); }
  ~Listening() {
    for (const int fd : accepted) ::close(fd);
  }
};

TEST(Connector, reaches_an_acceptor) {
  Listening listening;
  auto connector = make_tcp_connector(listening.io, 0);
  Deadline deadline;
  run(listening.io, [&]() -> Task<void> {
    auto stream = co_await connector->connect("127.0.0.1", listening.local.port, deadline);
    EXPECT_TRUE(stream.has_value());
  });
  while (listening.accepted.empty()) listening.io.run_one();
  EXPECT_EQ(local_of(listening.accepted[0]), listening.local);
}

TEST(Connector, resolves_names) {
  Listening listening;
  auto connector = make_tcp_connector(listening.io, 0);
  Deadline deadline;
  run(listening.io, [&]() -> Task<void> {
    auto stream = co_await connector->connect("localhost", listening.local.port, deadline);
    EXPECT_TRUE(stream.has_value()) << stream.error().message;
  });
}

TEST(Connector, says_why_it_could_not_connect) {
  asio::io_context io;
  auto connector = make_tcp_connector(io, 0);
  Deadline deadline;
  const auto nobody =
      ListeningSocket::open(*base::Endpoint::parse("127.0.0.1:0"), {})->local();  // closed again
  run(io, [&]() -> Task<void> {
    auto stream = co_await connector->connect("127.0.0.1", nobody.port, deadline);
    EXPECT_FALSE(stream.has_value());
    EXPECT_EQ(stream.error().message, "cannot connect to " + nobody.to_string() + ": Connection refused");
  });
}

TEST(ListeningSocket, says_when_a_port_is_taken) {
  const auto first = ListeningSocket::open(*base::Endpoint::parse("127.0.0.1:0"), {});
  const auto second = ListeningSocket::open(first->local(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message, "Address already in use");
}

}  // namespace
}  // namespace gatepost::net
