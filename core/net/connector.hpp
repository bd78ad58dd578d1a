// Outgoing connections, behind an interface so that tests script the other side.
#pragma once

#include <memory>
#include <string>

#include "core/base/ip.hpp"
#include "core/base/result.hpp"
#include "core/net/stream.hpp"
#include "core/net/tls_context.hpp"

namespace gatepost::net {

class Connector {
 public:
  virtual ~Connector() = default;
  /// Connects within `deadline`. `host` is an address or a name, which the system's resolver looks up.
  virtual Task<base::Result<std::unique_ptr<Stream>>> connect(std::string host, std::uint16_t port,
                                                              Deadline& deadline) = 0;
  /// Puts TLS on a connected stream; the handshake is still to be done (Stream::handshake).
  virtual std::unique_ptr<Stream> start_tls(std::unique_ptr<Stream> plain, const TlsClientContext& context,
                                            const std::string& name) = 0;
};

/// The real one, for one thread's io_context. Names are resolved in the background and kept for 60 s.
std::unique_ptr<Connector> make_tcp_connector(asio::io_context& context, int send_buffer);

}  // namespace gatepost::net
