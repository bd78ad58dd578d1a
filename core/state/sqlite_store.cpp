#include "core/state/sqlite_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/base/file.hpp"
#include "core/base/random.hpp"
#include "core/state/sqlite_database.hpp"

namespace gatepost::state {
namespace {

using Mode = SqliteDatabase::Mode;

constexpr std::int64_t application_id = 0x47507374;  // "GPst"
constexpr std::size_t most_asides = 3;
constexpr std::size_t orders_at_once = 1000;
constexpr std::int64_t latest = std::int64_t{1} << 31;  ///< of the memory's time

/// What makes version n + 1 of version n. Never to be changed, only to be added to.
constexpr const char* migrations[SqliteStore::version] = {
    "CREATE TABLE remembered (tab TEXT NOT NULL, key BLOB NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,"
    " expires INTEGER NOT NULL, PRIMARY KEY (tab, key)) WITHOUT ROWID;"
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "PRAGMA application_id = 1196454772;",
    "CREATE TABLE orders (number INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, tab TEXT NOT NULL,"
    " key BLOB NOT NULL);"
    "CREATE INDEX remembered_by_expiry ON remembered (tab, expires);",
};
static_assert(application_id == 1196454772);

// No memory-mapped reads: where the disk fails or the file is cut off, they kill the process (SIGBUS).
constexpr const char* pragmas =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
    "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 33554432;"
    "PRAGMA cache_size = -16384; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
    "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;";

/// It is not for us, and nothing is wrong with it.
struct Unusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string to_octets(const base::Hash128& hash) {
  std::string octets(16, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    octets[i] = static_cast<char>(hash.low >> (8 * i));
    octets[8 + i] = static_cast<char>(hash.high >> (8 * i));
  }
  return octets;
}

base::Hash128 to_hash(std::string_view octets) {
  base::Hash128 hash;
  if (octets.size() != 16) return hash;
  for (std::size_t i = 0; i < 8; ++i) {
    hash.low |= std::uint64_t{static_cast<unsigned char>(octets[i])} << (8 * i);
    hash.high |= std::uint64_t{static_cast<unsigned char>(octets[8 + i])} << (8 * i);
  }
  return hash;
}

Second to_second(std::int64_t number) {
  return static_cast<Second>(std::clamp<std::int64_t>(number, 0, UINT32_MAX));
}

std::int64_t to_unix(base::WallTime time) {
  return std::chrono::duration_cast<base::seconds>(time.time_since_epoch()).count();
}

/// The version of its tables, 0 for an empty file. Changes nothing.
int version_of(SqliteDatabase& database) {
  const auto found = database.number("PRAGMA user_version");
  const auto application = database.number("PRAGMA application_id");
  const bool empty = database.number("SELECT count(*) FROM sqlite_master") == 0;
  if (found == 0 && application == 0 && empty) return 0;
  if (application != application_id || found <= 0)
    throw SqliteError(SQLITE_NOTADB, "it belongs to another program");
  if (found > SqliteStore::version) {
    throw Unusable(
        fmt::format("it was written by a newer Gatepost (version {}, where this one knows {}), and is "
                    "left as it is",
                    found, SqliteStore::version));
  }
  return static_cast<int>(found);
}

void migrate(SqliteDatabase& database, int from) {
  if (from == SqliteStore::version) return;
  SqliteTransaction transaction(database);
  for (int i = from; i < SqliteStore::version; ++i) database.run(migrations[i]);
  database.run(fmt::format("PRAGMA user_version = {}", SqliteStore::version).c_str());
  transaction.commit();
}

bool ended_cleanly(SqliteDatabase& database) {
  return database.number("SELECT value FROM meta WHERE name = 'clean'") == 1;
}

std::string system_words(int error) {
  return std::generic_category().message(error);
}

}  // namespace

/// An open file, with the statements that are used again and again.
struct SqliteStore::Open {
  explicit Open(std::unique_ptr<SqliteDatabase> opened, bool may_write)
      : database(std::move(opened)), writable(may_write) {
    if (!writable) return;
    upsert.emplace(*database,
                   "INSERT INTO remembered (tab, key, name, value, expires) VALUES (?1, ?2, ?3, ?4, ?5)"
                   " ON CONFLICT (tab, key) DO UPDATE SET value = excluded.value, expires = excluded.expires,"
                   " name = CASE excluded.name WHEN '' THEN name ELSE excluded.name END");
    erase.emplace(*database, "DELETE FROM remembered WHERE tab = ?1 AND key = ?2");
    set_meta.emplace(*database, "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)");
    add_order.emplace(*database, "INSERT INTO orders (kind, tab, key) VALUES (?1, ?2, ?3)");
    data_version.emplace(*database, "PRAGMA data_version");
    purge_expired.emplace(*database,
                          "DELETE FROM remembered WHERE tab = ?1 AND key IN (SELECT key FROM remembered"
                          " WHERE tab = ?1 AND expires <= ?2 ORDER BY expires LIMIT ?3)");
  }

