#include "core/net/tcp_stream.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <climits>
#include <utility>

namespace gatepost::net {
namespace {

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

}  // namespace

TcpStream::TcpStream(asio::io_context& context, int descriptor)
    : context_(nullptr), reactor_(nullptr), descriptor_(descriptor) {
  attach(context);
}

TcpStream::~TcpStream() {
  if (descriptor_ < 0) return;
  if (reactor_ != nullptr) reactor_->forget(key_);
  ::close(descriptor_);
}

void TcpStream::detach() {
  reactor_->remove(descriptor_, key_);
  reactor_ = nullptr;
}

void TcpStream::attach(asio::io_context& context) {
  context_ = &context;
  reactor_ = &Reactor::of(context);
  key_ = reactor_->add(descriptor_, *this);
}

int TcpStream::release() {
  detach();
  return std::exchange(descriptor_, -1);
}

IoResult TcpStream::read(std::span<char> into) {
  const auto got = ::recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
  if (got < 0) {
    if (!would_block()) return {IoStatus::error};
    exhausted(Want::read);
    return {IoStatus::want_read};
  }
  const auto bytes = static_cast<std::size_t>(got);
  if (bytes < into.size()) exhausted(Want::read);
  return {got == 0 ? IoStatus::eof : IoStatus::done, bytes, bytes == into.size()};
}

IoResult TcpStream::write(std::span<const iovec> parts, bool last) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = std::min<std::size_t>(parts.size(), IOV_MAX);
  const auto sent = ::sendmsg(descriptor_, &message, MSG_DONTWAIT | MSG_NOSIGNAL | (last ? MSG_MORE : 0));
  if (sent >= 0) return {IoStatus::done, static_cast<std::size_t>(sent)};
  if (!would_block()) return {IoStatus::error};
  exhausted(Want::write);
  return {IoStatus::want_write};
}

Presence TcpStream::presence(std::span<char>& unread) {
  if (!ended_) return Presence::here;
  pollfd look{descriptor_, POLLRDHUP, 0};
  if (::poll(&look, 1, 0) <= 0) return Presence::here;
  if ((look.revents & (POLLERR | POLLNVAL)) != 0) return Presence::gone;
  const auto got = ::recv(descriptor_, unread.data(), unread.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got <= 0) return Presence::gone;
  unread = unread.first(static_cast<std::size_t>(got));
  return Presence::leaving;
}

bool TcpStream::quiet() {
  if (!unnoticed()) return true;
  char octet = 0;
  return ::recv(descriptor_, &octet, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && would_block();
}

void TcpStream::shutdown_send() {
  ::shutdown(descriptor_, SHUT_WR);
}

void TcpStream::exhausted(Want want) {
  if (!ended_) (want == Want::read ? readable_ : writable_) = false;
}

void TcpStream::start_wait(Want want) {
  want_ = want;
  waiting_ = true;
  if (want == Want::read ? readable_ : writable_) finish_later(true);
}

void TcpStream::cancel_wait() {
  if (waiting_) finish_later(false);
}

void TcpStream::finish_later(bool ready) {
  waiting_ = false;
  asio::post(context_->get_executor(), [this, ready] { finished(ready); });
}

void TcpStream::note_events(std::uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ended_ = true;
  readable_ = readable_ || ended_ || (events & EPOLLIN) != 0;
  writable_ = writable_ || ended_ || (events & EPOLLOUT) != 0;
}

void TcpStream::act() {
  if (!waiting_ || !(want_ == Want::read ? readable_ : writable_)) return;
  waiting_ = false;
  finished(true);
}

}  // namespace gatepost::net
