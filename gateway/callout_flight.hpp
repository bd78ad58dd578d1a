// One visit to a domain's mail servers, to ask whether they take some addresses: a coroutine that outlives
// the sessions that wait for it. What it learns is remembered.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "checks/evidence.hpp"
#include "core/dns/resolver.hpp"
#include "core/net/connector.hpp"
#include "core/net/deadline.hpp"
#include "core/net/one_shot.hpp"
#include "gateway/callout_board.hpp"
#include "relay/connection.hpp"

namespace gatepost::gateway {

/// What the callouts of one thread share.
struct CalloutContext {
  net::asio::io_context& io;
  net::Connector& connector;
  dns::Resolver& resolver;
  const base::Clock& clock;
  checks::Memory& memory;
  CalloutBoard& board;
  checks::Site site;
};

using CalloutAnswered = std::function<void(const checks::CalloutAnswer&)>;

class CalloutFlight {
 public:
  /// So many addresses are asked about in one visit.
  static constexpr std::size_t most_addresses = 50;

  CalloutFlight(CalloutContext& context, std::string domain,
                std::shared_ptr<const checks::CalloutSettings> how);

  const std::string& domain() const { return domain_; }
  const checks::CalloutSettings& how() const { return *how_; }
  /// Adds an address, or somebody who waits for it, to be answered at the latest when the session's time is
  /// over.
  void join(const mail::Mailbox& address, CalloutAnswered answered);
  /// Ends waits and the visit when their time is over.
  void sweep(base::Instant now);
  /// The program stops.
  void stop();
  /// Its time is over, or the program stops.
  bool over() const { return stopping_ || deadline_.interrupted() != net::Interrupt::none; }

  /// Answers those whom another thread's visit has answered meanwhile. True: nothing is left to ask.
  bool settle_known();
  /// Answers all that is left.
  void settle_rest(const checks::CalloutAnswer& answer);
  net::Task<void> run();

  /// The visit is under way.
  bool begun = false;

 private:
  struct Waiter {
    base::Instant until;
    CalloutAnswered answered;
  };
  struct Asked {
    mail::Mailbox address;
    std::vector<Waiter> waiters;
    bool settled = false;
  };
  using DnsAnswer = std::shared_ptr<const dns::Answer>;
  using Lookup = std::shared_ptr<net::OneShot<DnsAnswer>>;

  Lookup look_up(const std::string& name, dns::Type type);
  net::Task<DnsAnswer> answer_of(Lookup lookup);
  net::Task<std::vector<std::string>> find_hosts();
  net::Task<std::vector<base::IpAddress>> find_servers();
  void take_usable(const DnsAnswer& answer, std::vector<base::IpAddress>& servers);
  bool usable(const base::IpAddress& address) const;
  net::Task<bool> visit(base::IpAddress server);
  net::Task<bool> greet(relay::Connection& connection);
  net::Task<void> ask_all(relay::Connection& connection);
  net::Task<void> ask_about(relay::Connection& connection, Asked& asked);
  net::Task<bool> ask(relay::Connection& connection, std::string recipient);
  void settle(Asked& asked, const checks::CalloutAnswer& answer);
  void remember_outcome();
  void conclude();
  void fail(relay::Talk talk, const relay::Connection& connection);

  CalloutContext& context_;
  const std::string domain_;
  const std::shared_ptr<const checks::CalloutSettings> how_;
  std::deque<Asked> addresses_;  ///< others may join meanwhile: references stay valid
  net::Deadline deadline_;
  smtp::Envelope envelope_;
  smtp::TransactionReplies replies_;
  /// What holds for all that is left when the visit is over.
  checks::CalloutAnswer outcome_;
  bool of_domain_ = false;  ///< and it is to be remembered
  bool stopping_ = false;
};

}  // namespace gatepost::gateway
