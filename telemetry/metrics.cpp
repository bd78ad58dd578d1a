#include "telemetry/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace gatepost::telemetry {
namespace {

using prometheus::MetricType;

// clang-format off
const std::vector<MetricDescription> descriptions{
    {"gatepost_build_info", "Version of the program; always 1.", MetricType::Gauge},
    {"gatepost_smtp_sessions_total", "SMTP sessions begun.", MetricType::Counter},
    {"gatepost_smtp_sessions", "SMTP sessions open now.", MetricType::Gauge},
    {"gatepost_slowed_sessions", "Sessions whose answer is held back now.", MetricType::Gauge},
    {"gatepost_slow_skipped_total", "Answers that were to be held back and were not, since smtp.max_slowed sessions were already.", MetricType::Counter},
    {"gatepost_smtp_tls_sessions_total", "SMTP sessions that used TLS.", MetricType::Counter},
    {"gatepost_smtp_health_checks_total", "Connections of load balancers that only looked whether we live.", MetricType::Counter},
    {"gatepost_smtp_session_duration_seconds", "How long sessions last.", MetricType::Histogram},
    {"gatepost_smtp_received_bytes_total", "Octets received from clients.", MetricType::Counter},
    {"gatepost_smtp_sent_bytes_total", "Octets sent to clients.", MetricType::Counter},
    {"gatepost_transactions_total", "Mail transactions by how they ended.", MetricType::Counter},
    {"gatepost_recipients_total", "Recipients named by clients, by verdict.", MetricType::Counter},
    {"gatepost_refusals_total", "4xx and 5xx replies by stage, class and reason.", MetricType::Counter},
    {"gatepost_findings_total", "What checks found, by check, reason, verdict and mode (enforce, observe, exempt).", MetricType::Counter},
    {"gatepost_findings_delivered_total", "Of these, where mail was delivered all the same: with mode observe, what the refusal would have cost.", MetricType::Counter},
    {"gatepost_hidden_client_sessions_total", "Sessions from addresses that hide the client, of which checks could know nothing.", MetricType::Counter},
    {"gatepost_message_size_bytes", "Sizes of messages.", MetricType::Histogram},
    {"gatepost_delivery_duration_seconds", "From the end of a message to its answer.", MetricType::Histogram},
    {"gatepost_bare_newline_messages_total", "Messages with bare CR or LF.", MetricType::Counter},
    {"gatepost_spilled_messages_total", "Messages that were partly kept on disk.", MetricType::Counter},
    {"gatepost_outcome_unknown_total", "Messages a backend took without saying what became of them.", MetricType::Counter},
    {"gatepost_memory_bytes", "Memory that messages take in all sessions.", MetricType::Gauge},
    {"gatepost_memory_cap_bytes", "How much they may take.", MetricType::Gauge},
    {"gatepost_learned_entries", "Refusals of backends that are remembered.", MetricType::Gauge},
    {"gatepost_state_entries", "What is remembered of clients and senders, by table.", MetricType::Gauge},
    {"gatepost_state_bytes", "Memory that a table takes.", MetricType::Gauge},
    {"gatepost_state_evicted_total", "Entries forgotten early, to make way for newer ones.", MetricType::Counter},
    {"gatepost_state_refused_total", "Newcomers that a full table had no room for.", MetricType::Counter},
    {"gatepost_state_store_up", "1 while state.db can be written, 0 while it cannot.", MetricType::Gauge},
    {"gatepost_state_rows_written_total", "Rows written to state.db.", MetricType::Counter},
    {"gatepost_state_write_failures_total", "Writes to state.db that failed.", MetricType::Counter},
    {"gatepost_log_lines_dropped_total", "Log lines lost since the log could not keep up.", MetricType::Counter},
    {"gatepost_config_reloads_total", "Reloads of the configuration by result.", MetricType::Counter},
    {"gatepost_config_last_reload_success", "1 if the last reload was taken, 0 if the old configuration stayed.", MetricType::Gauge},
    {"gatepost_cert_expiry_timestamp_seconds", "When a certificate ends.", MetricType::Gauge},
    {"gatepost_directory_objects", "Addresses a directory holds.", MetricType::Gauge},
    {"gatepost_backend_up", "1 if a backend is tried, 0 if it has failed too often lately.", MetricType::Gauge},
    {"gatepost_backend_connections", "Connections to a backend.", MetricType::Gauge},
    {"gatepost_backend_opened_total", "Connections to a backend opened.", MetricType::Counter},
    {"gatepost_backend_failures_total", "Failed connections to a backend, also within a message.", MetricType::Counter},
    {"gatepost_backend_messages_total", "Messages answered by a backend, by its answer.", MetricType::Counter},
    {"gatepost_dns_resolver_up", "1 if a resolver is asked, 0 if it has failed too often lately.", MetricType::Gauge},
    {"gatepost_dns_queries_total", "Questions sent to a resolver, repeated ones and probes too.", MetricType::Counter},
    {"gatepost_dns_answers_total", "Answers of a resolver, SERVFAIL and REFUSED among them.", MetricType::Counter},
    {"gatepost_dns_failures_total", "Questions to a resolver without a useful answer, by kind.", MetricType::Counter},
    {"gatepost_dns_latency_seconds_total", "Time that a resolver took for all its answers together.", MetricType::Counter},
    {"gatepost_dns_cache_hits_total", "Questions that the caches could answer.", MetricType::Counter},
    {"gatepost_dns_cache_misses_total", "Questions that they could not.", MetricType::Counter},
    {"gatepost_callouts_total", "Senders that their mail server was asked about (sender_callout), by what came of it.", MetricType::Counter},
    {"gatepost_callouts_open", "Conversations with senders' mail servers now.", MetricType::Gauge},
    {"gatepost_witness_trusted", "0 while the resolver or a DNS list is not to be trusted, so that nothing is refused on its word.", MetricType::Gauge},
};
// clang-format on

}  // namespace

