// A connection's byte stream. read() and write() never block and never suspend; wait() is the only
// suspension. TCP, TLS and the tests' fake implement it.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "core/base/ip.hpp"
#include "core/net/asio.hpp"
#include "core/net/callback.hpp"
#include "core/net/deadline.hpp"

namespace gatepost::net {

enum class IoStatus {
  done,
  want_read,   ///< nothing happened; wait until readable
  want_write,  ///< nothing happened; wait until writable
  eof,         ///< the peer ended its side (TCP FIN or TLS close_notify)
  error,       ///< the connection is broken
};

struct IoResult {
  IoStatus status = IoStatus::done;
  std::size_t bytes = 0;
  /// After a read: there is probably more, so that reading again is better than waiting.
  bool more = false;
};

enum class Want { read, write };

/// Is the peer of a connection, that nobody reads from at the moment, still there?
enum class Presence {
  here,
  leaving,  ///< it ended its side, but what it sent before is still unread
  gone,     ///< reset, or ended with nothing unread
};

/// What TLS negotiated; views are static strings of the TLS library.
struct TlsInfo {
  std::string_view version;
  std::string_view cipher;
  int bits = 0;
};

class Stream : private Waiter {
 public:
  virtual ~Stream() = default;

  virtual IoResult read(std::span<char> into) = 0;
  /// Writes from the front of `parts`; may write less than all. `last`: the connection is closed right behind
  /// it, so that both may travel in one packet.
  virtual IoResult write(std::span<const iovec> parts, bool last = false) = 0;
  /// Goes on with the TLS handshake; a stream without TLS is done at once.
  virtual IoResult handshake() { return {}; }
  /// Why the handshake failed; for people.
  virtual std::string failure() const { return {}; }
  /// Looks without reading, as of the last time the thread asked the system what has happened. With
  /// Presence::leaving, as much of the unread bytes as fits is copied to `unread` and `unread` shrunk to it.
  virtual Presence presence(std::span<char>& unread) = 0;
  /// Nothing has come that was not asked for, nor the end: fit to be used after an idle time. As of the last
  /// time the thread asked the system what has happened.
  virtual bool quiet() = 0;
  /// Ends our side; the peer may still send.
  virtual void shutdown_send() = 0;
  /// To move the connection to another thread: detach() on the old one, attach() on the new one. Nothing may
  /// be waiting.
  virtual void detach() = 0;
  virtual void attach(asio::io_context& context) = 0;
  /// Null without TLS.
  virtual const TlsInfo* tls() const { return nullptr; }

  /// Suspends until the stream is ready for `want` (true) or `deadline` is interrupted (false).
  auto wait(Want want, Deadline& deadline) {
    return asio::async_initiate<const asio::deferred_t, void(bool)>(
        [](auto handler, Stream* self, Want wanted, Deadline* limit) {
          self->begin_wait(wanted, *limit, std::move(handler));
        },
        asio::deferred, this, want, &deadline);
  }

 protected:
  using WaitHandler = Callback<bool>;
  /// Starts waiting; finished(true) when ready. Called only while no wait is under way.
  virtual void start_wait(Want want) = 0;
  /// Makes a wait under way finish soon with finished(false). Harmless otherwise.
  virtual void cancel_wait() = 0;
  /// To be called from the thread of the stream, never from within start_wait().
  void finished(bool ready);

 private:
  void begin_wait(Want want, Deadline& deadline, WaitHandler handler);
  void stop_waiting() final { cancel_wait(); }

  WaitHandler handler_;
  Deadline* deadline_ = nullptr;
};

}  // namespace gatepost::net
