// What lives in memory and is to survive: a table of remembered things, as the writer behind it sees it.
#pragma once

#include <optional>

#include "core/state/store.hpp"

namespace gatepost::state {

/// How full a table is.
struct TableUse {
  std::size_t entries = 0;
  std::size_t capacity = 0;
  std::size_t bytes = 0;      ///< memory taken now
  std::uint64_t evicted = 0;  ///< made way for newer ones
  std::uint64_t refused = 0;  ///< not taken: all that could make way was worth more
};

/// Safe to call from any thread.
class Durable {
 public:
  virtual ~Durable() = default;
  virtual std::string_view table() const = 0;
  /// False: it need not survive, and collect() never has anything.
  virtual bool survives() const = 0;
  /// A change may wait so long for others before it is written: a crash forgets that much of it.
  virtual std::chrono::seconds may_wait() const { return std::chrono::seconds(0); }
  virtual TableUse use() const = 0;
  /// Adds what has changed since the last time, about `most` rows of it. What is added counts as written:
  /// whoever fails to write it keeps the batch and tries again.
  virtual void collect(Batch& batch, std::size_t most) = 0;
  /// Takes a row that the store has: at the start, or when an admin imported it. False: it can't be read.
  virtual bool restore(const Row& row) = 0;
  /// Forgets what is under the key. False: there was nothing.
  virtual bool forget(const Key& key) = 0;
  /// The value with all its moments moved by so many seconds: as it must be where the memory's clock shows
  /// something else, for an import. Nothing: it can't be read, or not be moved.
  virtual std::optional<std::string> moved(std::string_view /*value*/, std::int64_t /*seconds*/) const {
    return std::nullopt;
  }
  /// What a row's value says, in words for people: "passed 3 times, first 2 d 4 h ago". Not when it expires:
  /// that stands beside it. Empty: it can't be read, or there is nothing to say.
  virtual std::string describe(std::string_view /*value*/, Second /*now*/) const { return {}; }
};

}  // namespace gatepost::state
