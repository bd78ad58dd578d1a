// The web server: status page, JSON, metrics, health. Runs on the admin thread; a few connections at a time are
// all it is for.
#pragma once

#include <memory>

#include "core/base/secret.hpp"
#include "core/net/acceptor.hpp"
#include "webui/queries.hpp"

namespace gatepost::webui {

struct Settings {
  /// From password_hash(); empty: no authentication.
  base::Secret password_hash;
};

class Server {
 public:
  virtual ~Server() = default;
  virtual void start() = 0;
  virtual void stop() = 0;
  virtual void set_settings(Settings settings) = 0;
};

/// Serves on sockets that listen already. `queries` outlives the server.
std::unique_ptr<Server> make_server(net::asio::io_context& context, std::vector<net::ListeningSocket> sockets, const Queries& queries, Settings settings);

/// A password as web.password_hash takes it: "pbkdf2-sha256:<iterations>:<salt hex>:<hash hex>".
std::string password_hash(std::string_view password);
/// Is it one?
bool is_password_hash(std::string_view text);
bool password_matches(std::string_view password, const std::string& hash);

}  // namespace gatepost::webui
