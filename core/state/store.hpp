// Where the memory survives a restart. No session ever reads it: what it holds is loaded at the start and
// written behind (state/write_behind.hpp).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/siphash.hpp"
#include "core/state/state_clock.hpp"

namespace gatepost::state {

/// What a remembered thing is found by: its name, hashed with this memory's own key.
using Key = base::Hash128;

/// One remembered thing.
struct Row {
  std::string table;  ///< "greylist"
  Key key;
  std::string name;   ///< for people; empty where the store has it already
  std::string value;  ///< the table's own; its first octet is the version of its form
  Second expires = 0;
};

struct ErasedRow {
  std::string table;
  Key key;
};

/// What is written at once or not at all: first what is erased, then the rows.
struct Batch {
  std::vector<Row> rows;
  std::vector<ErasedRow> erased;
  Second now = 0;  ///< the memory's time as of the batch
  base::WallTime wall{};
  bool empty() const { return rows.empty() && erased.empty(); }
  std::size_t size() const { return rows.size() + erased.size(); }
};

/// What an earlier run left.
struct Origin {
  base::HashKey hash_key{};
  Second now = StateClock::beginning;
  base::WallTime wall{};
  bool fresh = true;  ///< there was none
};

/// What an admin asks of the running program through the store.
struct Order {
  enum class Kind : std::uint8_t { forget, read };  ///< `read`: the row was put there by an import
  std::int64_t number = 0;
  Kind kind = Kind::forget;
  std::string table;
  Key key;
};

/// Used by one thread at a time: at the start by the one that loads, then by the writer (write_behind.hpp).
class Store {
 public:
  virtual ~Store() = default;
  virtual const Origin& origin() const = 0;
  /// Calls for each row that has not expired; the row is valid during the call.
  virtual base::Result<void> load(const std::function<void(const Row&)>& take) = 0;
  /// All of it, or nothing and why. An empty batch tells the time only.
  virtual base::Result<void> write(const Batch& batch) = 0;

  /// What was asked for since the last call, in order. Each is given once.
  virtual base::Result<std::vector<Order>> orders() = 0;
  /// The orders up to this number are done, and need not be kept.
  virtual base::Result<void> carried_out(std::int64_t number) = 0;
  /// One row; none if there is no such one.
  virtual base::Result<std::optional<Row>> find(std::string_view table, const Key& key) = 0;

  /// Removes about `slice` rows of the table at most: those that have expired and, where there are more than
  /// `most_rows`, those that expire soonest. Says how many. What removes expired rows by itself does nothing.
  virtual base::Result<std::size_t> purge(std::string_view table, Second now, std::size_t most_rows,
                                          std::size_t slice) = 0;
  /// What an earlier run left and could not be used, and where it is now, in words fit for an admin; or
  /// nothing.
  virtual std::string lost() const { return {}; }
};

}  // namespace gatepost::state
