// Connections to backends that wait for their next message. One pool per thread; idle connections belong to
// their thread and move only when another thread has run out.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/net/connector.hpp"
#include "relay/connection.hpp"
#include "relay/route.hpp"

namespace gatepost::relay {

class Pool {
 public:
  Pool(net::asio::io_context& context, net::Connector& connector, const base::Clock& clock,
       std::string hostname);

  /// What EHLO says on connections opened from now on.
  void set_hostname(std::string hostname) { hostname_ = std::move(hostname); }

  /// An idle connection, or a new one that has said EHLO. Fails with a sentence; an interruption of
  /// `deadline` is one of the ways to fail. `fresh`: idle ones will not do.
  /// `in_line`: how long to wait where all connections are in use.
  net::Task<base::Result<std::unique_ptr<Connection>>> lease(const Route& route,
                                                             std::shared_ptr<Server> server,
                                                             net::Deadline& deadline, bool fresh,
                                                             Patience in_line);
  /// Back after a transaction. Closes it instead if it should not be used again.
  void give_back(std::unique_ptr<Connection> connection, const Route& route);

  /// Closes what has been idle for too long.
  void sweep(base::Instant now);
  /// Hands an idle connection to whoever waits for one on another thread.
  void donate(const Server& server);
  void close_all();
  /// For other threads: is there anything to donate?
  bool has_idle() const { return has_idle_.load(); }

  /// Called when this pool has run out of permits: asks the other threads' pools to donate().
  std::function<void(std::shared_ptr<Server>)> ask_others = [](const std::shared_ptr<Server>&) {};

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    base::Instant until;
  };
  std::unique_ptr<Connection> take_idle(const Server& server);
  void keep(std::unique_ptr<Connection> connection, base::Instant until);
  net::Task<base::Result<std::unique_ptr<Connection>>> wait_in_line(std::shared_ptr<Server> server,
                                                                    net::Deadline& deadline,
                                                                    Patience patience);
  /// `over_tls`, of a failure: it came after STARTTLS was said.
  net::Task<base::Result<std::unique_ptr<Connection>>> open(const Route& route,
                                                            std::shared_ptr<Server> server,
                                                            net::Deadline& deadline, smtp::ClientTls tls,
                                                            bool& over_tls);
  net::Task<base::Result<std::unique_ptr<Connection>>> open_permitted(const Route& route,
                                                                      std::shared_ptr<Server> server,
                                                                      net::Deadline& deadline);

  net::asio::io_context& context_;
  net::Connector& connector_;
  const base::Clock& clock_;
  std::string hostname_;
  std::vector<Idle> idle_;
  std::atomic<bool> has_idle_{false};
};

}  // namespace gatepost::relay
