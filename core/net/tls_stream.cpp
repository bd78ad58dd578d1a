#include "core/net/tls_stream.hpp"

#include <openssl/err.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

namespace gatepost::net {
namespace {

constexpr int full_record = 16384;

}  // namespace

TlsStream::TlsStream(asio::io_context& context, int descriptor, SslPointer ssl)
    : TcpStream(context, descriptor), ssl_(std::move(ssl)) {
  SSL_set_fd(ssl_.get(), descriptor);
}

/// Maps what OpenSSL said of a call that did not succeed.
IoResult TlsStream::outcome(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: exhausted(Want::read); return {IoStatus::want_read};
    case SSL_ERROR_WANT_WRITE: exhausted(Want::write); return {IoStatus::want_write};
    case SSL_ERROR_ZERO_RETURN: return {IoStatus::eof};
    default:
      broken_ = true;
      failure_ = tls_error();
      return {IoStatus::error};
  }
}

IoResult TlsStream::handshake() {
  ERR_clear_error();
  const auto result = SSL_do_handshake(ssl_.get());
  if (result != 1) return outcome(result);
  info_.version = SSL_get_version(ssl_.get());
  info_.cipher = SSL_get_cipher_name(ssl_.get());
  SSL_get_cipher_bits(ssl_.get(), &info_.bits);
  return {};
}

IoResult TlsStream::read(std::span<char> into) {
  ERR_clear_error();
  const auto size = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
  const auto got = SSL_read(ssl_.get(), into.data(), size);
  if (got <= 0) return outcome(got);
  // A read gives one record at most; behind a full one there is usually another.
  return {IoStatus::done, static_cast<std::size_t>(got), SSL_pending(ssl_.get()) > 0 || got >= full_record};
}

/// One TLS record: small parts are gathered into it, a large one is taken as it is.
std::size_t TlsStream::write_one(std::span<const iovec> parts, IoResult& result) {
  static constexpr std::size_t record = full_record;
  std::array<char, record> gathered;
  const void* data = parts.front().iov_base;
  std::size_t size = std::min(parts.front().iov_len, record);
  if (parts.size() > 1 && size < record) {
    size = 0;
    for (const auto& part : parts) {
      const auto take = std::min(part.iov_len, record - size);
      if (take == 0) continue;
      std::memcpy(gathered.data() + size, part.iov_base, take);
      size += take;
      if (size == record) break;
    }
    data = gathered.data();
  }
  if (size == 0) return 0;
  ERR_clear_error();
  const auto sent = SSL_write(ssl_.get(), data, static_cast<int>(size));
  if (sent <= 0) {
    result.status = outcome(sent).status;  // what went out before still counts
    return 0;
  }
  return static_cast<std::size_t>(sent);
}

IoResult TlsStream::write(std::span<const iovec> parts, bool /*last*/) {
  IoResult result;
  std::array<iovec, 64> rest;
  auto count = std::min(parts.size(), rest.size());
  std::copy_n(parts.begin(), count, rest.begin());
  std::span<iovec> left(rest.data(), count);
  while (!left.empty()) {
    if (left.front().iov_len == 0) {
      left = left.subspan(1);
      continue;
    }
    auto sent = write_one(left, result);
    if (sent == 0) break;
    result.bytes += sent;
    while (!left.empty() && sent >= left.front().iov_len) {
      sent -= left.front().iov_len;
      left = left.subspan(1);
    }
    if (sent > 0) {
      left.front().iov_base = static_cast<char*>(left.front().iov_base) + sent;
      left.front().iov_len -= sent;
    }
  }
  if (result.bytes > 0) result.status = IoStatus::done;
  return result;
}

Presence TlsStream::presence(std::span<char>& unread) {
  if (!unnoticed()) return Presence::here;
  pollfd look{descriptor(), POLLIN | POLLRDHUP, 0};
  if (::poll(&look, 1, 0) <= 0 && SSL_pending(ssl_.get()) == 0) return Presence::here;
  if ((look.revents & (POLLERR | POLLNVAL)) != 0) return Presence::gone;
  ERR_clear_error();
  const auto got =
      SSL_peek(ssl_.get(), unread.data(), static_cast<int>(std::min<std::size_t>(unread.size(), INT_MAX)));
  if (got <= 0) {
    const auto status = outcome(got).status;
    return status == IoStatus::eof || status == IoStatus::error ? Presence::gone : Presence::here;
  }
  if ((look.revents & POLLRDHUP) == 0) return Presence::here;
  unread = unread.first(static_cast<std::size_t>(got));
  return Presence::leaving;
}

bool TlsStream::quiet() {
  if (broken_) return false;
  if (!unnoticed() && SSL_pending(ssl_.get()) == 0) return true;
  char octet = 0;
  ERR_clear_error();
  const auto got = SSL_peek(ssl_.get(), &octet, 1);
  // Session tickets come unasked, too; they are read by this.
  return got <= 0 && outcome(got).status == IoStatus::want_read;
}

void TlsStream::shutdown_send() {
  ERR_clear_error();
  if (!broken_ && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  TcpStream::shutdown_send();
}

}  // namespace gatepost::net
