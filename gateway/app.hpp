// The program `gatepost run`: puts everything together, starts it, reloads it, stops it.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/file.hpp"
#include "core/net/acceptor.hpp"
#include "core/state/write_behind.hpp"
#include "gateway/full_tables.hpp"
#include "gateway/process.hpp"
#include "gateway/snapshot.hpp"
#include "gateway/worker.hpp"
#include "telemetry/metrics.hpp"
#include "webui/server.hpp"

namespace gatepost::gateway {

class App final : private webui::Queries {
 public:
  /// `config` is free of errors.
  App(std::string config_path, Config config);
  ~App() override;

  /// Serves until SIGTERM; returns the exit code.
  int run();

 private:
  // Start
  bool open_sockets();
  bool start();
  void open_memory();
  void start_workers();
  void print_start();
  void arm_tick();
  void tick();

  // While running
  void dispatch(int descriptor, const base::Endpoint& peer, const base::Endpoint& local);
  void on_signal(int signal);
  void reload();
  void apply(std::shared_ptr<const Snapshot> snapshot);
  void probe_backends();
  void load_capabilities();
  void save_capabilities();
  void notice(telemetry::Level level, std::string_view topic, const std::string& text);
  void watch_backends();
  void watch_resolvers();
  void watch_witnesses();
  void examine_witnesses();
  void watch_files();
  void watch_state();
  void watch_tables();
  std::vector<state::Durable*> tables() const;
  void close_memory();
  void watch_slowed();
  void read_checks_again();
  std::vector<std::string> witness_names() const;
  std::string resolvers_in_words() const;

  // Stop
  void begin_drain();
  void take_configuration(Config config);
  void refuse_configuration(std::string why);
  std::string fixed_changes(Options& options) const;
  std::string compare_directories(const Snapshot& next);
  std::string directory_emptied(const Snapshot& next) const;
  void turn_away(int descriptor);
  std::int64_t most_sessions() const;
  void stop_now();

  // webui::Queries
  webui::Status status() const override;
  std::string metrics() const override { return metrics_->text(); }
  bool ready(std::string& why) const override;
  std::vector<webui::CheckStatus> check_statuses() const;
  webui::StateStatus state_status() const;
  webui::DnsStatus dns_status() const;
  void add_metrics(telemetry::MetricsBuilder& builder) const;
  void add_dns_metrics(telemetry::MetricsBuilder& builder) const;
  void add_callout_metrics(telemetry::MetricsBuilder& builder) const;
  void add_state_metrics(telemetry::MetricsBuilder& builder) const;
  std::vector<std::string> warnings() const;

  std::string config_path_;
  Config config_;
  base::SystemClock clock_;
  net::asio::io_context admin_{1};
  ServerRegistry servers_;
  WitnessBoard witnesses_;
  std::shared_ptr<dns::ResolverHealth> resolvers_ = std::make_shared<dns::ResolverHealth>();
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<base::MemoryBudget> memory_;
  DirectoryClaim state_claim_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<relay::Learned> learned_;
  std::unique_ptr<checks::Memory> remembered_;
  std::unique_ptr<state::WriteBehind> writer_;  ///< of these two into the store
  CalloutBoard callouts_;
  std::unique_ptr<state::SpillStore> spill_;
  HeldBack held_back_;
  std::atomic<std::int64_t> sessions_{0};
  telemetry::Statistics statistics_{clock_};
  std::unique_ptr<telemetry::Log> log_;
  telemetry::Recorder* admin_recorder_ = nullptr;
  std::unique_ptr<telemetry::Metrics> metrics_;
  std::vector<net::ListeningSocket> smtp_sockets_;
  std::vector<net::ListeningSocket> web_sockets_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  std::unique_ptr<webui::Server> web_;
  struct Admin;
  std::unique_ptr<Admin> admin_things_;
  std::map<std::string, bool> was_well_;
  std::string lost_state_;  ///< told already
  FullTables full_tables_;
  base::FileStamps seen_files_;  ///< of the checks, a second ago
  base::FileStamps read_files_;  ///< when they were read
  std::shared_ptr<const Snapshot> files_of_;
  std::string checks_error_;  ///< of the last time they were read
  std::string saved_capabilities_;
  base::WallTime configured_;
  base::Instant drain_until_{};
  std::string reload_error_;
  std::atomic<std::uint64_t> reloads_good_{0};
  std::atomic<std::uint64_t> reloads_bad_{0};
  std::vector<std::string> fixed_;  ///< options as of the start that a reload does not change
  std::size_t descriptors_ = 0;     ///< how many the system lets us have
  std::atomic<std::uint64_t> shortages_{0};
  unsigned ticks_ = 0;
  bool warned_of_slowed_ = false;
  bool stopping_ = false;
};

}  // namespace gatepost::gateway
