// What App shows of itself: the start-up screen, the page's Queries, metrics.
#include <fmt/format.h>

#include <cstdio>

#include "gateway/app.hpp"
#include "gateway/process.hpp"
#include "gateway/version.hpp"
#include "telemetry/records.hpp"

namespace gatepost::gateway {

void App::print_start() {
  const auto& options = snapshot_->config.options;
  std::string text = fmt::format("gatepost {} is {}\n", version(), options.hostname);
  for (const auto& acceptor : acceptors_)
    text += fmt::format("  mail at      {}\n", acceptor->local().to_string());
  for (const auto& endpoint : options.web.listen)
    text += fmt::format("  page at      http://{}/\n", endpoint.to_string());
  for (const auto& domain : options.domains) {
    text += fmt::format("  domain       {} -> {}, recipients: {}\n", fmt::join(domain.names, ", "),
                        domain.route, fmt::join(domain.recipients, ", "));
  }
  for (const auto& [name, directory] : snapshot_->directories)
    text += fmt::format("  directory    {}: {} addresses\n", name, directory->size());
  for (const auto& [name, route] : snapshot_->routes) {
    for (const auto& server : route->servers) {
      text += fmt::format("  backend      {} {}: {}\n", name, server->address.to_string(),
                          server->answered() ? "answers" : "has not answered yet");
    }
  }
  if (snapshot_->tls) {
    for (const auto& certificate : snapshot_->tls->certificates()) {
      text += fmt::format("  certificate  {} until {}\n", certificate.subject,
                          telemetry::format_time(certificate.not_after).substr(0, 10));
    }
  }
  for (const auto& warning : warnings()) text += fmt::format("  WARNING      {}\n", warning);
  std::fputs(text.c_str(), stderr);
  notice(telemetry::Level::info, "start",
         fmt::format("gatepost {} serves {} domains as {}", version(), snapshot_->domains.names().size(),
                     options.hostname));
}

std::vector<std::string> App::warnings() const {
  std::vector<std::string> found;
  for (const auto& problem : snapshot_->config.problems) found.push_back(problem.to_string());
  if (!reload_error_.empty()) found.push_back("the last reload was not taken: " + reload_error_);
  for (const auto& [name, route] : snapshot_->routes) {
    for (const auto& server : route->servers) {
      if (server->breaker.open() || !server->answered()) {
        const auto why = server->last_failure();
        found.push_back(fmt::format("backend {} cannot be reached{}", server->address.to_string(),
                                    why.empty() ? "" : ": " + why));
      }
    }
  }
  for (const auto& server : resolvers_->servers()) {
    if (!server->up())
      found.push_back(fmt::format("resolver {} does not answer: {}", server->name, server->last_failure()));
  }
  for (const auto& name : witness_names()) {
    if (const auto state = witnesses_.of(name); state->suspended())
      found.push_back(
          fmt::format("{} is not to be trusted, and refuses nothing until it recovers: {} (resolver {})",
                      name, state->why(), resolvers_in_words()));
  }
  const auto last_hour = statistics_.last_hour();
  if (const auto hidden = last_hour.found(telemetry::hidden_client); hidden > 0) {
    const auto client = statistics_.hidden_client();
    found.push_back(fmt::format(
        "{} session{} of the last hour came from addresses that hide the client (such as {}): set "
        "smtp.proxy_from, or policy.clients_are_real",
        hidden, hidden == 1 ? "" : "s", client ? client->to_string() : "private ones"));
  }
  if (!checks_error_.empty()) found.push_back("a file of the checks was not taken: " + checks_error_);
  if (!is_writable_directory(snapshot_->config.options.state_dir))
    found.push_back("state_dir " + snapshot_->config.options.state_dir +
                    " is not writable: large messages are refused with 452");
  const auto saved = writer_->health();
  if (!saved.well) {
    found.push_back(
        fmt::format("what is remembered has not been written to disk since {}, and goes on in memory: {}",
                    telemetry::format_time(saved.since), saved.why));
  }
  if (!saved.lost.empty()) found.push_back(saved.lost);
  for (const auto& full : full_tables_.full()) found.push_back(full.in_words());
  if (memory_->level() == base::MemoryBudget::Level::full)
    found.push_back("memory for messages is used up: new messages get 452, new sessions 421");
  if (const auto most = most_sessions(); most < snapshot_->config.options.smtp.max_sessions) {
    found.push_back(fmt::format(
        "smtp.max_sessions is {}, but there are file descriptors for {} sessions only (LimitNOFILE)",
        snapshot_->config.options.smtp.max_sessions, most));
  }
  if (shortages_.load() > 0)
    found.push_back("the system ran out of file descriptors while accepting; raise LimitNOFILE");
  if (log_->astray())
    found.push_back("the log file " + snapshot_->config.options.log.path +
                    " cannot be opened; lines go elsewhere");
  if (log_->dropped() > 0) found.push_back(fmt::format("{} log lines were lost", log_->dropped()));
  return found;
}

std::vector<webui::CheckStatus> App::check_statuses() const {
  std::vector<webui::CheckStatus> all;
  for (const auto& [name, mode] : snapshot_->pipeline->modes())
    all.push_back({name, base::TextForm<checks::Mode>::names[static_cast<std::size_t>(mode)]});
  return all;
}

webui::DnsStatus App::dns_status() const {
  webui::DnsStatus dns;
  dns.cache_hits = resolvers_->hits.load();
  dns.cache_misses = resolvers_->misses.load();
  for (const auto& server : resolvers_->servers()) {
    const auto answers = server->answers.load();
    const auto latency = static_cast<double>(server->latency_micros.load()) / 1000;
    dns.resolvers.push_back({server->name, server->up(), server->queries.load(), answers,
                             server->timeouts.load(), server->servfail.load(),
                             server->refused.load() + server->garbage.load() + server->unreachable.load(),
                             answers == 0 ? 0 : latency / static_cast<double>(answers),
                             server->last_failure()});
  }
  for (const auto& name : witness_names()) {
    const auto state = witnesses_.of(name);
    webui::WitnessStatus witness{name, !state->suspended(), std::nullopt, {}};
    if (const auto since = state->since())
      witness.since =
          clock_.wall() - std::chrono::duration_cast<base::WallTime::duration>(clock_.now() - *since);
    if (!witness.trusted) witness.why = state->why();
    dns.witnesses.push_back(std::move(witness));
  }
  return dns;
}

webui::Status App::status() const {
  webui::Status s;
  s.version = version();
  s.hostname = snapshot_->config.options.hostname;
  s.now = clock_.wall();
  s.started = statistics_.started();
  s.configured = configured_;
  s.reload_error = reload_error_;
  s.since_start = statistics_.totals();
  s.last_hour = statistics_.last_hour();
  s.refusals = statistics_.recent();
  s.observed = statistics_.observed();
  s.checks = check_statuses();
  s.dns = dns_status();
  s.state = state_status();
  for (const auto& [name, route] : snapshot_->routes) {
    for (const auto& server : route->servers) {
      const auto& c = server->counters;
      s.backends.push_back({name, server->address.to_string(), !server->breaker.open(), server->answered(),
                            server->permits.used(), static_cast<int>(route->options.max_connections),
                            c.delivered.load(), c.refused.load(), c.deferred.load(), c.failures.load(),
                            c.outcome_unknown.load(), server->last_failure()});
    }
  }
  if (snapshot_->tls) {
    for (const auto& certificate : snapshot_->tls->certificates())
      s.certificates.push_back({certificate.subject, certificate.file, certificate.not_after});
  }
  for (const auto& [name, directory] : snapshot_->directories)
    s.directories.push_back({name, directory->size()});
  s.warnings = warnings();
  s.memory = memory_->used();
  s.memory_cap = memory_->cap();
  s.learned = learned_->size();
  s.log_dropped = log_->dropped();
  return s;
}

bool App::ready(std::string& why) const {
  if (stopping_) {
    why = "going down";
    return false;
  }
  return true;
}

void App::add_metrics(telemetry::MetricsBuilder& b) const {
  const auto number = [](auto n) { return static_cast<double>(n); };
  b.add("gatepost_build_info", 1, {{"version", version()}});
  b.add("gatepost_memory_bytes", number(memory_->used()));
  b.add("gatepost_memory_cap_bytes", number(memory_->cap()));
  b.add("gatepost_slowed_sessions", number(held_back_.now()));
  b.add("gatepost_slow_skipped_total", number(held_back_.skipped()));
  b.add("gatepost_learned_entries", number(learned_->size()));
  b.add("gatepost_log_lines_dropped_total", number(log_->dropped()));
  b.add("gatepost_config_reloads_total", number(reloads_good_.load()), {{"result", "taken"}});
  b.add("gatepost_config_reloads_total", number(reloads_bad_.load()), {{"result", "refused"}});
  b.add("gatepost_config_last_reload_success", reload_error_.empty() ? 1 : 0);
  add_dns_metrics(b);
  add_callout_metrics(b);
  add_state_metrics(b);
  for (const auto& [name, directory] : snapshot_->directories)
    b.add("gatepost_directory_objects", number(directory->size()), {{"directory", name}});
  if (snapshot_->tls) {
    for (const auto& certificate : snapshot_->tls->certificates()) {
      b.add("gatepost_cert_expiry_timestamp_seconds",
            number(std::chrono::system_clock::to_time_t(certificate.not_after)),
            {{"cert", certificate.subject}});
    }
  }
  for (const auto& [name, route] : snapshot_->routes) {
    for (const auto& server : route->servers) {
      const auto backend = server->address.to_string();
      const auto& c = server->counters;
      b.add("gatepost_backend_up", server->breaker.open() ? 0 : 1, {{"backend", backend}});
      b.add("gatepost_backend_connections", number(server->permits.used()), {{"backend", backend}});
      b.add("gatepost_backend_opened_total", number(c.connections.load()), {{"backend", backend}});
      b.add("gatepost_backend_failures_total", number(c.failures.load()), {{"backend", backend}});
      b.add("gatepost_backend_messages_total", number(c.delivered.load()),
            {{"backend", backend}, {"result", "delivered"}});
      b.add("gatepost_backend_messages_total", number(c.refused.load()),
            {{"backend", backend}, {"result", "refused"}});
      b.add("gatepost_backend_messages_total", number(c.deferred.load()),
            {{"backend", backend}, {"result", "deferred"}});
    }
  }
}

void App::add_dns_metrics(telemetry::MetricsBuilder& b) const {
  const auto number = [](const auto& n) { return static_cast<double>(n.load()); };
  b.add("gatepost_dns_cache_hits_total", number(resolvers_->hits));
  b.add("gatepost_dns_cache_misses_total", number(resolvers_->misses));
  for (const auto& server : resolvers_->servers()) {
    const auto& resolver = server->name;
    b.add("gatepost_dns_resolver_up", server->up() ? 1 : 0, {{"resolver", resolver}});
    b.add("gatepost_dns_queries_total", number(server->queries), {{"resolver", resolver}});
    b.add("gatepost_dns_answers_total", number(server->answers), {{"resolver", resolver}});
    b.add("gatepost_dns_latency_seconds_total", number(server->latency_micros) / 1e6,
          {{"resolver", resolver}});
    const auto add_failures = [&](const char* kind, const dns::ServerHealth::Counter& count) {
      b.add("gatepost_dns_failures_total", number(count), {{"resolver", resolver}, {"kind", kind}});
    };
    add_failures("timeout", server->timeouts);
    add_failures("unreachable", server->unreachable);
    add_failures("garbage", server->garbage);
    add_failures("servfail", server->servfail);
    add_failures("refused", server->refused);
  }
  for (const auto& name : witness_names())
    b.add("gatepost_witness_trusted", witnesses_.of(name)->suspended() ? 0 : 1, {{"witness", name}});
}

void App::add_callout_metrics(telemetry::MetricsBuilder& b) const {
  using checks::CalloutResult;
  for (const auto result :
       {CalloutResult::taken, CalloutResult::refused, CalloutResult::takes_all, CalloutResult::sender_refused,
        CalloutResult::unknown, CalloutResult::not_asked}) {
    b.add("gatepost_callouts_total", static_cast<double>(callouts_.count_of(result)),
          {{"result", std::string(checks::name_of(result))}});
  }
  b.add("gatepost_callouts_open", static_cast<double>(callouts_.open()));
}

}  // namespace gatepost::gateway
