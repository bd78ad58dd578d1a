#include "core/net/acceptor.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/net/sockaddr.hpp"

namespace gatepost::net {

base::Result<ListeningSocket> ListeningSocket::open(const base::Endpoint& endpoint, Buffers buffers) {
  const auto fail = [&](int error) { return base::Failure{std::generic_category().message(error)}; };
  const int family = endpoint.address.is_v4() ? AF_INET : AF_INET6;
  ListeningSocket socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.descriptor_ < 0) return fail(errno);
  const int on = 1;
  ::setsockopt(socket.descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Accepted sockets inherit both, which saves a call for each connection.
  ::setsockopt(socket.descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (buffers.receive > 0)
    ::setsockopt(socket.descriptor_, SOL_SOCKET, SO_RCVBUF, &buffers.receive, sizeof buffers.receive);
  if (family == AF_INET6) ::setsockopt(socket.descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  auto address = to_sockaddr(endpoint);
  if (::bind(socket.descriptor_, address.get(), address.size) != 0) return fail(errno);
  if (::listen(socket.descriptor_, 4096) != 0) return fail(errno);
  return socket;
}

ListeningSocket::ListeningSocket(int descriptor) : descriptor_(descriptor) {}
ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept : descriptor_(other.release()) {}
ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = other.release();
  }
  return *this;
}
ListeningSocket::~ListeningSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
int ListeningSocket::release() {
  return std::exchange(descriptor_, -1);
}
base::Endpoint ListeningSocket::local() const {
  return local_of(descriptor_).value_or(base::Endpoint{});
}

Acceptor::Acceptor(asio::io_context& context, ListeningSocket socket, OnAccept on_accept,
                   OnShortage on_shortage)
    : local_(socket.local()),
      acceptor_(context, local_.address.is_v4() ? asio::ip::tcp::v4() : asio::ip::tcp::v6(),
                socket.release()),
      pause_(context),
      on_accept_(std::move(on_accept)),
      on_shortage_(std::move(on_shortage)),
      spare_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

Acceptor::~Acceptor() {
  if (spare_ >= 0) ::close(spare_);
}

void Acceptor::start() {
  wait();
}

void Acceptor::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void Acceptor::wait() {
  acceptor_.async_wait(asio::socket_base::wait_read, [this](boost::system::error_code error) {
    if (stopped_ || error == asio::error::operation_aborted) return;
    accept_all();
  });
}

void Acceptor::refuse_some() {
  if (spare_ >= 0) ::close(spare_);
  for (int i = 0; i < 64; ++i) {
    const int descriptor =
        ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0 || i == 0) on_shortage_(descriptor);
    if (descriptor < 0) break;
    ::close(descriptor);
  }
  spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void Acceptor::accept_all() {
  for (int burst = 0; burst < 64; ++burst) {
    SocketAddress peer;
    const int descriptor =
        ::accept4(acceptor_.native_handle(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      on_accept_(descriptor, to_endpoint(peer.storage));
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      refuse_some();
      pause_.expires_after(std::chrono::milliseconds(100));
      pause_.async_wait([this](boost::system::error_code error) {
        if (!stopped_ && !error) wait();
      });
      return;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
  }
  wait();
}

namespace {

template <class Call>
std::optional<base::Endpoint> endpoint_of(int descriptor, Call call) {
  SocketAddress address;
  if (call(descriptor, address.get(), &address.size) != 0) return std::nullopt;
  return to_endpoint(address.storage);
}

}  // namespace

std::optional<base::Endpoint> peer_of(int descriptor) {
  return endpoint_of(descriptor, ::getpeername);
}
std::optional<base::Endpoint> local_of(int descriptor) {
  return endpoint_of(descriptor, ::getsockname);
}

}  // namespace gatepost::net
