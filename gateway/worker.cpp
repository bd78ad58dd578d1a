#include "gateway/worker.hpp"

#include <time.h>

#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>

#include "core/dns/cares_resolver.hpp"
#include "core/net/acceptor.hpp"
#include "core/net/tcp_stream.hpp"
#include "core/net/tls_stream.hpp"

namespace gatepost::gateway {
namespace {

constexpr base::Millis probe_patience{10000};
constexpr base::Millis suspended_look_again{60000};

std::chrono::nanoseconds thread_time() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

}  // namespace

double BusyMeter::share(base::Instant now) {
  if (now - since_ < std::chrono::milliseconds(100)) return share_;
  const auto used = thread_time();
  if (since_ != base::Instant{})
    share_ = std::chrono::duration<double>(used - used_) / std::chrono::duration<double>(now - since_);
  since_ = now;
  used_ = used;
  return share_;
}

Worker::Worker(unsigned index, const Shared& shared, std::shared_ptr<const Snapshot> snapshot,
               telemetry::Recorder& recorder)
    : index_(index),
      shared_(shared),
      chunks_(shared.memory),
      buffers_(std::max<std::size_t>(4096, snapshot->config.options.smtp.protocol.max_line.bytes)),
      connector_(
          net::make_tcp_connector(io_, static_cast<int>(snapshot->config.options.relay.send_buffer.bytes))),
      pool_(io_, *connector_, shared.clock, snapshot->config.options.hostname),
      deliverer_(io_, pool_, shared.spill, shared.clock, snapshot->config.options.relay),
      recorder_(recorder),
      live_(std::move(snapshot)),
      resolver_(dns::make_cares_resolver(io_, shared.clock, live_->config.options.dns, shared.resolvers)),
      examiner_(*resolver_, shared.witnesses, shared.clock),
      prober_({io_, *connector_, *resolver_, shared.clock, shared.remembered, shared.callouts, live_->site}),
      context_{io_, shared.clock, chunks_, shared.spill, buffers_, shared.held_back, {}},
      desk_{{shared_.clock, shared_.learned, shared_.remembered, live_, *resolver_, examiner_,
             resolver_witness_, &prober_},
            chunks_,
            deliverer_,
            recorder_},
      timer_(io_) {
  context_.start_tls = [this](std::unique_ptr<net::Stream> plain) -> std::unique_ptr<net::Stream> {
    return std::make_unique<net::TlsStream>(io_, static_cast<net::TcpStream&>(*plain).release(),
                                            live_->tls->make_session());
  };
  prober_.on_idle = [this] { end_if_done(); };
  make_witness();
  arm_sweep();
}

Worker::~Worker() {
  pool_.close_all();
}

void Worker::start_thread() {
  thread_ = std::thread([this] { io_.run(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

double Worker::measure() {
  const auto share = meter_.share(shared_.clock.now());
  busy_.store(share, std::memory_order_relaxed);
  return share;
}

void Worker::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  live_ = std::move(snapshot);
  deliverer_.set_options(live_->config.options.relay);
  pool_.set_hostname(live_->config.options.hostname);
  prober_.set_site(live_->site);
  make_witness();
}

void Worker::make_witness() {
  resolver_witness_ = live_->make_resolver_witness();
  examiner_.forget();
}

bool Worker::is_balancer(const base::IpAddress& peer) const {
  for (const auto& network : live_->config.options.smtp.proxy_from) {
    if (network.contains(peer)) return true;
  }
  return false;
}

/// Under overload a new client is told so at once.
std::optional<smtp::Reply> Worker::turn_away() const {
  const bool crowded = shared_.sessions.load(std::memory_order_relaxed) >=
                       std::min(live_->config.options.smtp.max_sessions, shared_.most_sessions);
  if (draining_) return smtp::reply(smtp::Say::shutting_down);
  if (crowded || shared_.memory.level() == base::MemoryBudget::Level::full)
    return smtp::reply(smtp::Say::overload);
  return std::nullopt;
}

void Worker::accept(int descriptor, const base::Endpoint& peer, const base::Endpoint& local) {
  Session::Start start;
  start.facts.id = base::SessionId::make(random_);
  start.facts.client = peer;
  // Behind 0.0.0.0 only the connection knows.
  start.facts.local =
      local.address.scope() == base::Scope::unspecified ? net::local_of(descriptor).value_or(local) : local;
  start.facts.connected_at = shared_.clock.wall();
  start.stream = std::make_unique<net::TcpStream>(io_, descriptor);
  start.expects_proxy = is_balancer(peer.address);
  start.turn_away = turn_away();
  recorder_.session_opened();
  run_session(std::make_unique<Session>(context_, live_->settings, std::make_unique<GatewayDesk>(desk_),
                                        std::move(start)));
}

void Worker::run_session(std::unique_ptr<Session> session) {
  shared_.sessions.fetch_add(1, std::memory_order_relaxed);
  sessions_.push_back(*session);
  auto* running = session.get();
  // Named before it is handed over: g++ 12 destroys lambdas in co_spawn's argument list twice (bug 107288).
  auto finished = [this, session = std::move(session)](std::exception_ptr failure) mutable {
    shared_.sessions.fetch_sub(1, std::memory_order_relaxed);
    if (failure) {
      session->abandon();
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        notice(telemetry::Level::error, "session", std::string("a session failed: ") + e.what());
      }
    }
    session.reset();
    end_if_done();
  };
  net::asio::co_spawn(io_, running->run(), std::move(finished));
}

void Worker::notice(telemetry::Level level, std::string_view topic, std::string_view text) {
  recorder_.record(telemetry::Notice{shared_.clock.wall(), level, topic, text});
}

void Worker::arm_sweep() {
  timer_.expires_after(sweep_interval);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    sweep();
    arm_sweep();
  });
}

void Worker::sweep() {
  const auto now = shared_.clock.now();
  measure();
  for (auto& session : sessions_) session.sweep(now);
  for (auto* deadline : probing_) deadline->check(now);
  pool_.sweep(now);
  prober_.sweep(now);
  chunks_.slice().trim();
}

void Worker::drain(bool hard) {
  draining_ = true;
  for (auto& session : sessions_) session.shut_down(hard);
  pool_.close_all();
  prober_.stop();
  end_if_done();
}

void Worker::end_if_done() {
  if (draining_ && sessions_.empty() && prober_.idle()) io_.stop();
}

void Worker::examine_witnesses(base::Millis span) {
  const auto ignore = [](const checks::Testimony&) {};
  for (const auto& witness : live_->pipeline->witnesses()) {
    const auto limit = examiner_.suspended(*witness) ? suspended_look_again : span;
    if (!examiner_.examined_within(*witness, limit)) examiner_.examine(witness, ignore);
  }
  // The resolver is examined when a refusal rests on it; what is said of it then must not stay for ever.
  if (examiner_.suspended(*resolver_witness_) &&
      !examiner_.examined_within(*resolver_witness_, suspended_look_again))
    examiner_.examine(resolver_witness_, ignore);
}

void Worker::probe(std::shared_ptr<const relay::Route> route, std::shared_ptr<relay::Server> server) {
  if (server->permits.used() > 0) return;  // it is in use: what there is to know is known
  auto finished = [](std::exception_ptr) {};
  net::asio::co_spawn(io_, run_probe(std::move(route), std::move(server)), std::move(finished));
}

net::Task<void> Worker::run_probe(std::shared_ptr<const relay::Route> route,
                                  std::shared_ptr<relay::Server> server) {
  net::Deadline deadline;
  deadline.set(shared_.clock.now() + probe_patience);
  const relay::Patience patience{shared_.clock, probe_patience};
  probing_.push_back(&deadline);
  auto leased = co_await pool_.lease(*route, server, deadline, true, patience);
  std::erase(probing_, &deadline);
  if (!leased) co_return;
  server->breaker.greeted();
  pool_.give_back(std::move(*leased), *route);
}

}  // namespace gatepost::gateway
