// What App shows of what is remembered.
#include "gateway/app.hpp"

namespace gatepost::gateway {

using telemetry::Level;

void App::watch_tables() {
  // Not of what backends taught: there, the oldest always makes way.
  full_tables_.look(remembered_->tables(), clock_.now());
  for (const auto* table : remembered_->tables()) {
    const auto name = std::string(table->table());
    const bool full = full_tables_.is_full(name);
    const auto known = was_well_.try_emplace("table " + name, true).first;
    if (std::exchange(known->second, !full) != full) continue;
    notice(full ? Level::warning : Level::info, "state",
           full ? "table " + name + " is full, and takes no newcomers in: raise state.memory"
                : "table " + name + " takes newcomers in again");
  }
}

webui::StateStatus App::state_status() const {
  webui::StateStatus status;
  for (const auto* table : tables()) {
    const auto use = table->use();
    status.tables.push_back({std::string(table->table()), table->survives(), use.entries, use.capacity,
                             use.bytes, use.evicted, use.refused});
  }
  const auto health = writer_->health();
  auto& store = status.store;
  store.up = health.well;
  if (!health.well) store.since = health.since;
  store.why = health.why;
  if (health.written != base::WallTime{}) store.last_write = health.written;
  store.waiting = health.waiting;
  store.written = health.rows;
  store.failures = health.failed;
  return status;
}

void App::add_state_metrics(telemetry::MetricsBuilder& b) const {
  const auto number = [](auto n) { return static_cast<double>(n); };
  for (const auto* table : tables()) {
    const telemetry::MetricsBuilder::Labels labels{{"table", std::string(table->table())}};
    const auto use = table->use();
    b.add("gatepost_state_entries", number(use.entries), labels);
    b.add("gatepost_state_bytes", number(use.bytes), labels);
    b.add("gatepost_state_evicted_total", number(use.evicted), labels);
    b.add("gatepost_state_refused_total", number(use.refused), labels);
  }
  const auto health = writer_->health();
  b.add("gatepost_state_store_up", health.well ? 1 : 0);
  b.add("gatepost_state_rows_written_total", number(health.rows));
  b.add("gatepost_state_write_failures_total", number(health.failed));
}

}  // namespace gatepost::gateway
