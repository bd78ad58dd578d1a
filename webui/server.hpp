// The web server: status page, JSON, metrics, health. Runs on the admin thread; a few connections at a time
// are all it is for.
#pragma once

#include <memory>

#include "core/base/secret.hpp"
#include "core/net/acceptor.hpp"
#include "webui/queries.hpp"

namespace gatepost::webui {

struct Settings {
  /// From password_hash(). Empty: no authentication at loopback, and nobody is let in elsewhere.
  base::Secret password_hash;
};

/// What clients may take.
struct Limits {
  /// Open at once. Beyond it a new one takes the place of the oldest that is idle or, if none is, of
  /// the oldest: whoever holds connections open keeps nobody out.
  std::size_t connections = 64;
  std::uint32_t header = 8 << 10;  ///< octets, of all fields together
  std::uint64_t body = 4 << 10;    ///< octets announced; none is ever looked at
  base::Millis request{10000};     ///< for a request to come in, and for its answer to be taken
  base::Millis idle{30000};        ///< between requests
  base::Millis farewell{2000};     ///< for the client to read the last answer and close
};

class Server {
 public:
  virtual ~Server() = default;
  virtual void start() = 0;
  /// Closes the listening sockets and all connections.
  virtual void stop() = 0;
  virtual void set_settings(Settings settings) = 0;
};

/// Serves on sockets that listen already, on the thread that runs `context`, where all calls belong too.
/// `queries` outlives the server; what is still under way when it is destroyed is cut off and asks nothing
/// more.
std::unique_ptr<Server> make_server(net::asio::io_context& context, std::vector<net::ListeningSocket> sockets,
                                    const Queries& queries, Settings settings, Limits limits = {});

/// A password as web.password_hash takes it: "pbkdf2-sha256:<iterations>:<salt hex>:<hash hex>".
std::string password_hash(std::string_view password);
/// Is it one?
bool is_password_hash(std::string_view text);
bool password_matches(std::string_view password, const std::string& hash);

}  // namespace gatepost::webui
