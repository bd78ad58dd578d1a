#include "core/state/write_behind.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace gatepost::state {

WriteBehind::WriteBehind(Store& store, std::vector<Durable*> durables, const StateClock& memory,
                         const base::Clock& clock, base::Millis interval)
    : store_(store),
      durables_([&] {
        std::erase_if(durables, [](const auto* durable) { return !durable->survives(); });
        return std::move(durables);
      }()),
      memory_(memory),
      clock_(clock),
      interval_(interval),
      not_collected_before_(durables_.size()) {
  health_.since = clock.wall();
  health_.lost = store.lost();
}

WriteBehind::~WriteBehind() {
  if (!thread_.joinable()) return;
  stop(std::chrono::milliseconds::max());
}

Durable* WriteBehind::find(std::string_view table) const {
  const auto found = std::find_if(durables_.begin(), durables_.end(),
                                  [table](const auto* durable) { return durable->table() == table; });
  return found == durables_.end() ? nullptr : *found;
}

base::Result<WriteBehind::Loaded> WriteBehind::load() {
  Loaded loaded;
  const auto read = store_.load([&](const Row& row) {
    auto* durable = find(row.table);
    ++(durable == nullptr ? loaded.strange : durable->restore(row) ? loaded.rows : loaded.unreadable);
  });
  if (!read) return read.error();
  return loaded;
}

// ---- The thread

void WriteBehind::start() {
  thread_ = std::thread([this] { serve(); });
}

void WriteBehind::serve() {
  for (bool stopping = false; !stopping;) {
    // The wake-up goes by the machine's clock: whoever owns time in a test calls round() himself.
    const auto next = std::chrono::steady_clock::now() + interval_;
    round();
    std::unique_lock lock(mutex_);
    stopping = changed_.wait_until(lock, more_ ? std::chrono::steady_clock::now() : next,
                                   [this] { return stopping_; });
  }
  not_before_ = {};
  ending_ = true;
  while (round() && more_) {
  }
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool WriteBehind::stop(std::chrono::milliseconds patience) {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    const auto ended = [this] { return stopped_; };
    if (patience == std::chrono::milliseconds::max()) {
      changed_.wait(lock, ended);
    } else if (!changed_.wait_for(lock, patience, ended)) {
      return false;
    }
  }
  thread_.join();
  return true;
}

// ---- A round

bool WriteBehind::round() {
  if (clock_.now() < not_before_) return more_ = false;
  note_access(clock_.now());
  bool good = false;
  try {
    good = attend();
  } catch (const std::exception& e) {
    // The memory goes on without its writer's help; a thread that ends by an exception ends the program.
    more_ = false;
    note_failure(e.what());
  }
  note_access(std::nullopt);
  return good;
}

void WriteBehind::note_access(std::optional<base::Instant> began) {
  const std::lock_guard lock(mutex_);
  busy_since_ = began;
}

bool WriteBehind::attend() {
  carry_out_orders();
  // The time is written even if nothing has changed: a crash must not stop it.
  bool due = !told_ || clock_.now() - *told_ >= time_is_told_every;
  more_ = true;
  for (std::size_t i = 0; i < batches_at_once && more_; ++i, due = false) {
    more_ = collect();
    if ((more_ || due) && !write()) return more_ = false;
  }
  purge();
  return true;
}

void WriteBehind::carry_out_orders() {
  const auto orders = store_.orders();
  if (!orders || orders->empty()) return;
  for (const auto& order : *orders) {
    auto* durable = find(order.table);
    if (durable == nullptr) continue;
    if (order.kind == Order::Kind::forget) {
      durable->forget(order.key);
    } else if (const auto row = store_.find(order.table, order.key); row && *row) {
      durable->restore(**row);
    }
  }
  // Should this fail, they stay in the store until the next start, which throws them away.
  (void)store_.carried_out(orders->back().number);
  const std::lock_guard lock(mutex_);
  health_.orders += orders->size();
}

/// True: there is something to write.
bool WriteBehind::collect() {
  // What could not be written goes first: what is newer must win.
  if (!batch_.empty()) return true;
  for (std::size_t i = 0; i < durables_.size() && batch_.size() < batch_rows; ++i) {
    const auto at = next_collected_++ % durables_.size();
    if (!ending_ && clock_.now() < not_collected_before_[at]) continue;
    durables_[at]->collect(batch_, batch_rows - batch_.size());
    if (batch_.size() < batch_rows) not_collected_before_[at] = clock_.now() + durables_[at]->may_wait();
  }
  return !batch_.empty();
}

bool WriteBehind::write() {
  const auto began = clock_.now();
  batch_.now = memory_.now();
  batch_.wall = memory_.wall();
  note_access(began);
  const auto written = store_.write(batch_);
  if (!written) {
    note_failure(written.error().message);
    return false;
  }
  note_success(began);
  batch_ = {};
  return true;
}

void WriteBehind::note_success(base::Instant began) {
  told_ = began;
  pause_ = base::Millis(0);
  const std::lock_guard lock(mutex_);
  if (!std::exchange(health_.well, true)) health_.since = clock_.wall();
  health_.why.clear();
  health_.lost = store_.lost();
  health_.waiting = 0;
  health_.rows += batch_.rows.size();
  health_.erased += batch_.erased.size();
  ++health_.batches;
  health_.written = clock_.wall();
  health_.took = std::chrono::duration_cast<base::Millis>(clock_.now() - began);
}

void WriteBehind::note_failure(const std::string& why) {
  pause_ = std::min<base::Millis>(std::max(pause_ * 2, interval_), longest_pause);
  not_before_ = clock_.now() + pause_;
  const std::lock_guard lock(mutex_);
  if (std::exchange(health_.well, false)) health_.since = clock_.wall();
  health_.why = why;
  health_.waiting = batch_.size();
  health_.lost = store_.lost();
  ++health_.failed;
}

/// One table per round.
void WriteBehind::purge() {
  if (durables_.empty()) return;
  note_access(clock_.now());
  auto& durable = *durables_[next_purged_++ % durables_.size()];
  const auto most_rows = durable.use().capacity * most_rows_factor;
  const auto purged = store_.purge(durable.table(), memory_.now(), most_rows, purged_at_once);
  if (!purged) return note_failure(purged.error().message);
  const std::lock_guard lock(mutex_);
  health_.purged += *purged;
}

StoreHealth WriteBehind::health() const {
  const std::lock_guard lock(mutex_);
  auto health = health_;
  if (const auto now = clock_.now(); health.well && busy_since_ && now - *busy_since_ > too_slow) {
    health.well = false;
    const auto took = now - *busy_since_;
    health.since = clock_.wall() - std::chrono::duration_cast<base::WallTime::duration>(took);
    health.why = fmt::format("the disk has not answered for {} s",
                             std::chrono::duration_cast<base::seconds>(took).count());
  }
  return health;
}

}  // namespace gatepost::state
