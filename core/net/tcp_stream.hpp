// TCP, on an Asio socket.
#pragma once

#include "core/net/stream.hpp"

namespace gatepost::net {

class TcpStream : public Stream {
 public:
  /// `socket` must be connected; it is put into non-blocking mode by whoever made it.
  explicit TcpStream(Socket socket) : socket_(std::move(socket)) {}

  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> parts) override;
  Presence presence(std::span<char>& unread) override;
  void shutdown_send() override;
  void migrate(asio::io_context& context) override;

  int descriptor() { return socket_.native_handle(); }
  /// Takes the socket out, e.g. to put TLS on it.
  Socket release() { return std::move(socket_); }

 protected:
  void start_wait(Want want) override;
  void cancel_wait() override;

 private:
  Socket socket_;
};

}  // namespace gatepost::net
