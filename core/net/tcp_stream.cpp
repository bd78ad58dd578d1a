#include "core/net/tcp_stream.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace gatepost::net {
namespace {

IoResult failed(IoStatus blocked) {
  return {errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? blocked : IoStatus::error, 0};
}

}  // namespace

IoResult TcpStream::read(std::span<char> into) {
  const auto got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
  if (got < 0) return failed(IoStatus::want_read);
  const auto bytes = static_cast<std::size_t>(got);
  return {got == 0 ? IoStatus::eof : IoStatus::done, bytes, bytes == into.size()};
}

IoResult TcpStream::write(std::span<const iovec> parts) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = std::min<std::size_t>(parts.size(), IOV_MAX);
  const auto sent = ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return failed(IoStatus::want_write);
  return {IoStatus::done, static_cast<std::size_t>(sent)};
}

Presence TcpStream::presence(std::span<char>& unread) {
  pollfd look{socket_.native_handle(), POLLRDHUP, 0};
  if (::poll(&look, 1, 0) <= 0) return Presence::here;
  if ((look.revents & (POLLERR | POLLNVAL)) != 0) return Presence::gone;
  const auto got = ::recv(socket_.native_handle(), unread.data(), unread.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got <= 0) return Presence::gone;
  unread = unread.first(static_cast<std::size_t>(got));
  return Presence::leaving;
}

void TcpStream::shutdown_send() { ::shutdown(socket_.native_handle(), SHUT_WR); }

void TcpStream::migrate(asio::io_context& context) {
  boost::system::error_code ignored;
  const auto protocol = socket_.local_endpoint(ignored).protocol();
  const int descriptor = socket_.release();
  socket_ = Socket(context, protocol, descriptor);
}

void TcpStream::start_wait(Want want) {
  socket_.async_wait(want == Want::read ? Socket::wait_read : Socket::wait_write,
                     [this](boost::system::error_code error) { finished(!error); });
}

void TcpStream::cancel_wait() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace gatepost::net
