// state.db as an admin's command has it, beside the running gateway or without one.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "core/state/sqlite_store.hpp"
#include "gateway/options.hpp"
#include "gateway/remembered.hpp"

namespace gatepost::gateway {

/// Which rows are meant.
struct RowChoice {
  std::string table;               ///< empty: all
  std::string match;               ///< see NameMatch; empty: all
  std::vector<std::string> names;  ///< as they are, or as they are shown; empty: all
};

/// What choose() found.
struct ChosenRows {
  std::vector<state::Row> rows;               ///< by table, then by name
  std::map<std::string, std::size_t> counts;  ///< all rows there are, by table, of these and unknown tables
  std::size_t unnamed = 0;  ///< rows of the table(s) that have no name, and so match nothing
};

bool is_named(const state::Row& row, std::string_view name);

class StateView {
 public:
  enum class Purpose { look, change, make };
  /// As root it becomes the owner of state_dir first. Only to `make` it the file need not be there.
  static base::Result<std::unique_ptr<StateView>> open(const std::string& config, Purpose purpose);

  const Remembered& remembered() const { return remembered_; }
  const state::Origin& origin() const { return store_->origin(); }
  state::Second now() const { return remembered_.memory.now(); }
  const std::string& file() const { return file_; }
  const std::string& hostname() const { return hostname_; }  ///< of the gateway
  /// Nothing: that cannot be found out.
  std::optional<bool> gateway_runs() const;
  /// Since the file was written; a running gateway writes to it every 10 s at least.
  base::seconds age() const;
  /// What is wrong with the name of a table; empty: it is one of ours, or none.
  std::string wrong_table(const std::string& name) const;

  base::Result<ChosenRows> choose(const RowChoice& choice);
  /// What the row says, for people; empty if nobody knows.
  std::string says(const state::Row& row) const;

  /// What became of a change.
  struct Outcome {
    bool done = true;  ///< also in the running gateway's memory, if there is one
    std::string words;
  };
  /// Does what the batch says to the file, and has the running gateway do it; waits for it.
  base::Result<Outcome> change(const state::Batch& batch);

 private:
  StateView(const Options& options, std::unique_ptr<state::SqliteStore> store);
  Outcome wait_for_gateway(std::int64_t order, std::size_t rows) const;

  std::string hostname_;
  std::string directory_;
  std::string file_;
  std::unique_ptr<state::SqliteStore> store_;
  Remembered remembered_;
};

}  // namespace gatepost::gateway
