// smtp_load PORT SESSIONS MESSAGES PER_CONNECTION CLIENTS MESSAGE
//
// What smtp-source cannot do: connections that begin with a PROXY header, from many clients with names and
// senders of their own. SESSIONS connections at a time to 127.0.0.1 send MESSAGES mails in lockstep (no
// pipelining), PER_CONNECTION over each (0: as many as there are). CLIENTS: a file with a line "address helo
// sender" for each client; MESSAGE: a file with the content in wire form, without the final dot. Ends with
// status 1 at the first answer that is not the usual one.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr unsigned patience = 600;  // seconds

struct Client {
  std::string address, helo, sender;
};

struct Load {
  std::uint16_t port = 0;
  unsigned long messages = 0;
  unsigned long per_connection = 0;
  std::vector<Client> clients;
  std::string content;

  unsigned long begun = 0;  ///< messages
  int epoll = -1;

  bool more() const { return begun < messages; }
  /// Whose turn it is: the next message is his.
  const Client& next() { return clients[begun++ % clients.size()]; }
};

[[noreturn]] void fail(std::string_view what, std::string_view detail) {
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(what.size()), what.data(),
               static_cast<int>(detail.size()), detail.data());
  std::exit(1);
}

/// A connection, over and over again.
class Session {
 public:
  explicit Session(Load& load) : load_(load) {}

  void open() {
    client_ = &load_.next();
    sent_ = 1;
    state_ = State::banner;
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(load_.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) fail("connect", "refused");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    ::epoll_ctl(load_.epoll, EPOLL_CTL_ADD, fd_, &event);
    say("PROXY TCP4 " + client_->address + " 192.0.2.25 40000 25\r\n");
  }

  /// False: closed, and nothing is left to be sent.
  bool readable() {
    std::array<char, 4096> octets{};
    const auto got = ::recv(fd_, octets.data(), octets.size(), MSG_DONTWAIT);
    if (got <= 0) fail("closed after", reply_);
    reply_.append(octets.data(), static_cast<std::size_t>(got));
    if (!complete()) return true;
    if (reply_[0] != expected()) fail(client_->sender, reply_);
    reply_.clear();
    go_on();
    if (state_ != State::closed) return true;
    ::close(fd_);
    if (!load_.more()) return false;
    open();
    return true;
  }

 private:
  enum class State { banner, ehlo, mail, rcpt, data, content, quit, closed };  ///< what was said last

  char expected() const { return state_ == State::data ? '3' : '2'; }

  /// Ends with a line that is the last one of its reply?
  bool complete() const {
    if (!reply_.ends_with("\r\n")) return false;
    const auto before = reply_.rfind('\n', reply_.size() - 2);
    const auto line = before == std::string::npos ? 0 : before + 1;
    return reply_.size() > line + 3 && reply_[line + 3] == ' ';
  }

  void go_on() {
    switch (state_) {
      case State::banner: return say("EHLO " + client_->helo + "\r\n", State::ehlo);
      case State::ehlo: return begin_message();
      case State::mail: return say("RCPT TO:<user@example.test>\r\n", State::rcpt);
      case State::rcpt: return say("DATA\r\n", State::data);
      case State::data: return say(load_.content, State::content);
      case State::content:
        if (!load_.more() || sent_ == load_.per_connection) return say("QUIT\r\n", State::quit);
        ++sent_;
        client_ = &load_.next();
        return begin_message();
      case State::quit:
      case State::closed: state_ = State::closed;
    }
  }

  void begin_message() { say("MAIL FROM:<" + client_->sender + ">\r\n", State::mail); }

  void say(std::string_view octets, State then = State::banner) {
    if (::send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(octets.size()))
      fail("cannot write", octets.substr(0, 40));
    state_ = then;
  }

  Load& load_;
  const Client* client_ = nullptr;
  unsigned long sent_ = 0;  ///< over this connection
  State state_ = State::closed;
  std::string reply_;
  int fd_ = -1;
};

void run(Load& load, unsigned long sessions) {
  load.epoll = ::epoll_create1(0);
  std::vector<Session> all(sessions, Session(load));
  unsigned long open = 0;
  for (auto& session : all) {
    if (!load.more()) break;
    session.open();
    ++open;
  }
  std::array<epoll_event, 64> events{};
  while (open > 0) {
    const int ready = ::epoll_wait(load.epoll, events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      if (!static_cast<Session*>(events[static_cast<std::size_t>(i)].data.ptr)->readable()) --open;
    }
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 7) fail("usage", "smtp_load PORT SESSIONS MESSAGES PER_CONNECTION CLIENTS MESSAGE");
  ::alarm(patience);
  Load load;
  load.port = static_cast<std::uint16_t>(std::atoi(arguments[1]));
  load.messages = std::strtoul(arguments[3], nullptr, 10);
  load.per_connection = std::strtoul(arguments[4], nullptr, 10);
  std::ifstream clients(arguments[5]);
  for (Client client; clients >> client.address >> client.helo >> client.sender;)
    load.clients.push_back(client);
  if (load.clients.empty()) fail("no clients in", arguments[5]);
  std::ifstream message(arguments[6], std::ios::binary);
  load.content.assign(std::istreambuf_iterator<char>(message), {});
  load.content += ".\r\n";
  run(load, std::strtoul(arguments[2], nullptr, 10));
}
