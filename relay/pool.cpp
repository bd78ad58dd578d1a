#include "relay/pool.hpp"

#include <algorithm>
#include <utility>

#include "core/net/one_shot.hpp"

namespace gatepost::relay {
namespace {

using Action = smtp::ClientSession::Action;
using Leased = base::Result<std::unique_ptr<Connection>>;

/// After so many refusals a connection is not used again: Exchange ends it at five errors.
constexpr unsigned most_refusals = 3;

/// Leaves the line, however the waiting ends.
struct Place {
  ~Place() { permits.leave(ticket); }
  Permits& permits;
  Permits::Ticket ticket;
};

base::Failure interrupted(const Server& server, const net::Deadline& deadline) {
  const auto* why = deadline.interrupted() == net::Interrupt::expired ? ": no answer in time" : ": given up";
  return base::Failure{server.address.to_string() + why};
}

}  // namespace

Pool::Pool(net::asio::io_context& context, net::Connector& connector, const base::Clock& clock,
           std::string hostname)
    : context_(context), connector_(connector), clock_(clock), hostname_(std::move(hostname)) {}

std::unique_ptr<Connection> Pool::take_idle(const Server& server) {
  while (true) {
    // The one used last is the least likely to have been closed by the server.
    const auto found = std::find_if(idle_.rbegin(), idle_.rend(), [&](const Idle& idle) {
      return idle.connection->server.get() == &server;
    });
    if (found == idle_.rend()) return nullptr;
    auto connection = std::move(found->connection);
    idle_.erase(std::next(found).base());
    has_idle_.store(!idle_.empty(), std::memory_order_relaxed);
    // What a server says when it has waited for too long is no answer to the next message.
    if (connection->stream->quiet()) return connection;
  }
}

void Pool::keep(std::unique_ptr<Connection> connection, base::Instant until) {
  idle_.push_back({std::move(connection), until});
  has_idle_.store(true);
}

net::Task<Leased> Pool::lease(const Route& route, std::shared_ptr<Server> server, net::Deadline& deadline,
                              bool fresh, Patience in_line) {
  while (true) {
    if (!fresh) {
      if (auto idle = take_idle(*server)) co_return std::move(idle);
    }
    if (server->permits.try_take()) break;
    if (fresh && take_idle(*server)) continue;  // makes room for a new one
    auto waited = co_await wait_in_line(server, deadline, in_line);
    if (!waited) co_return waited.error();
    if (*waited) co_return std::move(*waited);
  }
  co_return co_await open_permitted(route, std::move(server), deadline);
}

/// A connection that somebody has done with, or null: there may be a permit.
net::Task<Leased> Pool::wait_in_line(std::shared_ptr<Server> server, net::Deadline& deadline,
                                     Patience patience) {
  using Handed = net::OneShot<std::unique_ptr<Connection>>;
  auto handed = std::make_shared<Handed>(context_.get_executor());
  const auto ticket =
      server->permits.wait(this, [weak = std::weak_ptr<Handed>(handed), server, this](
                                     std::unique_ptr<Connection> connection, const void* from) {
        if (connection && from == this) {
          if (const auto waiting = weak.lock()) {
            waiting->set(std::move(connection));
          } else {
            server->permits.hand_over(std::move(connection), this);
          }
          return;
        }
        if (connection) connection->stream->detach();
        net::asio::post(context_, [weak, server, this, connection = std::move(connection)]() mutable {
          if (connection) connection->stream->attach(context_);
          if (const auto waiting = weak.lock()) {
            waiting->set(std::move(connection));
          } else if (!connection) {
            server->permits.hand_over(nullptr, nullptr);  // whoever stood here has left: the next one's turn
          }
        });
      });
  const Place place{server->permits, ticket};
  ask_others(server);
  // A permit that came back just before we stood in line wakes nobody.
  if (server->permits.try_take()) server->permits.give();
  net::NearerDeadline limit(deadline,
                            patience.limited() ? patience.clock.now() + patience.silence : deadline.when());
  const bool got = co_await handed->wait(deadline);
  limit.restore(patience.clock.now());
  if (!got && !handed->ready()) {
    if (deadline.interrupted() != net::Interrupt::none) co_return interrupted(*server, deadline);
    co_return base::Failure{server->address.to_string() + ": all connections are in use"};
  }
  co_return std::move(handed->get());
}

net::Task<Leased> Pool::open_permitted(const Route& route, std::shared_ptr<Server> server,
                                       net::Deadline& deadline) {
  bool over_tls = false;
  auto opened = co_await open(route, server, deadline, route.client_tls(), over_tls);
  const bool retry_plain = !opened && over_tls && route.options.tls == TlsMode::opportunistic;
  if (retry_plain && deadline.interrupted() == net::Interrupt::none && server->permits.try_take()) {
    opened = co_await open(route, server, deadline, smtp::ClientTls::none, over_tls);
  }
  if (opened) {
    server->counters.connections.fetch_add(1, std::memory_order_relaxed);
    server->learned((*opened)->session.extensions());
  } else if (deadline.interrupted() == net::Interrupt::none) {  // else it had no fair chance
    server->note_failure(opened.error().message);
    server->breaker.failed(clock_.now());
  }
  co_return opened;
}

net::Task<Leased> Pool::open(const Route& route, std::shared_ptr<Server> server, net::Deadline& deadline,
                             smtp::ClientTls tls, bool& over_tls) {
  const auto started = clock_.now();
  net::NearerDeadline limit(deadline, started + route.options.connect_timeout);
  auto connection = std::make_unique<Connection>(server, smtp::ClientSession(hostname_, tls));
  connection->opened_at = started;
  auto stream = co_await connector_.connect(server->address.host, server->address.port, deadline);
  if (!stream) {
    limit.restore(clock_.now());
    co_return stream.error();
  }
  connection->stream = std::move(*stream);
  const Patience patience{clock_, route.options.connect_timeout};
  auto action = connection->session.greet();
  std::string tls_failure;
  while (action != Action::ready) {
    const auto talk = co_await converse(*connection, action, deadline, patience);
    if (talk != Talk::answered || action == Action::close) break;
    if (action != Action::start_tls) continue;
    connection->stream =
        connector_.start_tls(std::move(connection->stream), *route.tls, server->address.host);
    auto progress = connection->stream->handshake();
    while (progress.status == net::IoStatus::want_read || progress.status == net::IoStatus::want_write) {
      const auto want = progress.status == net::IoStatus::want_read ? net::Want::read : net::Want::write;
      const bool ready = co_await connection->stream->wait(want, deadline);
      if (!ready) break;
      progress = connection->stream->handshake();
    }
    if (progress.status != net::IoStatus::done) {
      tls_failure =
          "TLS handshake with " + server->address.to_string() + " failed: " + connection->stream->failure();
      break;
    }
    action = connection->session.tls_started();
  }
  const bool expired = deadline.interrupted() == net::Interrupt::expired;
  limit.restore(clock_.now());
  if (action == Action::ready) co_return std::move(connection);
  over_tls = connection->session.asked_for_tls();
  if (!tls_failure.empty()) co_return base::Failure{tls_failure};
  const auto& said = connection->session.failure();
  const std::string why = !said.empty() ? said : expired ? "no answer in time" : "it closed the connection";
  co_return base::Failure{server->address.to_string() + ": " + why};
}

void Pool::give_back(std::unique_ptr<Connection> connection, const Route& route) {
  const auto now = clock_.now();
  const bool worn = !connection->session.reusable() || connection->refusals >= most_refusals ||
                    now - connection->opened_at >= route.options.max_age;
  if (worn) {
    say_goodbye(*connection);
    return;
  }
  connection->idle_since = now;
  connection->pooled = true;
  auto& permits = connection->server->permits;
  if (permits.anybody_waits()) {
    connection = permits.hand_over(std::move(connection), this);
    if (!connection) return;
  }
  const auto until =
      std::min(now + route.options.idle_timeout, connection->opened_at + route.options.max_age);
  const auto server = connection->server;
  keep(std::move(connection), until);
  if (server->permits.anybody_waits()) donate(*server);  // who came meanwhile has not seen it
}

void Pool::sweep(base::Instant now) {
  std::erase_if(idle_, [now](Idle& idle) {
    if (now < idle.until) return false;
    say_goodbye(*idle.connection);
    return true;
  });
}

void Pool::donate(const Server& server) {
  if (auto connection = take_idle(server)) {
    auto& permits = connection->server->permits;
    connection = permits.hand_over(std::move(connection), this);
    if (connection) keep(std::move(connection), clock_.now() + std::chrono::seconds(5));
  }
}

void Pool::close_all() {
  for (auto& idle : idle_) say_goodbye(*idle.connection);
  idle_.clear();
}

}  // namespace gatepost::relay
