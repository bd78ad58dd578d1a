#include "telemetry/statistics.hpp"

#include <algorithm>

namespace gatepost::telemetry {
namespace {

/// What all recorders keep, newest first, `most` of it.
template <class Entry>
std::vector<Entry> gather(const std::vector<std::unique_ptr<Recorder>>& recorders,
                          std::vector<Entry> (Recorder::*kept)() const, std::size_t most) {
  std::vector<Entry> all;
  for (const auto& recorder : recorders) {
    auto some = (*recorder.*kept)();
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  }
  std::stable_sort(all.begin(), all.end(), [](const Entry& a, const Entry& b) { return a.time > b.time; });
  if (all.size() > most) all.resize(most);
  return all;
}

}  // namespace

std::uint64_t Totals::found(std::string_view reason) const {
  std::uint64_t sum = 0;
  for (const auto& [kind, count] : findings) {
    if (kind.reason == reason) sum += count.found;
  }
  return sum;
}

Totals Totals::since(const Totals& before) const {
  Totals d = *this;
  d.sessions -= before.sessions;
  d.sessions_tls -= before.sessions_tls;
  d.health_checks -= before.health_checks;
  for (std::size_t i = 0; i < d.transactions.size(); ++i) d.transactions[i] -= before.transactions[i];
  d.recipients_accepted -= before.recipients_accepted;
  d.recipients_refused -= before.recipients_refused;
  d.recipients_deferred -= before.recipients_deferred;
  d.octets_in -= before.octets_in;
  d.octets_out -= before.octets_out;
  d.bare_newlines -= before.bare_newlines;
  d.spilled -= before.spilled;
  d.outcome_unknown -= before.outcome_unknown;
  for (const auto& [reason, count] : before.reasons) d.reasons[reason] -= count;
  std::erase_if(d.reasons, [](const auto& entry) { return entry.second == 0; });
  for (const auto& [kind, count] : before.findings) {
    auto& left = d.findings[kind];
    left.found -= count.found;
    left.delivered -= count.delivered;
  }
  std::erase_if(d.findings, [](const auto& entry) { return entry.second.found == 0; });
  return d;
}

Recorder& Statistics::make_recorder(Log& log, RecordWriter::Form form) {
  return *recorders_.emplace_back(std::make_unique<Recorder>(log, form));
}

Totals Statistics::totals() const {
  Totals sum;
  for (const auto& recorder : recorders_) {
    // Closed first: sessions that open meanwhile must not make the difference negative.
    const auto closed = recorder->sessions_closed.value();
    const auto opened = recorder->sessions.value();
    sum.sessions += opened - recorder->health_checks.value();
    sum.sessions_open += opened - closed;
    sum.sessions_tls += recorder->sessions_tls.value();
    sum.health_checks += recorder->health_checks.value();
    for (std::size_t i = 0; i < sum.transactions.size(); ++i)
      sum.transactions[i] += recorder->transactions[i].value();
    sum.recipients_accepted += recorder->recipients_accepted.value();
    sum.recipients_refused += recorder->recipients_refused.value();
    sum.recipients_deferred += recorder->recipients_deferred.value();
    sum.octets_in += recorder->octets_in.value();
    sum.octets_out += recorder->octets_out.value();
    sum.bare_newlines += recorder->bare_newlines.value();
    sum.spilled += recorder->spilled.value();
    sum.outcome_unknown += recorder->outcome_unknown.value();
    for (const auto& [reason, count] : recorder->reasons()) sum.reasons[reason] += count;
    recorder->findings.add_to(sum.findings);
  }
  return sum;
}

Totals Statistics::last_hour() const {
  auto now = totals();
  const std::lock_guard lock(mutex_);
  return minutes_.empty() ? now : now.since(minutes_.front().totals);
}

std::vector<RecentRefusal> Statistics::recent() const {
  return gather(recorders_, &Recorder::recent, Recorder::recent_kept);
}

std::vector<ObservedRefusal> Statistics::observed() const {
  return gather(recorders_, &Recorder::observed, Recorder::observed_kept);
}

std::optional<base::IpAddress> Statistics::hidden_client() const {
  for (const auto& recorder : recorders_) {
    if (auto address = recorder->hidden_client()) return address;
  }
  return std::nullopt;
}

void Statistics::tick() {
  const auto now = clock_.now();
  const std::lock_guard lock(mutex_);
  if (!minutes_.empty() && now - minutes_.back().at < std::chrono::minutes(1)) return;
  minutes_.push_back({now, totals()});
  // The front is what the hour is counted from; before the first hour is over that is the start.
  while (minutes_.size() > 1 && now - minutes_[1].at >= std::chrono::hours(1)) minutes_.pop_front();
}

}  // namespace gatepost::telemetry
