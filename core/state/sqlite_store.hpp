// The store as a file, state.db: an SQLite database in WAL mode with one writer, the running gateway. Other
// processes (`gatepost state`, `gatepost explain`) read it at the same time, and may change rows if they
// leave an order that tells the gateway to do the same in its memory.
//
//   remembered  tab, key (the 16 octets of a Key, lowest first), name, value, expires (state seconds)
//   meta        hash_key; now and wall, as of the last batch; clean: whether the last run ended as it should
//   orders      number, kind (0: forget, 1: read), tab, key
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/state/store.hpp"

namespace gatepost::state {

class SqliteStore final : public Store {
 public:
  static constexpr int version = 2;  ///< of the tables (PRAGMA user_version)

  /// As the running gateway has it. Always succeeds: where the file cannot be opened, write() says why, and
  /// tries to open it again each time; what can only be read is read. A damaged file, or one that is none of
  /// ours, is set aside as state.db.corrupt-<time>, and a new one begun; one of a newer version is left
  /// alone.
  SqliteStore(std::string file, const base::Clock& clock);
  /// Marks that the run ended as it should.
  ~SqliteStore() override;

  /// As another process has it, to look: creates nothing. Only origin(), load() and find() are to be used.
  static base::Result<std::unique_ptr<SqliteStore>> open_to_read(std::string file, const base::Clock& clock);
  /// As another process has it, to change rows: also change() and is_carried_out(). Makes the file if there
  /// is none, as its directory's owner.
  static base::Result<std::unique_ptr<SqliteStore>> open_to_change(std::string file,
                                                                   const base::Clock& clock);

  // Store
  const Origin& origin() const override { return origin_; }
  base::Result<void> load(const std::function<void(const Row&)>& take) override;
  base::Result<void> write(const Batch& batch) override;
  base::Result<std::vector<Order>> orders() override;
  base::Result<void> carried_out(std::int64_t number) override;
  base::Result<std::optional<Row>> find(std::string_view table, const Key& key) override;
  base::Result<std::size_t> purge(std::string_view table, Second now, std::size_t most_rows,
                                  std::size_t slice) override;
  std::string lost() const override { return lost_; }

  /// For other processes: does to the file what the batch says (its times do not matter), and orders the
  /// running gateway to forget what is erased and to read the rows. Returns the last order's number, 0 if no
  /// gateway runs: it will find all in the file.
  base::Result<std::int64_t> change(const Batch& batch);
  /// Has the running gateway done what change() returned the number of? It looks every write_interval.
  base::Result<bool> is_carried_out(std::int64_t order);

 private:
  enum class Access { own, change, read };
  struct Open;
  SqliteStore(std::string file, const base::Clock& clock, Access access);

  void open_own();
  void open_to_look();
  std::unique_ptr<Open> open_writable();
  void make_file() const;
  void adopt_origin(Open& open);
  void set_aside(const std::string& why);
  void drop_old_asides() const;
  Open& own();
  bool is_replaced() const;
  void apply(Open& open, const Batch& batch, bool with_orders);
  template <class Do>
  base::Result<void> guarded(Do action);

  const std::string file_;
  const base::Clock& clock_;
  const Access access_;
  Origin origin_;
  bool decided_ = false;  ///< origin_ is in use: a file with another key is of no use any more
  std::unique_ptr<Open> open_;
  std::string damage_;  ///< to be set aside before the next use, and why
  std::string lost_;
  std::int64_t last_order_ = 0;
  std::map<std::string, std::size_t, std::less<>> rows_;  ///< of each table, or more
};

}  // namespace gatepost::state
