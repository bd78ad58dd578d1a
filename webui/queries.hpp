// What the web pages ask of the program. gateway/ implements it; calls come on the admin thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/statistics.hpp"

namespace gatepost::webui {

struct BackendStatus {
  std::string route;
  std::string server;
  bool up = true;
  bool seen = false;  ///< its EHLO is known
  int connections = 0;
  int max_connections = 0;
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;
  std::uint64_t deferred = 0;
  std::uint64_t failures = 0;
  std::uint64_t outcome_unknown = 0;
  std::string last_failure;
};

struct CertificateStatus {
  std::string names;
  std::string file;
  base::WallTime not_after;
};

struct DirectoryStatus {
  std::string name;
  std::size_t addresses = 0;
};

struct CheckStatus {
  std::string_view name;
  std::string_view mode;  ///< "enforce", "observe", "off"
};

struct ResolverStatus {
  std::string address;
  bool up = true;
  std::uint64_t queries = 0;
  std::uint64_t answers = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t servfail = 0;
  std::uint64_t other_failures = 0;  ///< REFUSED, unreadable, unreachable
  double mean_ms = 0;                ///< of its answers
  std::string last_failure;
};

/// Somebody on whose word refusals rest: the resolver, a DNS list.
struct WitnessStatus {
  std::string name;
  bool trusted = true;
  std::optional<base::WallTime> since;  ///< it is as it is; nothing before the first examination
  std::string why;                      ///< it is not trusted
};

struct DnsStatus {
  std::vector<ResolverStatus> resolvers;
  std::vector<WitnessStatus> witnesses;
  std::uint64_t cache_hits = 0;
  std::uint64_t cache_misses = 0;
};

/// A table of what is remembered from one session to the next.
struct TableStatus {
  std::string name;
  bool survives = true;  ///< a restart
  std::size_t entries = 0;
  std::size_t limit = 0;
  std::size_t bytes = 0;
  std::uint64_t evicted = 0;  ///< made way for newer ones
  std::uint64_t refused = 0;  ///< newcomers that were not taken
};

/// The file that keeps the tables over a restart.
struct StoreStatus {
  bool up = true;
  std::optional<base::WallTime> since;  ///< it is not up
  std::string why;                      ///< it is not up
  std::optional<base::WallTime> last_write;
  std::uint64_t waiting = 0;   ///< rows that could not be written yet
  std::uint64_t written = 0;   ///< rows, since the start
  std::uint64_t failures = 0;  ///< writes that failed, since the start
};

struct StateStatus {
  std::vector<TableStatus> tables;
  StoreStatus store;
};

/// All that the status page and /api/v1/status show, at one moment.
struct Status {
  std::string version;
  std::string hostname;
  base::WallTime now;
  base::WallTime started;
  base::WallTime configured;  ///< when the configuration in force was read
  std::string reload_error;   ///< why the last reload was not taken; empty: it was
  telemetry::Totals since_start;
  telemetry::Totals last_hour;
  std::vector<telemetry::RecentRefusal> refusals;    ///< newest first
  std::vector<CheckStatus> checks;                   ///< in the order in which they are asked
  std::vector<telemetry::ObservedRefusal> observed;  ///< newest first
  DnsStatus dns;
  StateStatus state;
  std::vector<BackendStatus> backends;
  std::vector<CertificateStatus> certificates;
  std::vector<DirectoryStatus> directories;
  std::vector<std::string> warnings;  ///< what looks wrong
  std::size_t memory = 0;
  std::size_t memory_cap = 0;
  std::size_t learned = 0;
  std::uint64_t log_dropped = 0;
};

class Queries {
 public:
  virtual ~Queries() = default;
  virtual Status status() const = 0;
  /// Prometheus text exposition.
  virtual std::string metrics() const = 0;
  /// Does the program do its work? `why` says what is missing.
  virtual bool ready(std::string& why) const = 0;
};

}  // namespace gatepost::webui
