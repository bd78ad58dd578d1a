// A connection to a backend: its stream, the protocol's state, and the permit it holds.
#pragma once

#include <memory>

#include "core/net/stream.hpp"
#include "relay/server.hpp"
#include "smtp/client_session.hpp"

namespace gatepost::relay {

struct Connection {
  /// Takes over a permit of `server`.
  Connection(std::shared_ptr<Server> of, smtp::ClientSession with)
      : server(std::move(of)), session(std::move(with)) {}
  ~Connection() { server->permits.give(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::shared_ptr<Server> server;
  std::unique_ptr<net::Stream> stream;
  smtp::ClientSession session;
  base::Instant opened_at;
  base::Instant idle_since;
  bool pooled = false;    ///< it has been idle: the server may have closed it meanwhile
  unsigned refusals = 0;  ///< replies with 5xx it has given
};

enum class Talk {
  answered,
  lost,         ///< the connection broke or ended
  silent,       ///< nothing came for as long as `patience` allows
  interrupted,  ///< the deadline's interruption says why
};

/// How long a server may be silent within a conversation, besides the deadline of the whole.
struct Patience {
  static constexpr base::Millis as_the_deadline = base::Millis::max();
  const base::Clock& clock;
  base::Millis silence = as_the_deadline;
  bool limited() const { return silence != as_the_deadline; }
};

/// Waits until the stream is ready.
net::Task<Talk> wait_for(Connection& connection, net::Want want, net::Deadline& deadline, Patience patience);

/// Writes the session's output and feeds it what comes until it wants something else than read; `action` is
/// what it wanted last and wants then.
net::Task<Talk> converse(Connection& connection, smtp::ClientSession::Action& action, net::Deadline& deadline,
                         Patience patience);

/// Feeds what can be read without waiting. False: the connection is at its end.
bool feed_available(Connection& connection, smtp::ClientSession::Action& action);

/// Ends a connection politely, without waiting.
void say_goodbye(Connection& connection);

}  // namespace gatepost::relay
