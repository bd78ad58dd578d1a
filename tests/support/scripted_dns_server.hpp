// A DNS server on loopback that does what a test tells it, over UDP and TCP at one port of the system's
// choice.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ip.hpp"
#include "core/dns/answer.hpp"
#include "core/net/asio.hpp"

namespace gatepost::tests {

class ScriptedDnsServer {
 public:
  struct Query {
    std::uint16_t id = 0;
    dns::Question question;
    bool tcp = false;
  };
  /// The packet to answer with, or nothing.
  using Script = std::function<std::optional<std::string>(const Query&)>;

  ScriptedDnsServer(net::asio::io_context& context, Script script);

  base::Endpoint endpoint() const { return endpoint_; }
  void set_script(Script script) { script_ = std::move(script); }
  const std::vector<Query>& queries() const { return queries_; }
  /// A late answer, over UDP to whoever asked last.
  void send(const std::string& packet);
  /// How often this was asked.
  std::size_t asked(const dns::Question& question) const;

 private:
  struct Connection;
  using UdpSocket = net::asio::basic_datagram_socket<net::asio::ip::udp, net::Executor>;
  using Acceptor = net::asio::basic_socket_acceptor<net::asio::ip::tcp, net::Executor>;
  void bind_both();
  void receive();
  void accept();
  static void serve(ScriptedDnsServer& server, const std::shared_ptr<Connection>& connection);
  std::optional<std::string> answer(std::string_view packet, bool tcp);

  UdpSocket udp_;
  Acceptor tcp_;
  base::Endpoint endpoint_;
  Script script_;
  std::vector<Query> queries_;
  std::string buffer_ = std::string(2048, '\0');
  net::asio::ip::udp::endpoint sender_;
};

}  // namespace gatepost::tests
