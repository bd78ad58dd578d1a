// One HTTP connection. The only header around Beast, which it keeps to connection.cpp.
//
// Requests are answered one after the other, also if they come in one piece. Bodies are never read: a request
// that announces one is answered from its head and the connection closed, so that no body can be taken for a
// request.
#pragma once

#include <functional>
#include <memory>

#include "core/net/asio.hpp"
#include "webui/router.hpp"
#include "webui/server.hpp"

namespace gatepost::webui {

class Connection {
 public:
  virtual ~Connection() = default;
  /// Serves until the client or a limit ends it, then calls `done` once, whatever happened.
  virtual void start(std::function<void()> done) = 0;
  /// Has it been served and does it wait for another request, of which nothing has come yet?
  virtual bool idle() const = 0;
  /// Cuts it off; `done` is called soon after.
  virtual void close() = 0;
};

std::shared_ptr<Connection> make_connection(net::Socket socket, std::shared_ptr<Router> router,
                                            const Limits& limits);

}  // namespace gatepost::webui
