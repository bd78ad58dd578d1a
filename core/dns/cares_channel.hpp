// One DNS server, asked through c-ares with its sockets and times in Asio.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/ip.hpp"
#include "core/net/asio.hpp"

struct ares_channeldata;

namespace gatepost::dns {

/// Over UDP, and over TCP where the answer says that it is cut. Each query is sent once. For one thread.
class CaresChannel {
 public:
  enum class Ended : std::uint8_t { answered, timed_out, unreachable };
  struct Reply {
    Ended ended = Ended::answered;
    std::string packet;  ///< of an answer: what came, looked at for its id and question only
    std::string why;     ///< otherwise
  };
  using Replied = std::function<void(const Reply&)>;

  /// Throws std::runtime_error if c-ares cannot be set up.
  CaresChannel(net::asio::io_context& context, const base::Endpoint& server, base::Millis timeout);
  ~CaresChannel();
  CaresChannel(const CaresChannel&) = delete;
  CaresChannel& operator=(const CaresChannel&) = delete;

  /// Sends a packet as it is, with the id that it has. `replied` is called once, never within this call, and
  /// from no c-ares function, so that it may do anything; it is dropped if the channel ends before.
  void ask(std::string_view query, Replied replied);

 private:
  struct Socket;
  struct Query;
  static void on_reply(void* query, int status, int timeouts, unsigned char* packet, int size);
  static void on_socket_state(void* channel, int descriptor, int readable, int writable);
  void want(int descriptor, bool readable, bool writable);
  void wait(const std::shared_ptr<Socket>& socket, bool writing);
  void arm_timer();
  void process_timeouts();

  using Timer =
      net::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      net::asio::wait_traits<std::chrono::steady_clock>, net::Executor>;
  net::asio::io_context& context_;
  std::map<int, std::shared_ptr<Socket>> sockets_;
  Timer timer_;
  bool timer_armed_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  ///< for handlers under way
  std::unique_ptr<ares_channeldata, void (*)(ares_channeldata*)>
      ares_;  ///< ends first: gives its sockets back
};

/// The servers that this system uses (/etc/resolv.conf).
std::vector<base::Endpoint> system_servers();

}  // namespace gatepost::dns
