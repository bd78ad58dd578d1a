// A connection without a socket: the test is the other side.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/net/stream.hpp"

namespace gatepost::tests {

/// The test's end. Both ends share it, so that it can be looked at when the stream is gone.
struct FakePeer {
  std::string to_stream;    ///< what the program has not read yet
  std::string from_stream;  ///< all that it wrote
  bool ended = false;       ///< we have closed our side
  bool reset = false;       ///< the connection is broken
  bool closed = false;      ///< the program has closed it
  bool shut_down = false;   ///< the program has ended its side
  std::size_t most_per_read = SIZE_MAX;
  std::size_t room = SIZE_MAX;  ///< how much may still be written before it would block
  /// Called with what was just written; may send.
  std::function<void(std::string_view)> on_written = [](std::string_view) {};
  /// Set by the stream: something has changed.
  std::function<void()> wake = [] {};

  void send(std::string_view bytes) {
    to_stream.append(bytes);
    wake();
  }
  void end() {
    ended = true;
    wake();
  }
  void break_off() {
    reset = true;
    wake();
  }
};

class FakeStream final : public net::Stream {
 public:
  FakeStream(net::asio::io_context& context, std::shared_ptr<FakePeer> peer);
  ~FakeStream() override;

  net::IoResult read(std::span<char> into) override;
  net::IoResult write(std::span<const iovec> parts, bool last) override;
  net::Presence presence(std::span<char>& unread) override;
  bool quiet() override { return !peer_->reset && !peer_->ended && peer_->to_stream.empty(); }
  void shutdown_send() override { peer_->shut_down = true; }
  void detach() override {}
  void attach(net::asio::io_context& context) override { context_ = &context; }
  const net::TlsInfo* tls() const override { return &info_; }

  std::shared_ptr<FakePeer> peer() { return peer_; }

 protected:
  void start_wait(net::Want want) override;
  void cancel_wait() override;

 private:
  bool ready() const;
  void look();
  void finish_later(bool ready);

  net::asio::io_context* context_;
  std::shared_ptr<FakePeer> peer_;
  net::TlsInfo info_{"TLSv1.3", "FAKE", 256};
  net::Want want_ = net::Want::read;
  bool waiting_ = false;
};

}  // namespace gatepost::tests
