// Listening sockets: opened before privileges are dropped, then accepted from on one thread.
#pragma once

#include <functional>

#include "core/base/ip.hpp"
#include "core/base/result.hpp"
#include "core/net/asio.hpp"

namespace gatepost::net {

/// A bound and listening descriptor, closed on destruction.
class ListeningSocket {
 public:
  struct Buffers {
    int receive = 0;  ///< SO_RCVBUF that accepted sockets inherit; 0 leaves the system's default
  };
  /// An IPv6 endpoint accepts IPv6 only, so that 0.0.0.0:25 and [::]:25 can stand side by side.
  static base::Result<ListeningSocket> open(const base::Endpoint& endpoint, Buffers buffers);
  /// Takes over a descriptor that already listens (socket activation).
  explicit ListeningSocket(int descriptor);
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) noexcept;
  ~ListeningSocket();

  int descriptor() const { return descriptor_; }
  int release();
  /// Where it really listens (port 0 has become a port).
  base::Endpoint local() const;

 private:
  int descriptor_ = -1;
};

/// Accepts connections on its io_context's thread and hands each descriptor (non-blocking) on.
class Acceptor {
 public:
  using OnAccept = std::function<void(int descriptor, const base::Endpoint& peer)>;
  /// Told when the system is out of descriptors or memory: with a connection accepted by means of a spare
  /// descriptor, to say a word before it is closed, or with -1. Accepting pauses for 100 ms then.
  using OnShortage = std::function<void(int descriptor)>;
  Acceptor(asio::io_context& context, ListeningSocket socket, OnAccept on_accept, OnShortage on_shortage);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  void start();
  void stop();
  const base::Endpoint& local() const { return local_; }

 private:
  void wait();
  void refuse_some();
  void accept_all();

  base::Endpoint local_;
  asio::basic_socket_acceptor<asio::ip::tcp, Executor> acceptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      pause_;
  OnAccept on_accept_;
  OnShortage on_shortage_;
  int spare_;
  bool stopped_ = false;
};

/// The other end / our end of a connected descriptor; nothing if the connection is gone already.
std::optional<base::Endpoint> peer_of(int descriptor);
std::optional<base::Endpoint> local_of(int descriptor);

}  // namespace gatepost::net
