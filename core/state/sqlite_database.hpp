// SQLite with its handles owned and its errors thrown. Only core/state/sqlite_* includes this: what leaves
// these files is a Result.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace gatepost::state {

class SqliteError : public std::runtime_error {
 public:
  SqliteError(int code, const std::string& words) : std::runtime_error(words), code_(code & 0xff) {}
  /// The primary result code; see sqlite.org/rescode.html.
  int code() const { return code_; }
  /// The file's content is at fault, rather than the disk or its rights.
  bool damaged() const { return code_ == SQLITE_CORRUPT || code_ == SQLITE_NOTADB; }

 private:
  int code_;
};

class SqliteDatabase {
 public:
  enum class Mode {
    write,     ///< the file is there, and may be written
    read,      ///< another process may be writing
    solitary,  ///< nobody is writing: needs no lock, and so no right to make the files of locks
  };
  SqliteDatabase(const std::string& file, Mode mode);

  /// Statements without results.
  void run(const char* sql);
  /// The first column of the first row; 0 or empty if there is none.
  std::int64_t number(const char* sql);
  std::string text(const char* sql);
  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement. Parameters count from 1, columns from 0. What is bound must stay until reset().
class SqliteStatement {
 public:
  SqliteStatement(SqliteDatabase& database, std::string_view sql);

  SqliteStatement& bind(int parameter, std::int64_t number);
  SqliteStatement& bind(int parameter, std::string_view text);
  SqliteStatement& bind_blob(int parameter, std::string_view octets);
  /// Is there a(nother) row?
  bool step();
  /// step() to the end, then reset().
  void run();
  void reset() { sqlite3_reset(handle_.get()); }

  std::int64_t number(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  /// Text or octets, valid until the next step() or reset().
  std::string_view text(int column) const;

 private:
  void expect(int code) const;
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

/// Everything within its life is done at commit(), or not at all.
class SqliteTransaction {
 public:
  /// Waits for other writers first.
  explicit SqliteTransaction(SqliteDatabase& database) : database_(database) {
    database_.run("BEGIN IMMEDIATE");
  }
  ~SqliteTransaction();
  SqliteTransaction(const SqliteTransaction&) = delete;
  SqliteTransaction& operator=(const SqliteTransaction&) = delete;
  void commit() { database_.run("COMMIT"); }

 private:
  SqliteDatabase& database_;
};

}  // namespace gatepost::state
