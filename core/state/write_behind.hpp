// Brings what has changed in memory to the store, on a thread of its own, and back at the start. A store that
// fails or is slow costs what a crash then forgets, and nothing else: what could not be written is kept and
// tried again, and nothing grows.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/state/durable.hpp"

namespace gatepost::state {

/// How the writing goes.
struct StoreHealth {
  bool well = true;
  std::string why;            ///< not well, in words fit for an admin
  base::WallTime since{};     ///< for how long it has been well, or not
  std::string lost;           ///< see Store::lost()
  std::size_t waiting = 0;    ///< rows that could not be written yet; more may wait in the tables
  std::uint64_t rows = 0;     ///< written since the start
  std::uint64_t erased = 0;   ///< erased in it since the start
  std::uint64_t batches = 0;  ///< written
  std::uint64_t failed = 0;   ///< attempts
  std::uint64_t purged = 0;   ///< rows that had expired in it, or were too many
  std::uint64_t orders = 0;   ///< of admins, carried out
  base::WallTime written{};   ///< when a batch was last written; the epoch if never
  base::Millis took{0};       ///< the last batch
};

class WriteBehind {
 public:
  static constexpr std::size_t batch_rows = 2000;
  static constexpr std::size_t batches_at_once = 32;
  static constexpr std::size_t purged_at_once = 2000;
  /// Of a table's capacity may be in the store.
  static constexpr std::size_t most_rows_factor = 2;
  static constexpr std::chrono::seconds time_is_told_every{10};
  static constexpr std::chrono::seconds longest_pause{30};  ///< after failures
  static constexpr std::chrono::seconds too_slow{10};       ///< for one access: not well

  /// All of these must outlive it. `memory`: the time of the rows.
  WriteBehind(Store& store, std::vector<Durable*> durables, const StateClock& memory,
              const base::Clock& clock, base::Millis interval);
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  struct Loaded {
    std::size_t rows = 0;        ///< taken
    std::size_t unreadable = 0;  ///< left where they are
    std::size_t strange = 0;     ///< of tables that this program does not have: left where they are
  };
  /// Fills the tables with what the store has. To be called before start().
  base::Result<Loaded> load();

  /// From now on a thread calls round() every interval.
  void start();
  /// Writes what is left, and the thread ends. False: it did not within `patience`, since the store hangs;
  /// then the process must end without this object's destructor.
  bool stop(std::chrono::milliseconds patience);

  /// Carries out orders, writes what has changed, purges. False: it failed, or a pause after a failure is
  /// still under way. Called by the thread, or by tests instead of it.
  bool round();
  /// Safe to call from any thread.
  StoreHealth health() const;

 private:
  void serve();
  bool attend();
  void note_access(std::optional<base::Instant> began);
  void carry_out_orders();
  Durable* find(std::string_view table) const;
  bool collect();
  bool write();
  void purge();
  void note_success(base::Instant began);
  void note_failure(const std::string& why);

  Store& store_;
  const std::vector<Durable*> durables_;
  const StateClock& memory_;
  const base::Clock& clock_;
  const base::Millis interval_;
  // Of the one who calls round().
  Batch batch_;  ///< collected and not written yet
  std::optional<base::Instant> told_;
  base::Instant not_before_{};
  base::Millis pause_{0};
  bool more_ = false;  ///< was left to the next round
  std::size_t next_collected_ = 0;
  std::vector<base::Instant> not_collected_before_;  ///< of each durable
  bool ending_ = false;                              ///< nothing may wait any more
  std::size_t next_purged_ = 0;

  mutable std::mutex mutex_;  ///< guards what follows
  StoreHealth health_;
  std::optional<base::Instant> busy_since_;  ///< with the store: one access
  bool stopping_ = false;
  bool stopped_ = false;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace gatepost::state
