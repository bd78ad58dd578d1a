// One thread's side of telemetry: takes events, writes log lines, counts. Reading is for other threads.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "telemetry/counter.hpp"
#include "telemetry/event.hpp"
#include "telemetry/finding_counts.hpp"
#include "telemetry/json.hpp"
#include "telemetry/log.hpp"

namespace gatepost::telemetry {

/// Counts of values up to each bound; the last one is unbounded.
template <std::size_t N>
class Histogram {
 public:
  explicit constexpr Histogram(const std::array<double, N>& bounds) : bounds_(bounds) {}
  void observe(double value) {
    std::size_t i = 0;
    while (i < N && value > bounds_[i]) ++i;
    counts_[i].add();
    sum_.store(sum_.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
  }
  std::uint64_t count(std::size_t i) const { return counts_[i].value(); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }
  const std::array<double, N>& bounds() const { return bounds_; }

 private:
  const std::array<double, N>& bounds_;
  std::array<Counter, N + 1> counts_;
  std::atomic<double> sum_{0};
};

inline constexpr std::array<double, 8> size_bounds{1024,   4096,    16384,   65536,
                                                   262144, 1048576, 8388608, 37748736};
inline constexpr std::array<double, 10> time_bounds{0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 600};

/// Why something was refused, and how hard.
struct Reason {
  smtp::Stage stage;
  bool permanent;
  std::string_view token;
  auto operator<=>(const Reason&) const = default;
};

/// A refusal as the page lists it.
struct RecentRefusal {
  base::WallTime time;
  std::string id;
  std::string client;
  std::string helo;
  std::string sender;
  std::string subject;
  std::string reply;
  std::string_view token;
  smtp::Stage stage;
  std::string evidence = {};  ///< which check, and what it found; empty: no check's refusal
};

/// What a check in observe mode would have refused, as the page lists it.
struct ObservedRefusal {
  base::WallTime time;
  std::string id;
  std::string client;
  std::string helo;
  std::string sender;
  bool any_sender = false;  ///< there was a MAIL; an empty sender is the null one
  std::string recipient;    ///< the one concerned, or the first
  std::size_t others = 0;   ///< recipients besides
  std::string_view check;
  std::string_view reason;
  smtp::Stage stage;
  Verdict verdict;
  std::string evidence;
  bool delivered = false;  ///< it was delivered in the end
};

class Recorder {
 public:
  static constexpr std::size_t recent_kept = 200;
  static constexpr std::size_t observed_kept = 100;
  Recorder(Log& log, RecordWriter::Form form) : log_(log), buffer_(log.make_buffer()), form_(form) {}

  void record(const Event& event);
  void session_opened() { sessions.add(); }

  /// Counts by reason since start.
  std::map<Reason, std::uint64_t> reasons() const;
  std::vector<RecentRefusal> recent() const;
  /// The last ones, oldest first.
  std::vector<ObservedRefusal> observed() const;
  /// The address that the last client without one of its own seemed to have.
  std::optional<base::IpAddress> hidden_client() const;

  Counter sessions;
  Counter sessions_closed;
  Counter sessions_tls;
  Counter health_checks;
  std::array<Counter, ending_names.size()> transactions;
  Counter recipients_accepted;
  Counter recipients_refused;
  Counter recipients_deferred;
  Counter octets_in;
  Counter octets_out;
  Counter bare_newlines;  ///< messages that held some
  Counter spilled;        ///< messages that went to disk
  Counter outcome_unknown;
  FindingCounts findings;
  Histogram<size_bounds.size()> message_size{size_bounds};
  Histogram<time_bounds.size()> delivery_time{time_bounds};
  Histogram<time_bounds.size()> session_time{time_bounds};

 private:
  void take(const TransactionEnded& event);
  void take(const SessionClosed& event);
  void take(const Refused& event);
  void take(const Notice& event);
  void count(const SessionClosed& event);
  void note_hidden(const base::IpAddress& client);
  void list(const TransactionEnded& event, std::span<const Finding> some);
  void list(ObservedRefusal refusal, const smtp::HeloFacts& session, const Finding& finding);

  Log& log_;
  LogBuffer& buffer_;
  RecordWriter::Form form_;
  mutable std::mutex mutex_;  ///< taken by readers, by refusals and by what would have been one
  std::map<Reason, std::uint64_t> reasons_;
  std::deque<RecentRefusal> recent_;
  std::deque<ObservedRefusal> observed_;
  std::optional<base::IpAddress> hidden_client_;
};

}  // namespace gatepost::telemetry
