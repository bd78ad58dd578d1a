#include "gateway/health.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <cstdio>

#include "core/net/asio.hpp"

namespace gatepost::gateway {
namespace {

int unhealthy(const std::string& why) {
  std::fprintf(stderr, "gatepost health: %s\n", why.c_str());
  return 1;
}

}  // namespace

int run_health(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->scheme() != "http") return unhealthy("\"" + url + "\" is no http URL");
  const std::string host = parsed->host_address();
  const std::string port = parsed->has_port() ? std::string(parsed->port()) : "80";
  const std::string target = parsed->encoded_path().empty() ? "/" : std::string(parsed->encoded_path());
  const std::string request = "GET " + target + " HTTP/1.0\r\nHost: " + host + "\r\n\r\n";
  net::asio::io_context context;
  net::asio::ip::basic_resolver<net::asio::ip::tcp, net::Executor> resolver(context);
  net::Socket socket(context);
  std::string answer;
  std::string failure = "no answer within 5 s";
  resolver.async_resolve(host, port, [&](boost::system::error_code error, const auto& endpoints) {
    if (error) {
      failure = "cannot resolve " + host + ": " + error.message();
      return;
    }
    net::asio::async_connect(socket, endpoints, [&](boost::system::error_code connected, const auto&) {
      if (connected) {
        failure = "cannot connect: " + connected.message();
        return;
      }
      net::asio::async_write(
          socket, net::asio::buffer(request), [&](boost::system::error_code written, std::size_t) {
            if (written) return;
            net::asio::async_read(socket, net::asio::dynamic_buffer(answer),
                                  [&](boost::system::error_code, std::size_t) { failure.clear(); });
          });
    });
  });
  context.run_for(std::chrono::seconds(5));
  if (!failure.empty()) return unhealthy(failure);
  const auto status = answer.substr(0, answer.find("\r\n"));
  if (status.find(" 200 ") != std::string::npos) return 0;
  const auto body = answer.find("\r\n\r\n");
  return unhealthy(status + (body == std::string::npos ? "" : ": " + answer.substr(body + 4)));
}

}  // namespace gatepost::gateway
