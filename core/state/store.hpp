// Where the memory survives a restart. No session ever reads it: what it holds is loaded at the start and
// written behind (state/write_behind.hpp).
#pragma once

#include <functional>
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

class Store {
 public:
  virtual ~Store() = default;
  virtual const Origin& origin() const = 0;
  /// Calls for each row that has not expired.
  virtual base::Result<void> load(const std::function<void(const Row&)>& take) = 0;
  virtual base::Result<void> write(const Batch& batch) = 0;
};

}  // namespace gatepost::state