std::vector<MetricDescription> metric_descriptions() {
  return descriptions;
}

prometheus::ClientMetric& MetricsBuilder::metric(std::string_view name, Labels labels) {
  auto family =
      std::find_if(families_.begin(), families_.end(), [name](const auto& f) { return f.name == name; });
  if (family == families_.end()) {
    const auto known = std::find_if(descriptions.begin(), descriptions.end(),
                                    [name](const auto& d) { return d.name == name; });
    if (known == descriptions.end())
      throw std::logic_error("metric without a description: " + std::string(name));
    families_.push_back({std::string(name), std::string(known->help), known->type, {}});
    family = std::prev(families_.end());
  }
  auto& metric = family->metric.emplace_back();
  for (auto& [key, value] : labels) metric.label.push_back({std::move(key), std::move(value)});
  return metric;
}

void MetricsBuilder::add(std::string_view name, double value, Labels labels) {
  auto& made = metric(name, std::move(labels));
  made.counter.value = value;
  made.gauge.value = value;
}

template <std::size_t N>
void MetricsBuilder::add_histogram(std::string_view name, const std::vector<const Histogram<N>*>& parts) {
  auto& histogram = metric(name, {}).histogram;
  if (parts.empty()) return;
  for (std::size_t i = 0; i <= N; ++i) {
    for (const auto* part : parts) histogram.sample_count += part->count(i);
    const auto bound = i < N ? parts.front()->bounds()[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
  for (const auto* part : parts) histogram.sample_sum += part->sum();
}

std::vector<prometheus::MetricFamily> Metrics::Collect() const {
  MetricsBuilder b;
  const auto t = statistics_.totals();
  const auto number = [](std::uint64_t n) { return static_cast<double>(n); };
  b.add("gatepost_smtp_sessions_total", number(t.sessions));
  b.add("gatepost_smtp_sessions", number(t.sessions_open));
  b.add("gatepost_smtp_tls_sessions_total", number(t.sessions_tls));
  b.add("gatepost_smtp_health_checks_total", number(t.health_checks));
  b.add("gatepost_smtp_received_bytes_total", number(t.octets_in));
  b.add("gatepost_smtp_sent_bytes_total", number(t.octets_out));
  for (std::size_t i = 0; i < ending_names.size(); ++i) {
    b.add("gatepost_transactions_total", number(t.transactions[i]),
          {{"ending", std::string(ending_names[i])}});
  }
  b.add("gatepost_recipients_total", number(t.recipients_accepted), {{"verdict", "accepted"}});
  b.add("gatepost_recipients_total", number(t.recipients_refused), {{"verdict", "refused"}});
  b.add("gatepost_recipients_total", number(t.recipients_deferred), {{"verdict", "deferred"}});
  for (const auto& [reason, count] : t.reasons) {
    b.add("gatepost_refusals_total", number(count),
          {{"stage", std::string(smtp::name_of(reason.stage))},
           {"class", reason.permanent ? "5xx" : "4xx"},
           {"reason", std::string(reason.token)}});
  }
  for (const auto& [kind, count] : t.findings) {
    const MetricsBuilder::Labels labels{{"check", std::string(kind.check)},
                                        {"reason", std::string(kind.reason)},
                                        {"verdict", std::string(name_of(kind.verdict))},
                                        {"mode", std::string(name_of(kind.weight))}};
    b.add("gatepost_findings_total", number(count.found), labels);
    b.add("gatepost_findings_delivered_total", number(count.delivered), labels);
  }
  b.add("gatepost_hidden_client_sessions_total", number(t.found(hidden_client)));
  b.add("gatepost_bare_newline_messages_total", number(t.bare_newlines));
  b.add("gatepost_spilled_messages_total", number(t.spilled));
  b.add("gatepost_outcome_unknown_total", number(t.outcome_unknown));
  std::vector<const Histogram<size_bounds.size()>*> sizes;
  std::vector<const Histogram<time_bounds.size()>*> deliveries;
  std::vector<const Histogram<time_bounds.size()>*> sessions;
  for (const auto& recorder : statistics_.recorders()) {
    sizes.push_back(&recorder->message_size);
    deliveries.push_back(&recorder->delivery_time);
    sessions.push_back(&recorder->session_time);
  }
  b.add_histogram("gatepost_message_size_bytes", sizes);
  b.add_histogram("gatepost_delivery_duration_seconds", deliveries);
  b.add_histogram("gatepost_smtp_session_duration_seconds", sessions);
  if (more_) more_(b);
  return b.take();
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(Collect());
}

}  // namespace gatepost::telemetry