  void set(std::string_view name, std::int64_t value) {
    set_meta->bind(1, name).bind(2, value);
    set_meta->run();
  }

  std::unique_ptr<SqliteDatabase> database;
  bool writable;
  std::uint64_t inode = 0;
  std::int64_t seen_version = -1;  ///< data_version as of the last look for orders
  std::optional<SqliteStatement> upsert, erase, set_meta, add_order, data_version, purge_expired;
};

// ---- Opening

SqliteStore::SqliteStore(std::string file, const base::Clock& clock)
    : SqliteStore(std::move(file), clock, Access::own) {
  // Why it cannot be written will be said by write().
  if (guarded([this] { open_own(); })) return;
  if (!guarded([this] { open_to_look(); })) open_.reset();
  damage_.clear();
  decided_ = true;
}

SqliteStore::SqliteStore(std::string file, const base::Clock& clock, Access access)
    : file_(std::move(file)), clock_(clock), access_(access) {
  base::SystemRandom random;
  origin_.hash_key = {random.next(), random.next()};
  origin_.wall = clock.wall();
}

SqliteStore::~SqliteStore() {
  if (access_ != Access::own || !open_ || !open_->writable || is_replaced()) return;
  guarded([this] { open_->set("clean", 1); });
}

base::Result<std::unique_ptr<SqliteStore>> SqliteStore::open_to_read(std::string file,
                                                                     const base::Clock& clock) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(file), clock, Access::read));
  const auto opened = store->guarded([&] { store->open_to_look(); });
  if (!opened) return opened.error();
  return store;
}

base::Result<std::unique_ptr<SqliteStore>> SqliteStore::open_to_change(std::string file,
                                                                       const base::Clock& clock) {
  std::unique_ptr<SqliteStore> store(new SqliteStore(std::move(file), clock, Access::change));
  const auto opened = store->guarded([&] { store->open_ = store->open_writable(); });
  if (!opened) return opened.error();
  return store;
}

/// Runs what throws, and says in words what went wrong.
template <class Do>
base::Result<void> SqliteStore::guarded(Do action) {
  std::string why;
  try {
    action();
    return {};
  } catch (const SqliteError& error) {
    why = error.what();
    if (error.damaged()) damage_ = why;
  } catch (const Unusable& error) {
    why = error.what();
  }
  return base::Failure{file_ + ": " + why};
}

/// Made by us, so that it is nobody else's to read.
void SqliteStore::make_file() const {
  const int descriptor = ::open(file_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640);
  if (descriptor < 0) {
    if (errno == EEXIST) return;
    throw Unusable("cannot be made: " + system_words(errno));
  }
  struct stat directory {};
  if (::geteuid() == 0 && ::stat(std::filesystem::path(file_).parent_path().c_str(), &directory) == 0 &&
      ::fchown(descriptor, directory.st_uid, directory.st_gid) != 0) {
    const int error = errno;
    ::close(descriptor);
    throw Unusable("cannot be given to the owner of its directory: " + system_words(error));
  }
  ::close(descriptor);
}

