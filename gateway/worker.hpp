// One session thread: its io_context, what its sessions share, and the sweep that watches over them.
#pragma once

#include <boost/intrusive/list.hpp>
#include <memory>
#include <string>
#include <thread>

#include "core/base/random.hpp"
#include "core/dns/health.hpp"
#include "gateway/gateway_desk.hpp"
#include "gateway/resolver_witness.hpp"
#include "gateway/session.hpp"
#include "gateway/snapshot.hpp"

namespace gatepost::gateway {

/// What all threads share.
struct Shared {
  const base::Clock& clock;
  base::MemoryBudget& memory;
  relay::Learned& learned;
  checks::Memory& remembered;
  CalloutBoard& callouts;
  state::SpillStore& spill;
  WitnessBoard& witnesses;
  const std::shared_ptr<dns::ResolverHealth>& resolvers;
  HeldBack& held_back;
  std::atomic<std::int64_t>& sessions;  ///< open in all threads
  std::int64_t most_sessions;           ///< as many as there are descriptors for
};

/// How busy a thread is, from the processor time it used.
class BusyMeter {
 public:
  /// Share of the last 100 ms or more, 0 to 1. To be called on the thread itself.
  double share(base::Instant now);

 private:
  base::Instant since_{};
  std::chrono::nanoseconds used_{0};
  double share_ = 0;
};

class Worker {
 public:
  static constexpr base::Millis sweep_interval{250};

  Worker(unsigned index, const Shared& shared, std::shared_ptr<const Snapshot> snapshot,
         telemetry::Recorder& recorder);
  ~Worker();

  net::asio::io_context& io() { return io_; }
  relay::Pool& pool() { return pool_; }
  unsigned index() const { return index_; }
  /// Last known share, for other threads.
  double busy() const { return busy_.load(std::memory_order_relaxed); }

  void start_thread();
  void join();

  // On the worker's thread, or before it runs:

  /// Begins a session on an accepted descriptor. `local`: where it was accepted.
  void accept(int descriptor, const base::Endpoint& peer, const base::Endpoint& local);
  double measure();
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  /// No new sessions; those there are end when they can, at once if `hard`.
  void drain(bool hard);
  /// Has the witnesses of the checks examined that have not been within `span`, suspended ones oftener.
  void examine_witnesses(base::Millis span);
  /// Says EHLO to a server, to learn what it offers and whether it lives.
  void probe(std::shared_ptr<const relay::Route> route, std::shared_ptr<relay::Server> server);

 private:
  using Sessions = boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>>;

  net::Task<void> run_probe(std::shared_ptr<const relay::Route> route, std::shared_ptr<relay::Server> server);
  void sweep();
  void arm_sweep();
  void run_session(std::unique_ptr<Session> session);
  void notice(telemetry::Level level, std::string_view topic, std::string_view text);
  std::optional<smtp::Reply> turn_away() const;
  void make_witness();
  void end_if_done();
  bool is_balancer(const base::IpAddress& peer) const;

  unsigned index_;
  const Shared shared_;
  net::asio::io_context io_{1};
  base::SystemRandom random_;
  state::ChunkPool chunks_;
  BufferPool buffers_;
  std::unique_ptr<net::Connector> connector_;
  relay::Pool pool_;
  relay::Deliverer deliverer_;
  telemetry::Recorder& recorder_;
  std::shared_ptr<const Snapshot> live_;
  std::unique_ptr<dns::Resolver> resolver_;
  Examiner examiner_;
  CalloutProber prober_;
  checks::WitnessPtr resolver_witness_;
  SessionContext context_;
  DeskContext desk_;
  Sessions sessions_;
  BusyMeter meter_;
  std::atomic<double> busy_{0};
  net::asio::basic_waitable_timer<std::chrono::steady_clock,
                                  net::asio::wait_traits<std::chrono::steady_clock>, net::Executor>
      timer_;
  std::vector<net::Deadline*> probing_;
  bool draining_ = false;
  std::thread thread_;
};

}  // namespace gatepost::gateway
