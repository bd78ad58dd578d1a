#include "webui/server.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <list>

#include "webui/connection.hpp"

namespace gatepost::webui {
namespace {

/// Shared with the connections, which may end after the server.
struct Connections {
  std::list<std::shared_ptr<Connection>> open;  ///< the oldest first
};

bool is_loopback(const net::ListeningSocket& socket) {
  return socket.local().address.scope() == base::Scope::loopback;
}

class HttpServer final : public Server {
 public:
  HttpServer(net::asio::io_context& context, std::vector<net::ListeningSocket> sockets,
             const Queries& queries, Settings settings, const Limits& limits);
  ~HttpServer() override;
  void start() override;
  void stop() override;
  void set_settings(Settings settings) override { router_->set_settings(guarded(std::move(settings))); }

 private:
  void accept(int descriptor, const base::Endpoint& peer);
  void make_room();
  Settings guarded(Settings settings) const;

  base::SystemClock clock_;
  net::asio::io_context& context_;
  Limits limits_;
  bool only_loopback_;
  std::shared_ptr<Router> router_;
  std::shared_ptr<Connections> connections_ = std::make_shared<Connections>();
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
};

HttpServer::HttpServer(net::asio::io_context& context, std::vector<net::ListeningSocket> sockets,
                       const Queries& queries, Settings settings, const Limits& limits)
    : context_(context),
      limits_(limits),
      only_loopback_(std::all_of(sockets.begin(), sockets.end(), is_loopback)),
      router_(std::make_shared<Router>(queries, guarded(std::move(settings)), clock_)) {
  for (auto& socket : sockets) {
    auto on_accept = [this](int descriptor, const base::Endpoint& peer) { accept(descriptor, peer); };
    acceptors_.push_back(
        std::make_unique<net::Acceptor>(context_, std::move(socket), std::move(on_accept), [](int) {}));
  }
}

HttpServer::~HttpServer() {
  stop();
  // Their waits have been cancelled, and look at them once more when they hear of it.
  net::asio::post(context_, [acceptors = std::move(acceptors_)] {});
}

void HttpServer::start() {
  for (auto& acceptor : acceptors_) acceptor->start();
}

void HttpServer::stop() {
  for (auto& acceptor : acceptors_) acceptor->stop();
  for (const auto& connection : connections_->open) connection->close();
}

void HttpServer::accept(int descriptor, const base::Endpoint& peer) {
  net::Socket socket(context_);
  boost::system::error_code error;
  socket.assign(peer.address.is_v4() ? net::asio::ip::tcp::v4() : net::asio::ip::tcp::v6(), descriptor,
                error);
  if (error) {
    ::close(descriptor);
    return;
  }
  if (connections_->open.size() >= limits_.connections) make_room();
  const auto connection = make_connection(std::move(socket), router_, limits_);
  connections_->open.push_back(connection);
  connection->start([open = connections_, at = connection.get()] {
    std::erase_if(open->open, [at](const auto& each) { return each.get() == at; });
  });
}

/// The configuration allows no password at loopback only. But the sockets may be others than it names: a
/// reload changes the one and not the other, and a service manager hands over what it likes.
Settings HttpServer::guarded(Settings settings) const {
  if (!only_loopback_ && settings.password_hash.empty()) settings.password_hash = base::Secret("nobody");
  return settings;
}

/// Forgets one at once: what it still holds is gone as soon as it has heard of its end.
void HttpServer::make_room() {
  auto& open = connections_->open;
  auto leaving = std::find_if(open.begin(), open.end(), [](const auto& each) { return each->idle(); });
  if (leaving == open.end()) leaving = open.begin();
  (*leaving)->close();
  open.erase(leaving);
}

}  // namespace

std::unique_ptr<Server> make_server(net::asio::io_context& context, std::vector<net::ListeningSocket> sockets,
                                    const Queries& queries, Settings settings, Limits limits) {
  return std::make_unique<HttpServer>(context, std::move(sockets), queries, std::move(settings), limits);
}

}  // namespace gatepost::webui
