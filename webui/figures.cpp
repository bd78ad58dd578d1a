#include "webui/figures.hpp"

#include <algorithm>
#include <tuple>

namespace gatepost::webui {
namespace {

using smtp::Ending;
using telemetry::Totals;

template <Ending ending>
std::uint64_t ended(const Totals& totals) {
  return totals.transactions[static_cast<std::size_t>(ending)];
}

template <std::uint64_t Totals::*member>
std::uint64_t sum(const Totals& totals) {
  return totals.*member;
}

}  // namespace

std::span<const FigureGroup> figure_groups() {
  static const FigureGroup groups[] = {
      {"sessions",
       "Sessions",
       {{"total", "opened", sum<&Totals::sessions>},
        {"tls", "of these with TLS", sum<&Totals::sessions_tls>},
        {"health_checks", "health checks (not counted above)", sum<&Totals::health_checks>}}},
      {"messages",
       "Messages",
       {{"delivered", "delivered", ended<Ending::delivered>},
        {"refused", "refused (5xx)", ended<Ending::refused>},
        {"deferred", "deferred (4xx)", ended<Ending::deferred>},
        {"aborted", "aborted: the client gave up", ended<Ending::aborted>},
        {"vanished", "vanished: the connection was lost", ended<Ending::vanished>},
        {"discarded", "discarded by a rule", ended<Ending::discarded>},
        {"outcome_unknown", "outcome unknown (may arrive twice)", sum<&Totals::outcome_unknown>},
        {"bare_newlines", "with bare CR or LF", sum<&Totals::bare_newlines>},
        {"spilled", "kept on disk meanwhile", sum<&Totals::spilled>}}},
      {"recipients",
       "Recipients",
       {{"accepted", "accepted", sum<&Totals::recipients_accepted>},
        {"refused", "refused (5xx)", sum<&Totals::recipients_refused>},
        {"deferred", "deferred (4xx)", sum<&Totals::recipients_deferred>}}},
      {"octets",
       "Traffic with clients",
       {{"in", "received", sum<&Totals::octets_in>, Figure::Unit::octets},
        {"out", "sent", sum<&Totals::octets_out>, Figure::Unit::octets}}},
  };
  return groups;
}

std::vector<ReasonCount> reason_counts(const Totals& since_start, const Totals& last_hour) {
  std::vector<ReasonCount> counts;
  for (const auto& [reason, count] : since_start.reasons) {
    const auto recent = last_hour.reasons.find(reason);
    counts.push_back({reason, count, recent == last_hour.reasons.end() ? 0 : recent->second});
  }
  std::stable_sort(counts.begin(), counts.end(), [](const ReasonCount& a, const ReasonCount& b) {
    return std::tie(a.reason.stage, b.last_hour, b.since_start) <
           std::tie(b.reason.stage, a.last_hour, a.since_start);
  });
  return counts;
}

bool is_permanent(const telemetry::RecentRefusal& refusal) {
  return !refusal.reply.starts_with('4');
}

}  // namespace gatepost::webui
