#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <map>
#include <system_error>

#include "core/net/connector.hpp"
#include "core/net/one_shot.hpp"
#include "core/net/sockaddr.hpp"
#include "core/net/tcp_stream.hpp"
#include "core/net/tls_stream.hpp"

namespace gatepost::net {
namespace {

using Addresses = std::vector<base::IpAddress>;

class TcpConnector final : public Connector {
 public:
  TcpConnector(asio::io_context& context, int send_buffer)
      : context_(context), resolver_(context), send_buffer_(send_buffer) {}

  Task<base::Result<std::unique_ptr<Stream>>> connect(std::string host, std::uint16_t port,
                                                      Deadline& deadline) override {
    base::Result<Addresses> addresses = Addresses{};
    if (const auto literal = base::IpAddress::parse(host)) {
      addresses = Addresses{*literal};
    } else {
      addresses = co_await resolve(host, deadline);
    }
    if (!addresses) co_return addresses.error();
    base::Failure last{"no address for " + host};
    auto left = static_cast<int>(addresses->size());
    for (const auto& address : *addresses) {
      const base::Endpoint endpoint{address, port};
      // The time must do for all of them.
      const auto now = std::chrono::steady_clock::now();
      NearerDeadline limit(deadline, left > 1 ? now + (deadline.when() - now) / left : deadline.when());
      --left;
      auto stream = co_await connect_to(endpoint, deadline);
      limit.restore(std::chrono::steady_clock::now());
      if (stream || deadline.interrupted() != Interrupt::none) co_return stream;
      last = stream.error();
    }
    co_return last;
  }

  std::unique_ptr<Stream> start_tls(std::unique_ptr<Stream> plain, const TlsClientContext& context,
                                    const std::string& name) override {
    auto& tcp = static_cast<TcpStream&>(*plain);
    return std::make_unique<TlsStream>(context_, tcp.release(), context.make_session(name));
  }

 private:
  struct Known {
    Addresses addresses;
    std::chrono::steady_clock::time_point until;
  };

  Task<base::Result<Addresses>> resolve(const std::string& host, Deadline& deadline) {
    const auto now = std::chrono::steady_clock::now();
    if (const auto known = known_.find(host); known != known_.end() && known->second.until > now) {
      co_return known->second.addresses;
    }
    using Found = base::Result<Addresses>;
    // The resolver may answer after this coroutine has given up.
    auto answer = std::make_shared<OneShot<Found>>(context_.get_executor());
    resolver_.async_resolve(
        host, "", [answer, host](boost::system::error_code error, const Resolver::results_type& results) {
          Addresses found;
          for (const auto& result : results) {
            if (const auto address = base::IpAddress::parse(result.endpoint().address().to_string()))
              found.push_back(*address);
          }
          if (found.empty()) {
            answer->set(base::Failure{"cannot resolve " + host + ": " + error.message()});
          } else {
            answer->set(std::move(found));
          }
        });
    co_await answer->wait(deadline);
    if (!answer->ready()) co_return base::Failure{"cannot resolve " + host + ": no answer in time"};
    if (answer->get()) known_[host] = Known{*answer->get(), now + std::chrono::seconds(60)};
    co_return answer->get();
  }

  Task<base::Result<std::unique_ptr<Stream>>> connect_to(base::Endpoint endpoint, Deadline& deadline) {
    const auto fail = [&endpoint](const std::string& why) {
      return base::Failure{"cannot connect to " + endpoint.to_string() + ": " + why};
    };
    const int descriptor = ::socket(endpoint.address.is_v4() ? AF_INET : AF_INET6,
                                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) co_return fail(std::generic_category().message(errno));
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (send_buffer_ > 0) ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &send_buffer_, sizeof send_buffer_);
    auto address = to_sockaddr(endpoint);
    const int connected = ::connect(descriptor, address.get(), address.size);
    const int at_once = connected == 0 ? 0 : errno;
    auto stream = std::make_unique<TcpStream>(context_, descriptor);
    if (connected != 0 && at_once != EINPROGRESS) co_return fail(std::generic_category().message(at_once));
    if (connected != 0) {
      stream->connecting();
      const bool ready = co_await stream->wait(Want::write, deadline);
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) co_return fail(std::generic_category().message(error));
      if (!ready) co_return fail("no answer in time");
    }
    co_return std::unique_ptr<Stream>(std::move(stream));
  }

  using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;
  asio::io_context& context_;
  Resolver resolver_;
  int send_buffer_;
  std::map<std::string, Known> known_;
};

}  // namespace

std::unique_ptr<Connector> make_tcp_connector(asio::io_context& context, int send_buffer) {
  return std::make_unique<TcpConnector>(context, send_buffer);
}

}  // namespace gatepost::net
