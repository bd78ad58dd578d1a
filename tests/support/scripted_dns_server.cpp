#include "tests/support/scripted_dns_server.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "core/dns/wire.hpp"

namespace gatepost::tests {

namespace asio = net::asio;

struct ScriptedDnsServer::Connection {
  explicit Connection(net::Socket accepted) : socket(std::move(accepted)) {}
  net::Socket socket;
  std::string buffer;
};

ScriptedDnsServer::ScriptedDnsServer(asio::io_context& context, Script script)
    : udp_(context), tcp_(context), script_(std::move(script)) {
  bind_both();
  receive();
  accept();
}

/// The port that UDP got may be taken for TCP.
void ScriptedDnsServer::bind_both() {
  const auto loopback = asio::ip::address_v4::loopback();
  boost::system::error_code error;
  do {
    udp_ = UdpSocket(udp_.get_executor(), asio::ip::udp::endpoint(loopback, 0));
    const auto port = udp_.local_endpoint().port();
    endpoint_ = {*base::IpAddress::parse("127.0.0.1"), port};
    tcp_ = Acceptor(tcp_.get_executor());
    tcp_.open(asio::ip::tcp::v4());
    tcp_.bind(asio::ip::tcp::endpoint(loopback, port), error);
  } while (error);
  tcp_.listen();
}

void ScriptedDnsServer::send(const std::string& packet) {
  udp_.send_to(asio::buffer(packet), sender_);
}

std::size_t ScriptedDnsServer::asked(const dns::Question& question) const {
  return static_cast<std::size_t>(std::count_if(
      queries_.begin(), queries_.end(), [&](const Query& query) { return query.question == question; }));
}

std::optional<std::string> ScriptedDnsServer::answer(std::string_view packet, bool tcp) {
  dns::Reader reader(packet, 0, packet.size());
  Query query;
  query.id = reader.number_16();
  query.tcp = tcp;
  reader.bytes(10);
  query.question.name = reader.name();
  query.question.type = static_cast<dns::Type>(reader.number_16());
  queries_.push_back(query);
  return script_(query);
}

void ScriptedDnsServer::receive() {
  udp_.async_receive_from(asio::buffer(buffer_), sender_,
                          [this](boost::system::error_code error, std::size_t size) {
                            if (error == asio::error::operation_aborted) return;
                            if (const auto packet = answer(std::string_view(buffer_).substr(0, size), false))
                              send(*packet);
                            receive();
                          });
}

void ScriptedDnsServer::accept() {
  tcp_.async_accept([this](boost::system::error_code error, net::Socket socket) {
    if (error) return;
    serve(*this, std::make_shared<Connection>(std::move(socket)));
    accept();
  });
}

/// One query behind its length (RFC 1035 4.2.2); the connection ends with the last handler.
void ScriptedDnsServer::serve(ScriptedDnsServer& server, const std::shared_ptr<Connection>& connection) {
  connection->buffer.assign(2, '\0');
  asio::async_read(
      connection->socket, asio::buffer(connection->buffer), [&server, connection](auto error, auto) {
        if (error) return;
        const auto size = dns::Reader(connection->buffer, 0, 2).number_16();
        connection->buffer.assign(size, '\0');
        asio::async_read(connection->socket, asio::buffer(connection->buffer),
                         [&server, connection](auto failed, auto) {
                           if (failed) return;
                           const auto packet = server.answer(connection->buffer, true);
                           if (!packet) return;
                           connection->buffer.clear();
                           dns::put_16(connection->buffer, static_cast<unsigned>(packet->size()));
                           connection->buffer += *packet;
                           asio::async_write(connection->socket, asio::buffer(connection->buffer),
                                             [&server, connection](auto broken, auto) {
                                               if (!broken) serve(server, connection);
                                             });
                         });
      });
}

}  // namespace gatepost::tests
