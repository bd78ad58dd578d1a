// What the gateway remembers over a restart: loaded before the first session, written behind, closed last.
#include <cstdlib>

#include <fmt/format.h>

#include "core/state/sqlite_store.hpp"
#include "gateway/app.hpp"
#include "gateway/state_file.hpp"
#include "telemetry/records.hpp"

namespace gatepost::gateway {

using telemetry::Level;

namespace {

/// A disk may be slow at the end, but must not keep the process for ever.
constexpr std::chrono::seconds patience_at_stop{10};

}  // namespace

void App::open_memory() {
  const auto& options = snapshot_->config.options;
  const auto began = clock_.now();
  if (!state_claim_.take(options.state_dir)) {
    notice(Level::error, "state",
           "another gateway runs with state_dir " + options.state_dir +
               ": each forgets what the other one writes");
  }
  store_ = std::make_unique<state::SqliteStore>(state_file(options), clock_);
  const auto& origin = store_->origin();
  learned_ = std::make_unique<relay::Learned>(static_cast<std::size_t>(options.relay.learned_entries),
                                              origin.hash_key);
  remembered_ =
      std::make_unique<checks::Memory>(clock_, origin, static_cast<std::size_t>(options.state.memory.bytes));
  writer_ = std::make_unique<state::WriteBehind>(*store_, tables(), remembered_->clock(), clock_,
                                                 options.state.write_interval);
  const auto loaded = writer_->load();
  if (!loaded) {
    notice(Level::error, "state", "not all that was remembered could be read: " + loaded.error().message);
  } else if (loaded->rows + loaded->unreadable > 0) {
    const auto took = std::chrono::duration_cast<base::Millis>(clock_.now() - began).count();
    notice(loaded->unreadable > 0 ? Level::warning : Level::info, "state",
           fmt::format("{} entries are remembered, {} could not be read, in {} ms", loaded->rows,
                       loaded->unreadable, took));
  }
  writer_->start();
}

void App::close_memory() {
  if (!writer_->stop(patience_at_stop)) {
    notice(Level::error, "state", "the disk does not answer: what was remembered last is forgotten");
    notice(Level::info, "stop", "stopped");
    log_->stop();
    std::_Exit(0);
  }
  if (const auto health = writer_->health(); !health.well)
    notice(Level::error, "state", "what was remembered last is forgotten: " + health.why);
  writer_.reset();
  store_.reset();
}

std::vector<state::Durable*> App::tables() const {
  auto all = remembered_->tables();
  all.push_back(learned_.get());
  return all;
}

void App::watch_state() {
  watch_tables();
  const auto health = writer_->health();
  if (health.lost != lost_state_) notice(Level::error, "state", lost_state_ = health.lost);
  const auto known = was_well_.try_emplace("state", true).first;
  if (std::exchange(known->second, health.well) == health.well) return;
  notice(health.well ? Level::info : Level::error, "state",
         health.well ? "what is remembered is written to disk again"
                     : "what is remembered cannot be written to disk, and goes on in memory: " + health.why);
}

}  // namespace gatepost::gateway
