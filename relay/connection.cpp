#include "relay/connection.hpp"

#include <array>

namespace gatepost::relay {
namespace {

/// One read into the protocol; what status it had. The buffer is not part of a coroutine's frame this way.
net::IoStatus read_once(Connection& connection, smtp::ClientSession::Action& action) {
  std::array<char, 4096> buffer;
  const auto got = connection.stream->read(buffer);
  if (got.status == net::IoStatus::done) action = connection.session.feed({buffer.data(), got.bytes});
  return got.status;
}

}  // namespace

net::Task<Talk> wait_for(Connection& connection, net::Want want, net::Deadline& deadline, Patience patience) {
  if (!patience.limited()) {
    const bool done = co_await connection.stream->wait(want, deadline);
    co_return done ? Talk::answered : Talk::interrupted;
  }
  net::NearerDeadline limit(deadline, patience.clock.now() + patience.silence);
  const bool ready = co_await connection.stream->wait(want, deadline);
  limit.restore(patience.clock.now());
  if (ready) co_return Talk::answered;
  co_return deadline.interrupted() == net::Interrupt::none ? Talk::silent : Talk::interrupted;
}

net::Task<Talk> converse(Connection& connection, smtp::ClientSession::Action& action, net::Deadline& deadline,
                         Patience patience) {
  using Action = smtp::ClientSession::Action;
  auto& output = connection.session.output();
  bool expect_at_once = false;  // right behind a write there is nothing to read yet
  while (action == Action::read) {
    for (std::size_t sent = 0; sent < output.size();) {
      const iovec part{output.data() + sent, output.size() - sent};
      const auto written = connection.stream->write({&part, 1});
      sent += written.bytes;
      if (written.status == net::IoStatus::done) continue;
      if (written.status != net::IoStatus::want_read && written.status != net::IoStatus::want_write)
        co_return Talk::lost;
      const auto waited = co_await wait_for(
          connection, written.status == net::IoStatus::want_read ? net::Want::read : net::Want::write,
          deadline, patience);
      if (waited != Talk::answered) co_return waited;
    }
    output.clear();
    auto want = net::Want::read;
    if (expect_at_once) {
      const auto status = read_once(connection, action);
      if (status == net::IoStatus::done) continue;
      if (status != net::IoStatus::want_read && status != net::IoStatus::want_write) co_return Talk::lost;
      if (status == net::IoStatus::want_write) want = net::Want::write;
    }
    if (patience.limited()) {
      const auto waited = co_await wait_for(connection, want, deadline, patience);
      if (waited != Talk::answered) co_return waited;
    } else {  // without another frame: most routes have one server
      const bool ready = co_await connection.stream->wait(want, deadline);
      if (!ready) co_return Talk::interrupted;
    }
    expect_at_once = true;
  }
  co_return Talk::answered;
}

bool feed_available(Connection& connection, smtp::ClientSession::Action& action) {
  while (true) {
    const auto status = read_once(connection, action);
    if (status == net::IoStatus::want_read || status == net::IoStatus::want_write) return true;
    if (status != net::IoStatus::done) return false;
  }
}

void say_goodbye(Connection& connection) {
  connection.session.output().clear();
  connection.session.quit();
  const auto& bytes = connection.session.output();
  const iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  if (!bytes.empty()) connection.stream->write({&part, 1});
  connection.stream->shutdown_send();
}

}  // namespace gatepost::relay
