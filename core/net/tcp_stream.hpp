// TCP on a descriptor of our own, made ready by the Reactor.
#pragma once

#include "core/net/reactor.hpp"
#include "core/net/stream.hpp"

namespace gatepost::net {

class TcpStream : public Stream, private Watched {
 public:
  /// Takes over a connected (or connecting) non-blocking descriptor, on `context`'s thread.
  TcpStream(asio::io_context& context, int descriptor);
  ~TcpStream() override;

  IoResult read(std::span<char> into) override;
  IoResult write(std::span<const iovec> parts, bool last) override;
  Presence presence(std::span<char>& unread) override;
  bool quiet() override;
  void shutdown_send() override;
  void detach() override;
  void attach(asio::io_context& context) override;

  /// The connection is being made: wait(Want::write) ends when that is decided.
  void connecting() { writable_ = false; }
  int descriptor() const { return descriptor_; }
  /// Takes the descriptor out, e.g. to put TLS on it; nothing may be waiting.
  int release();
  asio::io_context& context() const { return *context_; }

 protected:
  void start_wait(Want want) override;
  void cancel_wait() override;
  /// Something has come, or the peer has ended the connection, and nobody has looked yet.
  bool unnoticed() const { return readable_ || ended_; }
  /// There is nothing to read, or no room to write, until the Reactor says otherwise.
  void exhausted(Want want);

 private:
  void note_events(std::uint32_t events) override;
  void act() override;
  void finish_later(bool ready);

  asio::io_context* context_;
  Reactor* reactor_;
  Reactor::Key key_ = 0;
  int descriptor_;
  Want want_ = Want::read;
  bool waiting_ = false;
  bool readable_ = false;
  bool writable_ = true;
  bool ended_ = false;  ///< the peer has closed or reset: reading and writing tell how, without waiting
};

}  // namespace gatepost::net
