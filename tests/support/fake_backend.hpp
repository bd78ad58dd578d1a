// An internal mail server as the tests want it: says what it is told to, and remembers what it got.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/net/connector.hpp"
#include "fake_stream.hpp"

namespace gatepost::tests {

struct FakeMessage {
  std::string sender;
  std::vector<std::string> recipients;
  std::string content;  ///< unstuffed
};

class FakeBackend {
 public:
  static constexpr const char* stall = "(stall)";      ///< says nothing
  static constexpr const char* hang_up = "(hang up)";  ///< closes without a word

  std::string banner = "220 inside.local ESMTP";
  std::vector<std::string> extensions{"PIPELINING", "8BITMIME", "SIZE 37748736", "CHUNKING",
                                      "ENHANCEDSTATUSCODES"};
  /// What to say to a command line ("RCPT TO:<...>", "DATA", ...); empty: what is usual.
  std::function<std::string(const std::string&)> answer = [](const std::string&) { return std::string(); };
  /// What to say to a message that has come whole.
  std::function<std::string(const FakeMessage&)> judge = [](const FakeMessage&) {
    return std::string("250 2.0.0 queued");
  };
  /// Said by itself after so many octets of a message; empty: never.
  std::string interruption;
  std::size_t interrupt_after = 0;

  bool refuses_connections = false;
  unsigned connections = 0;
  std::vector<FakeMessage> whole;      ///< that came with their final dot
  std::vector<FakeMessage> delivered;  ///< of these, answered with 2xx
  std::vector<std::string> commands;   ///< all lines outside of messages
  std::vector<std::shared_ptr<FakePeer>> peers;

  std::shared_ptr<FakePeer> accept();

 private:
  struct Dialogue {
    FakeMessage message;
    std::string input;
    bool in_data = false;
    std::size_t octets = 0;
  };
  void on_written(FakePeer& peer, Dialogue& dialogue, std::string_view bytes);
  bool take_line(FakePeer& peer, Dialogue& dialogue);
  bool take_message(FakePeer& peer, Dialogue& dialogue);
  bool say(FakePeer& peer, const std::string& reply);
  std::string usual(const std::string& line, Dialogue& dialogue);
};

/// Connects to fake backends by "host:port".
class FakeConnector final : public net::Connector {
 public:
  explicit FakeConnector(net::asio::io_context& context) : context_(context) {}
  std::map<std::string, FakeBackend> backends;

  net::Task<base::Result<std::unique_ptr<net::Stream>>> connect(std::string host, std::uint16_t port,
                                                                net::Deadline& deadline) override;
  std::unique_ptr<net::Stream> start_tls(std::unique_ptr<net::Stream> plain, const net::TlsClientContext&,
                                         const std::string&) override {
    return plain;
  }

 private:
  net::asio::io_context& context_;
};

}  // namespace gatepost::tests
