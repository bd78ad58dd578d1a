#include "gateway/callout_flight.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "gateway/callout_judgement.hpp"

namespace gatepost::gateway {

using checks::CalloutAnswer;
using checks::CalloutResult;
using relay::Talk;
using ClientAction = smtp::ClientSession::Action;

namespace {

constexpr base::Millis connect_patience{10000};
/// A server may be silent so long: some let strangers wait for their banner.
constexpr base::Millis step_patience{30000};
constexpr std::size_t most_hosts = 3;
/// Of a host, for each of IPv4 and IPv6.
constexpr std::size_t most_addresses_of_host = 2;

/// Public, and not a way of writing an IPv4 address, which could be one of ours (NAT64, 6to4).
bool is_public(const base::IpAddress& address) {
  static const auto unicast = *base::Network::parse("2000::/3");
  static const auto six_to_four = *base::Network::parse("2002::/16");
  if (address.scope() != base::Scope::global) return false;
  return address.is_v4() || (unicast.contains(address) && !six_to_four.contains(address));
}

}  // namespace

CalloutFlight::CalloutFlight(CalloutContext& context, std::string domain,
                             std::shared_ptr<const checks::CalloutSettings> how)
    : context_(context), domain_(std::move(domain)), how_(std::move(how)) {
  deadline_.set(context_.clock.now() + how_->probe_time);
  envelope_.sender = how_->probe_sender;
  envelope_.ask_only = true;
  envelope_.recipients.resize(1);
  outcome_.words = "no answer yet";
}

// ---- Who waits

void CalloutFlight::join(const mail::Mailbox& address, CalloutAnswered answered) {
  const auto key = address.key();
  auto asked = std::find_if(addresses_.begin(), addresses_.end(),
                            [&](const Asked& other) { return !other.settled && other.address.key() == key; });
  if (asked == addresses_.end()) {
    const auto refuse = [&](const char* why) { answered({CalloutResult::unknown, why, false}); };
    if (addresses_.size() >= most_addresses) return refuse("too many addresses of its domain at a time");
    auto& memory = context_.memory;
    if (!checks::may_ask(memory.callouts, domain_, how_->max_per_domain, memory.now()))
      return refuse("too many addresses of its domain within an hour");
    asked = addresses_.insert(addresses_.end(), Asked{address, {}, false});
  }
  asked->waiters.push_back({context_.clock.now() + how_->wait, std::move(answered)});
}

void CalloutFlight::sweep(base::Instant now) {
  const CalloutAnswer not_yet{CalloutResult::unknown, "no answer yet: it goes on being asked", false};
  for (auto& asked : addresses_) {
    std::vector<Waiter> late;
    for (auto& waiter : asked.waiters) {
      if (now >= waiter.until) late.push_back(std::move(waiter));
    }
    std::erase_if(asked.waiters, [](const Waiter& waiter) { return !waiter.answered; });
    for (const auto& waiter : late) waiter.answered(not_yet);
  }
  deadline_.check(now);
}

void CalloutFlight::stop() {
  stopping_ = true;
  deadline_.interrupt(net::Interrupt::shutdown);
}

void CalloutFlight::settle(Asked& asked, const CalloutAnswer& answer) {
  asked.settled = true;
  for (const auto& waiter : std::exchange(asked.waiters, {})) waiter.answered(answer);
}

bool CalloutFlight::settle_known() {
  const auto& memory = context_.memory;
  for (auto& asked : addresses_) {
    if (const auto known = checks::recall(memory.callouts, asked.address, memory.now()))
      settle(asked, *known);
  }
  return std::all_of(addresses_.begin(), addresses_.end(), [](const Asked& asked) { return asked.settled; });
}

void CalloutFlight::settle_rest(const CalloutAnswer& answer) {
  for (auto& asked : addresses_) {
    if (asked.settled) continue;
    context_.board.count(answer.result);
    settle(asked, answer);
  }
}

// ---- The visit

net::Task<void> CalloutFlight::run() {
  const auto servers = co_await find_servers();
  for (const auto& server : servers) {
    if (over()) break;
    const bool heard = co_await visit(server);
    if (heard) break;
  }
  conclude();
}

void CalloutFlight::remember_outcome() {
  auto& memory = context_.memory;
  checks::remember(memory.callouts, checks::callout_domain_name(domain_), outcome_, *how_, memory.now());
}

void CalloutFlight::conclude() {
  if (of_domain_ && !stopping_) remember_outcome();
  settle_rest(outcome_);
}

CalloutFlight::Lookup CalloutFlight::look_up(const std::string& name, dns::Type type) {
  auto lookup = std::make_shared<net::OneShot<DnsAnswer>>(context_.io.get_executor());
  const auto known =
      context_.resolver.resolve({name, type}, [lookup](const auto& said) { lookup->set(said); });
  if (known) lookup->set(known);
  return lookup;
}

/// Null: time is over.
net::Task<CalloutFlight::DnsAnswer> CalloutFlight::answer_of(Lookup lookup) {
  if (!lookup->ready()) co_await lookup->wait(deadline_);
  co_return lookup->ready() ? lookup->get() : nullptr;
}

/// The domain's mail servers by name, best first; without MX records it is its own (RFC 5321 5.1).
net::Task<std::vector<std::string>> CalloutFlight::find_hosts() {
  std::vector<std::string> hosts;
  const auto lookup = look_up(domain_, dns::Type::mx);
  const auto exchanges = co_await answer_of(lookup);
  if (!exchanges || exchanges->failed()) {
    outcome_.words =
        "its mail servers cannot be looked up: " + (exchanges ? exchanges->why : "no answer in time");
    co_return hosts;
  }
  for (const auto& exchange : exchanges->exchanges) {
    if (!exchange.host.empty() && hosts.size() < most_hosts) hosts.push_back(exchange.host);
  }
  if (exchanges->outcome == dns::Outcome::no_data) hosts.push_back(domain_);
  if (hosts.empty()) outcome_ = {CalloutResult::not_asked, "the domain takes no mail", false};
  co_return hosts;
}

net::Task<std::vector<base::IpAddress>> CalloutFlight::find_servers() {
  std::vector<base::IpAddress> servers;
  const auto hosts = co_await find_hosts();
  if (hosts.empty()) co_return servers;
  outcome_ = {CalloutResult::not_asked, "none of its mail servers has an address that may be asked", false};
  std::vector<Lookup> lookups;
  for (const auto& host : hosts) {
    lookups.push_back(look_up(host, dns::Type::a));
    lookups.push_back(look_up(host, dns::Type::aaaa));
  }
  for (const auto& lookup : lookups) {
    const auto found = co_await answer_of(lookup);
    take_usable(found, servers);
  }
  co_return servers;
}

void CalloutFlight::take_usable(const DnsAnswer& answer, std::vector<base::IpAddress>& servers) {
  if (!answer || answer->failed()) {
    const std::string why = answer ? answer->why : "no answer in time";
    outcome_ = {CalloutResult::unknown, "its mail servers cannot be looked up: " + why, false};
    return;
  }
  std::size_t taken = 0;
  for (const auto& address : answer->addresses) {
    if (!usable(address) || taken++ >= most_addresses_of_host) continue;
    servers.push_back(address);
  }
}

/// Neither ourselves nor what is behind us: a stranger chooses the domain, and its DNS says whatever he
/// likes.
bool CalloutFlight::usable(const base::IpAddress& address) const {
  if (how_->probe_private)
    return address.scope() != base::Scope::multicast && address.scope() != base::Scope::unspecified;
  const auto& own = context_.site.addresses;
  return is_public(address) && std::find(own.begin(), own.end(), address) == own.end();
}

/// True: it was asked, whatever came of it; false: another one may be tried.
net::Task<bool> CalloutFlight::visit(base::IpAddress server) {
  if (!context_.board.choose(domain_, server)) {
    outcome_ = {CalloutResult::unknown, "its mail server is being asked about other domains", false};
    co_return false;
  }
  of_domain_ = true;
  const relay::HostPort at{server.to_string(), static_cast<std::uint16_t>(how_->port)};
  net::NearerDeadline limit(deadline_, context_.clock.now() + connect_patience);
  auto stream = co_await context_.connector.connect(at.host, at.port, deadline_);
  limit.restore(context_.clock.now());
  if (!stream) {
    outcome_ = {CalloutResult::unknown, stream.error().message, false};
    co_return false;
  }
  // A server of its own: nobody else uses this connection.
  auto only = std::make_shared<relay::Server>(at, 1);
  only->permits.try_take();
  relay::Connection connection(std::move(only),
                               smtp::ClientSession(context_.site.hostname, smtp::ClientTls::none));
  connection.stream = std::move(*stream);
  const bool greeted = co_await greet(connection);
  if (greeted) co_await ask_all(connection);
  relay::say_goodbye(connection);
  co_return greeted;
}

net::Task<bool> CalloutFlight::greet(relay::Connection& connection) {
  const relay::Patience patience{context_.clock, step_patience};
  auto action = connection.session.greet();
  const auto talk = co_await relay::converse(connection, action, deadline_, patience);
  const bool ready = talk == Talk::answered && action == ClientAction::ready;
  if (!ready) fail(talk, connection);
  co_return ready;
}

void CalloutFlight::fail(Talk talk, const relay::Connection& connection) {
  const auto& said = connection.session.failure();
  const std::string why = talk == Talk::lost ? "it closed the connection"
                          : said.empty()     ? "no answer in time"
                                             : said;
  outcome_ = {CalloutResult::unknown, connection.server->address.to_string() + ": " + why, false};
}

net::Task<void> CalloutFlight::ask_all(relay::Connection& connection) {
  auto& memory = context_.memory;
  if (base::iequals(connection.session.server_name(), context_.site.hostname)) {
    outcome_ = {CalloutResult::not_asked, "its mail server is this one", false};
    co_return;
  }
  if (!checks::known_selective(memory.callouts, domain_, memory.now())) {
    const auto made_up = checks::made_up_local_part(memory.callouts, domain_);
    const bool answered = co_await ask(connection, made_up);
    if (!answered) co_return;
    const auto judged = judge_made_up(replies_);
    outcome_ = judged.answer;
    if (!judged.go_on) co_return;
    if (outcome_.result != CalloutResult::unknown) remember_outcome();
  }
  // From here on it is known to answer: what goes wrong is not held against the domain.
  of_domain_ = false;
  outcome_ = {CalloutResult::unknown, "no answer", false};
  for (std::size_t i = 0; i < addresses_.size() && !over() && !of_domain_; ++i) {
    if (!addresses_[i].settled) co_await ask_about(connection, addresses_[i]);
  }
}

net::Task<void> CalloutFlight::ask_about(relay::Connection& connection, Asked& asked) {
  const std::string local(asked.address.local());
  const bool answered = co_await ask(connection, local);
  if (!answered) co_return;
  auto judged = judge_address(replies_);
  if (judged.answer.result == CalloutResult::sender_refused) {
    outcome_ = judged.answer;
    of_domain_ = true;
    co_return;
  }
  if (judged.doubtful) {
    const std::string postmaster("postmaster");
    co_await ask(connection, postmaster);
    judged.answer = judge_doubtful(judged.answer, replies_);
  }
  auto& memory = context_.memory;
  checks::remember(memory.callouts, checks::callout_name(asked.address), judged.answer, *how_, memory.now());
  context_.board.count(judged.answer.result);
  settle(asked, judged.answer);
}

/// Asks about local@domain; `replies_` has what came. False: the connection is of no use any more.
net::Task<bool> CalloutFlight::ask(relay::Connection& connection, std::string local) {
  replies_ = {};
  if (over() || !connection.session.reusable()) {
    fail(over() ? Talk::interrupted : Talk::lost, connection);
    co_return false;
  }
  envelope_.recipients.front().address = local + "@" + domain_;
  const relay::Patience patience{context_.clock, step_patience};
  auto action = connection.session.transact(envelope_);
  const auto talk = co_await relay::converse(connection, action, deadline_, patience);
  replies_ = std::move(connection.session.replies());
  const bool answered = talk == Talk::answered && action == ClientAction::done;
  if (!answered) fail(talk, connection);
  co_return answered;
}

}  // namespace gatepost::gateway
