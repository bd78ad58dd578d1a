// TLS on a TCP socket: OpenSSL works on the descriptor itself, so that an idle session holds no buffers.
#pragma once

#include "core/net/tcp_stream.hpp"
#include "core/net/tls_context.hpp"

namespace gatepost::net {

class TlsStream final : public TcpStream {
 public:
  /// Takes over a connected descriptor.
  TlsStream(asio::io_context& context, int descriptor, SslPointer ssl);

  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> parts, bool last) override;
  IoResult handshake() override;
  Presence presence(std::span<char>& unread) override;
  bool quiet() override;
  void shutdown_send() override;
  const TlsInfo* tls() const override { return &info_; }

  std::string failure() const override { return failure_; }

 private:
  IoResult outcome(int result);
  std::size_t write_one(std::span<const iovec> parts, IoResult& result);

  SslPointer ssl_;
  TlsInfo info_;
  std::string failure_;
  bool broken_ = false;
};

}  // namespace gatepost::net
