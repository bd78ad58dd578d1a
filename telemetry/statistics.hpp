// All threads' recorders summed: what the page and the metrics show.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "telemetry/recorder.hpp"

namespace gatepost::telemetry {

/// Sums at one moment.
struct Totals {
  std::uint64_t sessions = 0;
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_tls = 0;
  std::uint64_t health_checks = 0;
  std::array<std::uint64_t, ending_names.size()> transactions{};
  std::uint64_t recipients_accepted = 0;
  std::uint64_t recipients_refused = 0;
  std::uint64_t recipients_deferred = 0;
  std::uint64_t octets_in = 0;
  std::uint64_t octets_out = 0;
  std::uint64_t bare_newlines = 0;
  std::uint64_t spilled = 0;
  std::uint64_t outcome_unknown = 0;
  std::map<Reason, std::uint64_t> reasons;
  FindingSums findings;

  /// How many findings have that reason, whatever check and verdict.
  std::uint64_t found(std::string_view reason) const;
  /// What came since `before`; open sessions stay as they are.
  Totals since(const Totals& before) const;
};

class Statistics {
 public:
  explicit Statistics(const base::Clock& clock) : clock_(clock), started_(clock.wall()) {}

  /// Recorders live as long as the statistics.
  Recorder& make_recorder(Log& log, RecordWriter::Form form);

  Totals totals() const;
  /// Of the last hour, exact to a minute.
  Totals last_hour() const;
  /// The last refusals of all threads, newest first.
  std::vector<RecentRefusal> recent() const;
  /// What observe mode let through lately, newest first.
  std::vector<ObservedRefusal> observed() const;
  /// The address of a client that has none of its own, if there was any.
  std::optional<base::IpAddress> hidden_client() const;
  base::WallTime started() const { return started_; }
  const std::vector<std::unique_ptr<Recorder>>& recorders() const { return recorders_; }

  /// To be called now and then, at least once a minute: keeps what last_hour() subtracts.
  void tick();

 private:
  struct Minute {
    base::Instant at;
    Totals totals;
  };
  const base::Clock& clock_;
  base::WallTime started_;
  std::vector<std::unique_ptr<Recorder>> recorders_;
  mutable std::mutex mutex_;
  std::deque<Minute> minutes_;
};

}  // namespace gatepost::telemetry
