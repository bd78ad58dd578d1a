#include "gateway/app.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "core/base/file.hpp"
#include "gateway/process.hpp"
#include "relay/capabilities.hpp"
#include "telemetry/records.hpp"

namespace gatepost::gateway {
namespace {

using telemetry::Level;

/// From here on new connections go to another thread.
constexpr double busy_enough = 0.7;
constexpr unsigned most_threads = 8;
constexpr base::Millis probe_wait_at_start{1000};

unsigned thread_count(const Options& options) {
  if (options.threads > 0) return static_cast<unsigned>(options.threads);
  return std::clamp(std::thread::hardware_concurrency(), 1U, most_threads);
}

}  // namespace

/// Asio objects of the admin thread.
struct App::Admin {
  explicit Admin(net::asio::io_context& context) : signals(context), tick(context), drain(context) {}
  net::asio::basic_signal_set<net::Executor> signals;
  using Timer =
      net::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      net::asio::wait_traits<std::chrono::steady_clock>, net::Executor>;
  Timer tick;
  Timer drain;
};

App::App(std::string config_path, Config config)
    : config_path_(std::move(config_path)), config_(std::move(config)) {
  admin_things_ = std::make_unique<Admin>(admin_);
}

App::~App() = default;

int App::run() {
  // What comes while the start is under way is dealt with behind it.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) admin_things_->signals.add(signal);
  descriptors_ = raise_descriptor_limit();
  const auto user = config_.options.user;
  const auto prepared = prepare_state_directory(config_.options.state_dir, user);
  if (!prepared) {
    std::fprintf(stderr, "gatepost: %s\n", prepared.error().message.c_str());
    return 1;
  }
  if (!open_sockets()) return 1;
  const auto dropped = drop_privileges(user);
  if (!dropped) {
    std::fprintf(stderr, "gatepost: %s\n", dropped.error().message.c_str());
    return 1;
  }
  if (!start()) return 1;
  admin_.run();
  for (auto& worker : workers_) worker->join();
  close_memory();
  notice(Level::info, "stop", "stopped");
  save_capabilities();
  return 0;
}

// ---- Start

bool App::open_sockets() {
  bool good = true;
  const auto& options = config_.options;
  for (auto& inherited : inherited_sockets())
    (inherited.name.find("web") == std::string::npos ? smtp_sockets_ : web_sockets_)
        .push_back(std::move(inherited.socket));
  const auto open = [&good](const base::Endpoint& endpoint, int buffer,
                            std::vector<net::ListeningSocket>& into) {
    auto socket = net::ListeningSocket::open(endpoint, {buffer});
    if (socket) {
      into.push_back(std::move(*socket));
      return;
    }
    good = false;
    const bool taken = socket.error().message == std::generic_category().message(EADDRINUSE);
    const auto owner = taken ? port_owner(endpoint.port) : std::string();
    const bool forbidden = socket.error().message == std::generic_category().message(EACCES);
    std::fprintf(stderr, "gatepost: cannot listen at %s: %s%s\n", endpoint.to_string().c_str(),
                 socket.error().message.c_str(),
                 !owner.empty() ? (", the port is taken by " + owner).c_str()
                 : forbidden    ? " (start it as root, or give it CAP_NET_BIND_SERVICE: see docs/systemd.md)"
                                : "");
  };
  if (smtp_sockets_.empty()) {
    for (const auto& endpoint : options.smtp.listen)
      open(endpoint, static_cast<int>(options.smtp.receive_buffer.bytes), smtp_sockets_);
  }
  if (web_sockets_.empty()) {
    for (const auto& endpoint : options.web.listen) open(endpoint, 0, web_sockets_);
  }
  return good;
}

bool App::start() {
  ::signal(SIGPIPE, SIG_IGN);
  fixed_ = fixed_options(config_.options);
  snapshot_ = Snapshot::build(config_, servers_, true);
  const auto& problems = snapshot_ ? snapshot_->config.problems : config_.problems;
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", problem.to_string().c_str());
  if (!snapshot_) return false;
  const auto& options = snapshot_->config.options;
  configured_ = clock_.wall();
  memory_ = std::make_unique<base::MemoryBudget>(options.smtp.memory.bytes);
  spill_ = state::make_disk_spill_store(options.state_dir);
  log_ = std::make_unique<telemetry::Log>(options.log.path);
  const auto form = options.log.format == LogFormat::json ? telemetry::RecordWriter::Form::json
                                                          : telemetry::RecordWriter::Form::text;
  admin_recorder_ = &statistics_.make_recorder(*log_, form);
  metrics_ = std::make_unique<telemetry::Metrics>(statistics_,
                                                  [this](telemetry::MetricsBuilder& b) { add_metrics(b); });
  load_capabilities();
  open_memory();
  start_workers();
  on_signal(0);
  if (!web_sockets_.empty()) {
    web_ = webui::make_server(admin_, std::move(web_sockets_), *this, {options.web.password_hash});
    web_->start();
  }
  statistics_.tick();
  probe_backends();
  examine_witnesses();
  notify_manager("READY=1");
  // One screen for people, once the backends have had a moment to answer.
  admin_things_->drain.expires_after(probe_wait_at_start);
  admin_things_->drain.async_wait([this](boost::system::error_code error) {
    if (!error) print_start();
  });
  arm_tick();
  return true;
}

void App::start_workers() {
  const auto& options = snapshot_->config.options;
  const auto form = options.log.format == LogFormat::json ? telemetry::RecordWriter::Form::json
                                                          : telemetry::RecordWriter::Form::text;
  const Shared shared{clock_,     *memory_,   *learned_, *remembered_,   *spill_,
                      witnesses_, resolvers_, sessions_, most_sessions()};
  for (unsigned i = 0; i < thread_count(options); ++i) {
    workers_.push_back(
        std::make_unique<Worker>(i, shared, snapshot_, statistics_.make_recorder(*log_, form)));
  }
  for (auto& worker : workers_) {
    worker->pool().ask_others = [this, asking = worker.get()](const std::shared_ptr<relay::Server>& server) {
      for (auto& other : workers_) {
        if (other.get() == asking || !other->pool().has_idle()) continue;
        net::asio::post(other->io(), [pool = &other->pool(), server] { pool->donate(*server); });
      }
    };
  }
  for (auto& socket : smtp_sockets_) {
    const auto local = socket.local();
    acceptors_.push_back(std::make_unique<net::Acceptor>(
        workers_.front()->io(), std::move(socket),
        [this, local](int descriptor, const base::Endpoint& peer) { dispatch(descriptor, peer, local); },
        [this](int descriptor) { turn_away(descriptor); }));
    acceptors_.back()->start();
  }
  smtp_sockets_.clear();
  for (auto& worker : workers_) worker->start_thread();
}

/// What is left of the descriptors when connections to backends, the page and files have theirs. A session
/// may need a second one, for its message on disk, but few do.
std::int64_t App::most_sessions() const {
  std::int64_t others = 100;
  for (const auto& [name, route] : snapshot_->routes)
    others += static_cast<std::int64_t>(route->servers.size()) * route->options.max_connections;
  const auto limit = static_cast<std::int64_t>(
      descriptors_ == 0 ? INT32_MAX : std::min<std::size_t>(descriptors_, INT32_MAX));
  return std::max<std::int64_t>(10, (limit - others) * 9 / 10);
}

/// There is no descriptor for a session; a word is all that can be said.
void App::turn_away(int descriptor) {
  shortages_.fetch_add(1, std::memory_order_relaxed);
  if (descriptor < 0) return;
  std::string text;
  smtp::reply(smtp::Say::overload).append_to(text);
  ::send(descriptor, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void App::arm_tick() {
  admin_things_->tick.expires_after(std::chrono::seconds(1));
  admin_things_->tick.async_wait([this](boost::system::error_code error) {
    if (error) return;
    tick();
    if (!stopping_) arm_tick();
  });
}

void App::tick() {
  ++ticks_;
  statistics_.tick();
  watch_backends();
  watch_resolvers();
  watch_witnesses();
  watch_files();
  watch_state();
  if (ticks_ % 5 == 0) probe_backends();
  if (ticks_ % 10 == 0) examine_witnesses();
  if (ticks_ % 10 == 0) save_capabilities();
}

// ---- While running

/// On the first worker's thread.
void App::dispatch(int descriptor, const base::Endpoint& peer, const base::Endpoint& local) {
  auto* chosen = workers_.front().get();
  if (workers_.size() > 1 && chosen->measure() >= busy_enough) {
    for (const auto& worker : workers_) {
      if (worker->busy() < chosen->busy()) chosen = worker.get();
    }
  }
  if (chosen == workers_.front().get()) {
    chosen->accept(descriptor, peer, local);
  } else {
    net::asio::post(chosen->io(),
                    [chosen, descriptor, peer, local] { chosen->accept(descriptor, peer, local); });
  }
}

void App::on_signal(int signal) {
  switch (signal) {
    case SIGTERM:
    case SIGINT: stopping_ ? stop_now() : begin_drain(); break;
    case SIGHUP: reload(); break;
    case SIGUSR1: log_->reopen(); break;
    default: break;
  }
  admin_things_->signals.async_wait([this](boost::system::error_code error, int next) {
    if (!error) on_signal(next);
  });
}

void App::notice(Level level, std::string_view topic, const std::string& text) {
  admin_recorder_->record(telemetry::Notice{clock_.wall(), level, topic, text});
}

/// Whatever goes wrong, the old configuration stays and mail goes on.
void App::reload() {
  notify_manager("RELOADING=1");
  try {
    take_configuration(read_config(config_path_));
  } catch (const std::exception& e) {
    refuse_configuration(e.what());
  }
  notify_manager("READY=1");
}

void App::refuse_configuration(std::string why) {
  reload_error_ = std::move(why);
  reloads_bad_.fetch_add(1, std::memory_order_relaxed);
  notice(Level::error, "reload", "the configuration has errors; the old one stays");
}

/// The keys of options that have another value than at the start, and keep that one.
std::string App::fixed_changes(Options& options) const {
  std::string keys;
  for (const auto& line : fixed_options(options)) {
    if (std::find(fixed_.begin(), fixed_.end(), line) == fixed_.end())
      keys += (keys.empty() ? "" : ", ") + line.substr(0, line.find(' '));
  }
  return keys;
}

void App::take_configuration(Config config) {
  const auto changed = fixed_changes(config.options);
  auto built = config.has_errors() ? nullptr : Snapshot::build(config, servers_, true);
  if (built) {
    if (const auto emptied = directory_emptied(*built); !emptied.empty()) {
      config.problems.clear();
      config.problems.push_back(
          {config_path_, 0, 0,
           "directory " + emptied + " holds no address any more: everybody would be refused",
           "restart if this is what you want", false});
      built = nullptr;
    }
  }
  const auto& problems = built ? built->config.problems : config.problems;
  for (const auto& problem : problems)
    notice(problem.warning ? Level::warning : Level::error, "reload", problem.to_string());
  if (!built) {
    const auto first =
        std::find_if(problems.begin(), problems.end(), [](const auto& p) { return !p.warning; });
    return refuse_configuration(first->to_string());
  }
  const auto sizes = compare_directories(*built);
  apply(built);
  if (!changed.empty()) notice(Level::warning, "reload", "these take effect at a restart only: " + changed);
  reload_error_.clear();
  reloads_good_.fetch_add(1, std::memory_order_relaxed);
  notice(Level::info, "reload", "the configuration was read again" + sizes);
}

/// The name of a directory that had addresses and has none now: half a file, rather than a decision.
std::string App::directory_emptied(const Snapshot& next) const {
  for (const auto& [name, directory] : next.directories) {
    const auto old = snapshot_->directories.find(name);
    if (directory->size() == 0 && old != snapshot_->directories.end() && old->second->size() > 0) return name;
  }
  return {};
}

/// "; staff: 6 addresses (206 before)", and a warning of its own where a directory has lost more than half.
std::string App::compare_directories(const Snapshot& next) {
  std::string text;
  for (const auto& [name, directory] : next.directories) {
    const auto old = snapshot_->directories.find(name);
    const auto before = old == snapshot_->directories.end() ? 0 : old->second->size();
    text += fmt::format("; {}: {} addresses ({} before)", name, directory->size(), before);
    if (directory->size() < before / 2)
      notice(Level::warning, "reload",
             fmt::format("directory {} has lost more than half of its addresses: {} of {} are left", name,
                         directory->size(), before));
  }
  return text;
}

void App::apply(std::shared_ptr<const Snapshot> snapshot) {
  for (const auto& [name, route] : snapshot->routes) {
    for (const auto& server : route->servers)
      server->permits.set_limit(static_cast<int>(route->options.max_connections));
  }
  // A recipient that is new in a directory is no longer what backends said of it.
  std::unordered_set<std::string> added;
  for (const auto& [name, directory] : snapshot->directories) {
    const auto old = snapshot_->directories.find(name);
    if (old == snapshot_->directories.end()) continue;
    for (auto& address : directory->added_since(*old->second)) added.insert(std::move(address));
  }
  learned_->forget(added);
  snapshot_ = std::move(snapshot);
  configured_ = clock_.wall();
  for (auto& worker : workers_) {
    net::asio::post(worker->io(),
                    [worker = worker.get(), snapshot = snapshot_] { worker->set_snapshot(snapshot); });
  }
  if (web_) web_->set_settings({snapshot_->config.options.web.password_hash});
  probe_backends();
  examine_witnesses();
}

/// Servers that nobody has seen yet, or that have failed: is there anybody?
void App::probe_backends() {
  for (const auto& [name, route] : snapshot_->routes) {
    for (const auto& server : route->servers) {
      if (server->answered() && !server->breaker.open()) continue;
      auto& worker = *workers_.front();
      net::asio::post(worker.io(), [&worker, route, server] { worker.probe(route, server); });
    }
  }
}

void App::load_capabilities() {
  const auto text = base::read_file(snapshot_->config.options.state_dir + "/backends");
  if (!text) return;
  saved_capabilities_ = *text;
  const auto known = relay::read_capabilities(*text);
  for (const auto& [name, route] : snapshot_->routes) {
    for (const auto& server : route->servers) {
      if (const auto found = known.find(server->address.to_string()); found != known.end())
        server->assume(found->second);
    }
  }
}

void App::save_capabilities() {
  relay::Capabilities all;
  for (const auto& [name, route] : snapshot_->routes) {
    for (const auto& server : route->servers) {
      if (const auto known = server->known()) all[server->address.to_string()] = *known;
    }
  }
  auto text = relay::write_capabilities(all);
  if (text == saved_capabilities_) return;
  if (base::replace_file(snapshot_->config.options.state_dir + "/backends", text))
    saved_capabilities_ = std::move(text);
}

// ---- Stop

void App::begin_drain() {
  stopping_ = true;
  notify_manager("STOPPING=1");
  notice(Level::info, "stop", fmt::format("going down; {} sessions are open", sessions_.load()));
  for (auto& worker : workers_) {
    const bool first = worker == workers_.front();
    net::asio::post(worker->io(), [this, first, worker = worker.get()] {
      if (first) {
        for (auto& acceptor : acceptors_) acceptor->stop();
      }
      worker->drain(false);
    });
  }
  drain_until_ = clock_.now() + snapshot_->config.options.drain_timeout;
  const auto look = [this](auto self) -> void {
    if (sessions_.load() <= 0) {
      admin_.stop();
      return;
    }
    if (clock_.now() >= drain_until_) return stop_now();
    admin_things_->drain.expires_after(std::chrono::milliseconds(20));
    admin_things_->drain.async_wait([self](boost::system::error_code error) {
      if (!error) self(self);
    });
  };
  look(look);
}

/// What is still under way is told to come again; who does not hear it in two seconds is cut off.
void App::stop_now() {
  for (auto& worker : workers_)
    net::asio::post(worker->io(), [worker = worker.get()] { worker->drain(true); });
  const auto until = clock_.now() + std::chrono::seconds(2);
  while (sessions_.load() > 0 && clock_.now() < until) ::usleep(10000);
  if (sessions_.load() > 0) {
    notice(Level::warning, "stop", fmt::format("stopped with {} sessions open", sessions_.load()));
    close_memory();
    log_->stop();
    std::_Exit(0);
  }
  admin_.stop();
}

}  // namespace gatepost::gateway
