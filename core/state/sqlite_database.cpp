#include "core/state/sqlite_database.hpp"

namespace gatepost::state {
namespace {

/// How long another process (a copy being made, an admin's shell) may hold us up.
constexpr int busy_timeout_ms = 2000;

[[noreturn]] void fail(sqlite3* handle, int code) {
  throw SqliteError(code, handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
}

std::string uri_of(const std::string& file, SqliteDatabase::Mode mode) {
  std::string uri = "file:";
  for (const char c : file) {
    switch (c) {
      case '%': uri += "%25"; break;
      case '?': uri += "%3f"; break;
      case '#': uri += "%23"; break;
      default: uri += c;
    }
  }
  return mode == SqliteDatabase::Mode::solitary ? uri + "?immutable=1" : uri;
}

}  // namespace

SqliteDatabase::SqliteDatabase(const std::string& file, Mode mode) {
  const int access = mode == Mode::write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(uri_of(file, mode).c_str(), &handle,
                                   access | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) fail(handle, code);
  sqlite3_busy_timeout(handle, busy_timeout_ms);
}

void SqliteDatabase::run(const char* sql) {
  const int code = sqlite3_exec(handle(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(handle(), code);
}

std::int64_t SqliteDatabase::number(const char* sql) {
  SqliteStatement statement(*this, sql);
  return statement.step() ? statement.number(0) : 0;
}

std::string SqliteDatabase::text(const char* sql) {
  SqliteStatement statement(*this, sql);
  return std::string(statement.step() ? statement.text(0) : std::string_view());
}

SqliteStatement::SqliteStatement(SqliteDatabase& database, std::string_view sql)
    : database_(database.handle()) {
  sqlite3_stmt* handle = nullptr;
  expect(sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                            &handle, nullptr));
  handle_.reset(handle);
}

void SqliteStatement::expect(int code) const {
  if (code != SQLITE_OK) fail(database_, code);
}

SqliteStatement& SqliteStatement::bind(int parameter, std::int64_t number) {
  expect(sqlite3_bind_int64(handle_.get(), parameter, number));
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, std::string_view text) {
  // A null pointer would be NULL rather than an empty text.
  expect(sqlite3_bind_text(handle_.get(), parameter, text.empty() ? "" : text.data(),
                           static_cast<int>(text.size()), SQLITE_STATIC));
  return *this;
}

SqliteStatement& SqliteStatement::bind_blob(int parameter, std::string_view octets) {
  expect(sqlite3_bind_blob(handle_.get(), parameter, octets.empty() ? "" : octets.data(),
                           static_cast<int>(octets.size()), SQLITE_STATIC));
  return *this;
}

bool SqliteStatement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const SqliteError error(code, sqlite3_errmsg(database_));
  reset();
  throw error;
}

void SqliteStatement::run() {
  while (step()) {
  }
  reset();
}

std::string_view SqliteStatement::text(int column) const {
  const auto* octets = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column));
  return octets == nullptr ? std::string_view() : std::string_view(octets, size);
}

SqliteTransaction::~SqliteTransaction() {
  // Some errors have rolled back already.
  if (sqlite3_get_autocommit(database_.handle()) == 0)
    sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace gatepost::state