std::unique_ptr<SqliteStore::Open> SqliteStore::open_writable() {
  make_file();
  auto database = std::make_unique<SqliteDatabase>(file_, Mode::write);
  const int found = version_of(*database);
  if (sqlite3_db_readonly(database->handle(), "main") == 1)
    throw SqliteError(SQLITE_READONLY, "it may not be written");
  database->run(pragmas);
  if (access_ == Access::own && found > 0 && !ended_cleanly(*database)) {
    if (const auto said = database->text("PRAGMA quick_check(1)"); said != "ok")
      throw SqliteError(SQLITE_CORRUPT, said);
  }
  migrate(*database, found);
  auto open = std::make_unique<Open>(std::move(database), true);
  open->inode = base::stamp_of(file_).inode;
  adopt_origin(*open);
  return open;
}

/// Takes over what the file says of earlier runs; an empty one is told ours.
void SqliteStore::adopt_origin(Open& open) {
  auto& database = *open.database;
  const auto key = database.text("SELECT value FROM meta WHERE name = 'hash_key'");
  if (key.empty() && open.writable) {
    SqliteTransaction transaction(database);
    const auto octets = to_octets({origin_.hash_key[0], origin_.hash_key[1]});
    SqliteStatement(database, "INSERT INTO meta (name, value) VALUES ('hash_key', ?1)")
        .bind_blob(1, octets)
        .run();
    open.set("now", origin_.now);
    open.set("wall", to_unix(origin_.wall));
    transaction.commit();
    return;
  }
  const auto now = database.number("SELECT value FROM meta WHERE name = 'now'");
  if (key.size() != 16 || now < 0 || now > latest)
    throw SqliteError(SQLITE_CORRUPT, "its table meta makes no sense");
  const auto hash = to_hash(key);
  const base::HashKey found{hash.low, hash.high};
  if (decided_) {
    if (found == origin_.hash_key) return;
    throw Unusable("it holds what another run remembered, under another key; restart to use it");
  }
  origin_.hash_key = found;
  origin_.now = to_second(now);
  origin_.wall = base::WallTime(base::seconds(database.number("SELECT value FROM meta WHERE name = 'wall'")));
  origin_.fresh = false;
}

void SqliteStore::open_own() {
  open_.reset();
  if (damage_.empty()) {
    try {
      open_ = open_writable();
    } catch (const SqliteError& error) {
      // SQLITE_ERROR: its tables are not what they should be.
      if (!error.damaged() && error.code() != SQLITE_ERROR) throw;
      damage_ = error.what();
    }
  }
  if (!damage_.empty()) {
    set_aside(damage_);
    damage_.clear();
    open_ = open_writable();
  }
  // At the start, what they asked for is in the rows already.
  if (!decided_) open_->database->run("DELETE FROM orders");
  last_order_ = 0;
  open_->set("clean", 0);
  decided_ = true;
}

void SqliteStore::open_to_look() {
  struct stat found {};
  if (::stat(file_.c_str(), &found) != 0) throw Unusable(system_words(errno));
  // Without a log there is no writer, and a look needs no files of its own.
  const bool written = ::stat((file_ + "-wal").c_str(), &found) == 0 &&
                       (found.st_size > 0 || ::access((file_ + "-shm").c_str(), F_OK) == 0);
  auto database = std::make_unique<SqliteDatabase>(file_, written ? Mode::read : Mode::solitary);
  if (version_of(*database) == 0) throw Unusable("it is empty");
  auto open = std::make_unique<Open>(std::move(database), false);
  adopt_origin(*open);
  open_ = std::move(open);
}

void SqliteStore::set_aside(const std::string& why) {
  open_.reset();
  const auto aside = file_ + fmt::format(".corrupt-{:%Y%m%dT%H%M%SZ}", fmt::gmtime(to_unix(clock_.wall())));
  // The log first: it must never meet a new file.
  for (const auto* part : {"-wal", "-shm", ""}) {
    if (::rename((file_ + part).c_str(), (aside + part).c_str()) != 0 && errno != ENOENT)
      throw Unusable("is damaged (" + why + ") and cannot be set aside: " + system_words(errno));
  }
  lost_ = fmt::format("{} could not be used ({}): it is now {}, and what it remembered is forgotten", file_,
                      why, aside);
  rows_.clear();
  drop_old_asides();
}

