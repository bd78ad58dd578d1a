#include "webui/connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

namespace gatepost::webui {
namespace {

namespace asio = net::asio;
namespace beast = boost::beast;
namespace http = beast::http;

using Parser = http::request_parser<http::empty_body>;

constexpr auto as_result = asio::as_tuple(asio::deferred);
/// How much a client may send on after the last answer before it is cut off.
constexpr std::size_t most_ignored = 64 << 10;
constexpr unsigned http_1_1 = 11;

std::string text_of(beast::string_view text) {
  return {text.data(), text.size()};
}

class HttpConnection final : public Connection, public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(net::Socket socket, std::shared_ptr<Router> router, const Limits& limits)
      : stream_(std::move(socket)), router_(std::move(router)), limits_(limits), buffer_(2 * limits.header) {}

  void start(std::function<void()> done) override;
  bool idle() const override { return idle_; }
  void close() override;

 private:
  net::Task<void> run();
  net::Task<bool> wait_for_request();
  net::Task<bool> serve_request();
  net::Task<boost::system::error_code> read_head(Parser& parser);
  net::Task<bool> send(Response response, unsigned version, bool head, bool keep);
  net::Task<void> say_farewell();
  Response answer_to(const Parser& parser);
  std::optional<Response> answer_to(boost::system::error_code error) const;

  beast::basic_stream<asio::ip::tcp, net::Executor> stream_;
  std::shared_ptr<Router> router_;
  Limits limits_;
  beast::flat_buffer buffer_;
  bool served_ = false;  ///< one request at least
  bool idle_ = false;
  bool closed_ = false;  ///< nothing may be asked of the router any more
};

void HttpConnection::start(std::function<void()> done) {
  // What fails in one connection ends that one. Named before it is handed over: g++ 12, bug 107288.
  auto finished = [self = shared_from_this(), done = std::move(done)](std::exception_ptr) {
    self->close();
    done();
  };
  asio::co_spawn(stream_.get_executor(), run(), std::move(finished));
}

void HttpConnection::close() {
  closed_ = true;
  stream_.close();
}

// No co_await in a condition: under sanitizers g++ 12 makes a trap of it.
net::Task<void> HttpConnection::run() {
  for (bool going_on = true; going_on;) {
    going_on = co_await wait_for_request();
    if (going_on) going_on = co_await serve_request();
    served_ = true;
  }
  co_await say_farewell();
}

/// Until its first octets are there.
net::Task<bool> HttpConnection::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  stream_.expires_after(served_ ? limits_.idle : limits_.request);
  const auto room = buffer_.prepare(limits_.header / 4);
  idle_ = served_;
  const auto [error, size] = co_await stream_.async_read_some(room, as_result);
  idle_ = false;
  buffer_.commit(size);
  co_return !error;
}

/// False if it was the last one.
net::Task<bool> HttpConnection::serve_request() {
  Parser parser;
  parser.header_limit(limits_.header);
  parser.body_limit(limits_.body);
  stream_.expires_after(limits_.request);
  const auto error = co_await read_head(parser);
  if (closed_) co_return false;
  if (error) {
    auto refusal = answer_to(error);
    if (!refusal) co_return false;
    co_return co_await send(std::move(*refusal), http_1_1, false, false);
  }
  const auto& head = parser.get();
  const bool keep = head.keep_alive() && parser.is_done();
  auto response = answer_to(parser);
  co_return co_await send(std::move(response), head.version(), head.method() == http::verb::head, keep);
}

/// Read here and not by Beast, whose limit holds for the fields that come at once, not for all together.
net::Task<boost::system::error_code> HttpConnection::read_head(Parser& parser) {
  boost::system::error_code error;
  for (std::size_t total = 0;;) {
    const auto used = parser.put(buffer_.data(), error);
    buffer_.consume(used);
    total += used;
    if (error && error != http::error::need_more) co_return error;
    if (total + (parser.is_header_done() ? 0 : buffer_.size()) > limits_.header) {
      co_return make_error_code(http::error::header_limit);
    }
    if (parser.is_header_done()) co_return boost::system::error_code{};
    const auto room = buffer_.prepare(limits_.header / 4);
    const auto [failed, size] = co_await stream_.async_read_some(room, as_result);
    if (failed) co_return failed;
    buffer_.commit(size);
  }
}

Response HttpConnection::answer_to(const Parser& parser) {
  const auto& head = parser.get();
  // RFC 9112, 3.2
  if (head.version() >= http_1_1 && head.count(http::field::host) != 1)
    return router_->refuse(400, "one Host field is needed");
  return router_->handle(
      {text_of(head.method_string()), text_of(head.target()), text_of(head[http::field::authorization])});
}

/// Nothing, if nobody is there to be answered.
std::optional<Response> HttpConnection::answer_to(boost::system::error_code error) const {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return router_->refuse(431, "the head of the request is too large");
  }
  if (error == http::error::body_limit) return router_->refuse(413, "requests have no body here");
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error.category() != make_error_code(http::error::end_of_stream).category()) return std::nullopt;
  return router_->refuse(400, "this is no HTTP request");
}

/// False if the connection ends here.
net::Task<bool> HttpConnection::send(Response response, unsigned version, bool head, bool keep) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), version);
  message.set(http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.fields)
    message.set(beast::string_view(name.data(), name.size()), value);
  message.body() = std::move(response.body);
  message.keep_alive(keep);
  message.prepare_payload();
  http::response_serializer<http::string_body> serializer(message);
  stream_.expires_after(limits_.request);
  if (head) {
    const auto [error, size] = co_await http::async_write_header(stream_, serializer, as_result);
    co_return keep && !error;
  }
  const auto [error, size] = co_await http::async_write(stream_, serializer, as_result);
  co_return keep && !error;
}

/// A connection closed with octets unread would be reset, and the client might never see the last answer.
net::Task<void> HttpConnection::say_farewell() {
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  stream_.expires_after(limits_.farewell);
  std::array<char, 4096> unread;
  const auto room = asio::buffer(unread);
  for (std::size_t total = 0; total < most_ignored;) {
    const auto [error, size] = co_await stream_.async_read_some(room, as_result);
    if (error) break;
    total += size;
  }
  stream_.close();
}

}  // namespace

std::shared_ptr<Connection> make_connection(net::Socket socket, std::shared_ptr<Router> router,
                                            const Limits& limits) {
  return std::make_shared<HttpConnection>(std::move(socket), std::move(router), limits);
}

}  // namespace gatepost::webui
