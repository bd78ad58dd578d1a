// What the web pages ask of the program. gateway/ implements it; calls come on the admin thread.
#pragma once

#include <string>
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
  std::vector<telemetry::RecentRefusal> refusals;  ///< newest first
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
