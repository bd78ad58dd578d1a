#include "core/dns/cares_channel.hpp"

#include <ares.h>

#include <array>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <stdexcept>

namespace gatepost::dns {
namespace {

namespace asio = net::asio;

base::Endpoint endpoint_of(const ares_addr_port_node& node) {
  constexpr std::uint16_t usual_port = 53;
  const auto port = node.udp_port == 0 ? usual_port : static_cast<std::uint16_t>(node.udp_port);
  if (node.family == AF_INET) {
    std::array<std::uint8_t, 4> v4{};
    std::memcpy(v4.data(), &node.addr.addr4, v4.size());
    return {base::IpAddress::from_v4(v4), port};
  }
  base::IpAddress::Bytes v6{};
  std::memcpy(v6.data(), &node.addr.addr6, v6.size());
  return {base::IpAddress::from_v6(v6), port};
}

ares_addr_port_node node_of(const base::Endpoint& server) {
  ares_addr_port_node node{};
  node.udp_port = node.tcp_port = server.port;
  if (server.address.is_v4()) {
    node.family = AF_INET;
    std::memcpy(&node.addr.addr4, server.address.v4_bytes().data(), 4);
  } else {
    node.family = AF_INET6;
    std::memcpy(&node.addr.addr6, server.address.bytes().data(), 16);
  }
  return node;
}

void require(int status) {
  if (status != ARES_SUCCESS) throw std::runtime_error(std::string("c-ares: ") + ares_strerror(status));
}

}  // namespace

/// A descriptor of c-ares and what it waits for: [0] to read, [1] to write.
struct CaresChannel::Socket {
  Socket(asio::io_context& context, int of) : descriptor(context) {
    boost::system::error_code error;  // then nothing is ever ready, and the query times out
    descriptor.assign(of, error);
  }
  asio::posix::basic_stream_descriptor<net::Executor> descriptor;
  std::array<bool, 2> wanted{};
  std::array<bool, 2> waiting{};
};

struct CaresChannel::Query {
  CaresChannel* channel;
  Replied replied;
};

CaresChannel::CaresChannel(asio::io_context& context, const base::Endpoint& server, base::Millis timeout)
    : context_(context), timer_(context), ares_(nullptr, &ares_destroy) {
  ares_options options{};
  // Who is asked next is our business, and so are SERVFAIL and the like. EDNS is in our packets; the flag
  // makes c-ares take answers of that size over UDP.
  options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS;
  options.ednspsz = 1232;
  options.timeout = static_cast<int>(timeout.count());
  options.tries = 1;
  options.sock_state_cb = &CaresChannel::on_socket_state;
  options.sock_state_cb_data = this;
  ares_channel made = nullptr;
  require(ares_init_options(
      &made, &options,
      ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB));
  ares_.reset(made);
  auto node = node_of(server);
  require(ares_set_servers_ports(made, &node));
}

CaresChannel::~CaresChannel() = default;

void CaresChannel::ask(std::string_view query, Replied replied) {
  auto* const argument = std::make_unique<Query>(Query{this, std::move(replied)}).release();
  ares_send(ares_.get(), reinterpret_cast<const unsigned char*>(query.data()), static_cast<int>(query.size()),
            &CaresChannel::on_reply, argument);
  arm_timer();
}

void CaresChannel::on_reply(void* query, int status, int /*timeouts*/, unsigned char* packet, int size) {
  const std::unique_ptr<Query> ended(static_cast<Query*>(query));
  if (status == ARES_EDESTRUCTION) return;
  Reply reply;
  if (status == ARES_SUCCESS) {
    reply.packet.assign(reinterpret_cast<const char*>(packet), static_cast<std::size_t>(size));
  } else {
    reply.ended = status == ARES_ETIMEOUT ? Ended::timed_out : Ended::unreachable;
    reply.why = status == ARES_ETIMEOUT ? "timed out" : ares_strerror(status);
  }
  // c-ares calls within ares_send() and must not be destroyed from here.
  asio::post(ended->channel->context_, [alive = std::weak_ptr(ended->channel->alive_),
                                        replied = std::move(ended->replied), reply = std::move(reply)] {
    if (!alive.expired()) replied(reply);
  });
}

void CaresChannel::on_socket_state(void* channel, int descriptor, int readable, int writable) {
  static_cast<CaresChannel*>(channel)->want(descriptor, readable != 0, writable != 0);
}

void CaresChannel::want(int descriptor, bool readable, bool writable) {
  auto& socket = sockets_[descriptor];
  if (!socket) socket = std::make_shared<Socket>(context_, descriptor);
  socket->wanted = {readable, writable};
  if (!readable && !writable) {
    socket->descriptor.release();  // c-ares is about to close it
    sockets_.erase(descriptor);
    return;
  }
  for (const bool writing : {false, true}) wait(socket, writing);
}

void CaresChannel::wait(const std::shared_ptr<Socket>& socket, bool writing) {
  if (!socket->wanted[writing] || socket->waiting[writing]) return;
  socket->waiting[writing] = true;
  const auto what =
      writing ? asio::posix::descriptor_base::wait_write : asio::posix::descriptor_base::wait_read;
  const int descriptor = socket->descriptor.native_handle();
  socket->descriptor.async_wait(
      what, [this, weak = std::weak_ptr(socket), writing, descriptor](boost::system::error_code error) {
        // It is held while c-ares works, which may close it.
        const auto ready = weak.lock();
        if (error || !ready) return;
        ready->waiting[writing] = false;
        if (!ready->wanted[writing]) return;
        ares_process_fd(ares_.get(), writing ? ARES_SOCKET_BAD : descriptor,
                        writing ? descriptor : ARES_SOCKET_BAD);
        wait(ready, writing);
        arm_timer();
      });
}

void CaresChannel::arm_timer() {
  timeval left{};
  if (timer_armed_ || ares_timeout(ares_.get(), nullptr, &left) == nullptr) return;
  timer_armed_ = true;
  timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || alive.expired()) return;
    timer_armed_ = false;
    process_timeouts();
    arm_timer();
  });
}

void CaresChannel::process_timeouts() {
  // An answer that waits to be read came in time, however late this thread is. c-ares may close sockets here.
  std::vector<int> descriptors;
  for (const auto& [descriptor, socket] : sockets_) descriptors.push_back(descriptor);
  for (const int descriptor : descriptors) ares_process_fd(ares_.get(), descriptor, ARES_SOCKET_BAD);
  ares_process_fd(ares_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

std::vector<base::Endpoint> system_servers() {
  std::vector<base::Endpoint> servers;
  ares_channel channel = nullptr;
  if (ares_init(&channel) != ARES_SUCCESS) return servers;
  ares_addr_port_node* nodes = nullptr;
  if (ares_get_servers_ports(channel, &nodes) == ARES_SUCCESS) {
    for (const auto* node = nodes; node != nullptr; node = node->next) servers.push_back(endpoint_of(*node));
    if (nodes != nullptr) ares_free_data(nodes);
  }
  ares_destroy(channel);
  return servers;
}

}  // namespace gatepost::dns