void SqliteStore::drop_old_asides() const {
  const auto prefix = std::filesystem::path(file_).filename().string() + ".corrupt-";
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(file_).parent_path(), ignored)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(prefix) && !name.ends_with("-wal") && !name.ends_with("-shm"))
      found.push_back(entry.path().string());
  }
  std::sort(found.begin(), found.end());
  for (std::size_t i = 0; i + most_asides < found.size(); ++i) {
    for (const auto* part : {"-wal", "-shm", ""}) ::unlink((found[i] + part).c_str());
  }
}

/// Somebody took the file away: what is written to it would be lost.
bool SqliteStore::is_replaced() const {
  return base::stamp_of(file_).inode != open_->inode;
}

SqliteStore::Open& SqliteStore::own() {
  if (open_ && open_->writable && is_replaced()) {
    lost_ = file_ + " was taken away while it was in use: what was written to it is forgotten at a restart";
    rows_.clear();
    open_.reset();
  }
  if (!open_ || !open_->writable || !damage_.empty()) open_own();
  return *open_;
}

// ---- Reading and writing

base::Result<void> SqliteStore::load(const std::function<void(const Row&)>& take) {
  if (!open_) return {};
  StateClock clock(clock_);
  if (!origin_.fresh) clock.resume(origin_.now, origin_.wall);
  return guarded([&] {
    SqliteStatement rows(*open_->database,
                         "SELECT tab, key, name, value, expires FROM remembered WHERE expires > ?1");
    rows.bind(1, std::int64_t{clock.now()});
    Row row;
    while (rows.step()) {
      row.table = rows.text(0);
      row.key = to_hash(rows.text(1));
      row.name = rows.text(2);
      row.value = rows.text(3);
      row.expires = to_second(rows.number(4));
      take(row);
    }
  });
}

void SqliteStore::apply(Open& open, const Batch& batch, bool with_orders) {
  const auto order = [&](Order::Kind kind, const std::string& table, const std::string& key) {
    if (!with_orders) return;
    open.add_order->bind(1, static_cast<std::int64_t>(kind)).bind(2, table).bind_blob(3, key);
    open.add_order->run();
  };
  for (const auto& erased : batch.erased) {
    const auto key = to_octets(erased.key);
    open.erase->bind(1, erased.table).bind_blob(2, key);
    open.erase->run();
    order(Order::Kind::forget, erased.table, key);
  }
  for (const auto& row : batch.rows) {
    const auto key = to_octets(row.key);
    open.upsert->bind(1, row.table).bind_blob(2, key).bind(3, row.name).bind_blob(4, row.value);
    open.upsert->bind(5, std::int64_t{row.expires});
    open.upsert->run();
    order(Order::Kind::read, row.table, key);
    if (const auto known = rows_.find(row.table); known != rows_.end()) ++known->second;
  }
}

base::Result<void> SqliteStore::write(const Batch& batch) {
  bool give_up = true;
  auto written = guarded([&] {
    auto& open = own();
    try {
      SqliteTransaction transaction(*open.database);
      apply(open, batch, false);
      open.set("now", batch.now);
      open.set("wall", to_unix(batch.wall));
      transaction.commit();
    } catch (const SqliteError& error) {
      give_up = error.code() != SQLITE_FULL && error.code() != SQLITE_BUSY;
      throw;
    }
  });
  // The next one begins anew: the disk may have been replaced, or made writable.
  if (!written && give_up) open_.reset();
  return written;
}

base::Result<std::optional<Row>> SqliteStore::find(std::string_view table, const Key& key) {
  std::optional<Row> found;
  if (!open_) return found;
  const auto done = guarded([&] {
    const auto octets = to_octets(key);
    SqliteStatement row(*open_->database,
                        "SELECT name, value, expires FROM remembered WHERE tab = ?1 AND key = ?2");
    row.bind(1, table).bind_blob(2, octets);
    if (row.step()) {
      found = Row{std::string(table), key, std::string(row.text(0)), std::string(row.text(1)),
                  to_second(row.number(2))};
    }
  });
  if (!done) return done.error();
  return found;
}

base::Result<std::size_t> SqliteStore::purge(std::string_view table, Second now, std::size_t most_rows,
                                             std::size_t slice) {
  std::size_t removed = 0;
  if (!open_ || !open_->writable) return removed;
  const auto done = guarded([&] {
    auto& database = *open_->database;
    const auto remove = [&](std::int64_t expired_by, std::size_t most) {
      open_->purge_expired->bind(1, table).bind(2, expired_by).bind(3, static_cast<std::int64_t>(most));
      open_->purge_expired->run();
      removed += static_cast<std::size_t>(sqlite3_changes(database.handle()));
    };
    remove(now, slice);
    // Each written row is taken for a new one; only when these may be too many are they counted.
    const auto known = rows_.find(table);
    if ((known != rows_.end() && known->second <= most_rows) || removed == slice) return;
    SqliteStatement count(database, "SELECT count(*) FROM remembered WHERE tab = ?1");
    count.bind(1, table);
    count.step();
    const auto rows = static_cast<std::size_t>(count.number(0));
    count.reset();
    if (rows > most_rows) remove(UINT32_MAX, std::min(slice - removed, rows - most_rows));
    // A tenth more than told, rather than counting again at each new row.
    rows_[std::string(table)] = rows > most_rows ? rows : std::min(rows, most_rows - most_rows / 10);
  });
  if (!done) return done.error();
  return removed;
}

// ---- Orders

base::Result<std::vector<Order>> SqliteStore::orders() {
  std::vector<Order> found;
  if (!open_ || !open_->writable) return found;
  const auto done = guarded([&] {
    auto& look = *open_->data_version;
    look.step();
    const auto current = look.number(0);
    look.reset();
    if (current == open_->seen_version) return;
    SqliteStatement orders(
        *open_->database,
        "SELECT number, kind, tab, key FROM orders WHERE number > ?1 ORDER BY number LIMIT ?2");
    orders.bind(1, last_order_).bind(2, std::int64_t{orders_at_once});
    while (orders.step()) {
      found.push_back({orders.number(0), orders.number(1) == 1 ? Order::Kind::read : Order::Kind::forget,
                       std::string(orders.text(2)), to_hash(orders.text(3))});
      last_order_ = found.back().number;
    }
    if (found.size() < orders_at_once) open_->seen_version = current;
  });
  if (!done) return done.error();
  return found;
}

base::Result<void> SqliteStore::carried_out(std::int64_t number) {
  if (!open_ || !open_->writable) return {};
  return guarded([&] {
    SqliteStatement(*open_->database, "DELETE FROM orders WHERE number <= ?1").bind(1, number).run();
  });
}

base::Result<std::int64_t> SqliteStore::change(const Batch& batch) {
  std::int64_t last = 0;
  const auto done = guarded([&] {
    auto& database = *open_->database;
    SqliteTransaction transaction(database);
    const bool gateway_runs =
        database.number("SELECT count(*) FROM meta WHERE name = 'clean' AND value = 0") > 0;
    apply(*open_, batch, gateway_runs);
    if (gateway_runs) last = database.number("SELECT max(number) FROM orders");
    transaction.commit();
  });
  if (!done) return done.error();
  // Who forgets by hand may have promised somebody that it is gone, from the log as well. No matter if the
  // gateway is in the way: then its next checkpoint does it.
  (void)guarded([&] { open_->database->run("PRAGMA wal_checkpoint(TRUNCATE)"); });
  return last;
}

base::Result<bool> SqliteStore::is_carried_out(std::int64_t order) {
  bool gone = true;
  const auto done = guarded([&] {
    SqliteStatement left(*open_->database, "SELECT count(*) FROM orders WHERE number <= ?1");
    left.bind(1, order);
    left.step();
    gone = left.number(0) == 0;
  });
  if (!done) return done.error();
  return gone;
}

}  // namespace gatepost::state
