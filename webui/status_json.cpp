#include "webui/status_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "telemetry/records.hpp"
#include "webui/check_counts.hpp"
#include "webui/figures.hpp"
#include "webui/foreign.hpp"

namespace gatepost::webui {
namespace {

namespace json = boost::json;

constexpr std::size_t longest = 2000;

json::string text(std::string_view foreign) {
  return json::string(shown(foreign, longest));
}
json::string time(base::WallTime when) {
  return json::string(telemetry::format_time(when));
}
json::string constant(std::string_view name) {
  return json::string(json::string_view(name.data(), name.size()));
}

json::object totals(const telemetry::Totals& of) {
  json::object all;
  for (const auto& group : figure_groups()) {
    json::object figures;
    for (const auto& figure : group.figures) figures[constant(figure.key)] = figure.of(of);
    all[constant(group.key)] = std::move(figures);
  }
  return all;
}

json::array reasons(const Status& status) {
  json::array all;
  for (const auto& [reason, since_start, last_hour] : reason_counts(status.since_start, status.last_hour)) {
    json::object row;
    row["stage"] = constant(smtp::name_of(reason.stage));
    row["reason"] = constant(reason.token);
    row["class"] = constant(class_name(reason.permanent));
    row["since_start"] = since_start;
    row["last_hour"] = last_hour;
    all.push_back(std::move(row));
  }
  return all;
}

json::array backends(const Status& status) {
  json::array all;
  for (const auto& backend : status.backends) {
    json::object row;
    row["route"] = text(backend.route);
    row["server"] = text(backend.server);
    row["up"] = backend.up;
    row["seen"] = backend.seen;
    row["connections"] = backend.connections;
    row["max_connections"] = backend.max_connections;
    row["delivered"] = backend.delivered;
    row["refused"] = backend.refused;
    row["deferred"] = backend.deferred;
    row["failures"] = backend.failures;
    row["outcome_unknown"] = backend.outcome_unknown;
    row["last_failure"] = text(backend.last_failure);
    all.push_back(std::move(row));
  }
  return all;
}

json::array certificates(const Status& status) {
  json::array all;
  for (const auto& certificate : status.certificates) {
    json::object row;
    row["names"] = text(certificate.names);
    row["file"] = text(certificate.file);
    row["not_after"] = time(certificate.not_after);
    all.push_back(std::move(row));
  }
  return all;
}

json::array directories(const Status& status) {
  json::array all;
  for (const auto& directory : status.directories) {
    json::object row;
    row["name"] = text(directory.name);
    row["addresses"] = directory.addresses;
    all.push_back(std::move(row));
  }
  return all;
}

json::object counts(const CheckCounts& of) {
  json::object all;
  for (const auto& figure : check_figures()) all[constant(figure.key)] = of.*figure.of;
  return all;
}

json::object check_row(const CheckRow& of, json::string_view key) {
  json::object row;
  row[key] = constant(of.name);
  row["since_start"] = counts(of.since_start);
  row["last_hour"] = counts(of.last_hour);
  return row;
}

json::array checks(const Status& status) {
  json::array all;
  for (const auto& [total, mode, reasons] : check_rows(status)) {
    auto row = check_row(total, "check");
    row["mode"] = constant(mode);
    json::array by_reason;
    for (const auto& reason : reasons) by_reason.push_back(check_row(reason, "reason"));
    row["reasons"] = std::move(by_reason);
    all.push_back(std::move(row));
  }
  return all;
}

json::array observed(const Status& status) {
  json::array all;
  for (const auto& refusal : status.observed) {
    json::object row;
    row["time"] = time(refusal.time);
    row["stage"] = constant(smtp::name_of(refusal.stage));
    row["check"] = constant(refusal.check);
    row["verdict"] = constant(telemetry::name_of(refusal.verdict));
    row["reason"] = constant(refusal.reason);
    row["evidence"] = text(refusal.evidence);
    row["id"] = text(refusal.id);
    row["client"] = text(refusal.client);
    row["helo"] = text(refusal.helo);
    row["sender"] = text(refusal.sender);
    row["recipient"] = text(refusal.recipient);
    row["other_recipients"] = refusal.others;
    row["delivered"] = refusal.delivered;
    all.push_back(std::move(row));
  }
  return all;
}

json::array resolvers(const DnsStatus& dns) {
  json::array all;
  for (const auto& resolver : dns.resolvers) {
    json::object row;
    row["address"] = text(resolver.address);
    row["up"] = resolver.up;
    row["queries"] = resolver.queries;
    row["answers"] = resolver.answers;
    row["timeouts"] = resolver.timeouts;
    row["servfail"] = resolver.servfail;
    row["other_failures"] = resolver.other_failures;
    row["mean_ms"] = resolver.mean_ms;
    row["last_failure"] = text(resolver.last_failure);
    all.push_back(std::move(row));
  }
  return all;
}

json::array witnesses(const DnsStatus& dns) {
  json::array all;
  for (const auto& witness : dns.witnesses) {
    json::object row;
    row["name"] = text(witness.name);
    row["trusted"] = witness.trusted;
    row["since"] = witness.since ? time(*witness.since) : json::string();
    row["why"] = text(witness.why);
    all.push_back(std::move(row));
  }
  return all;
}

json::object dns(const DnsStatus& of) {
  json::object all;
  all["resolvers"] = resolvers(of);
  all["witnesses"] = witnesses(of);
  all["cache_hits"] = of.cache_hits;
  all["cache_misses"] = of.cache_misses;
  return all;
}

json::array tables(const StateStatus& state) {
  json::array all;
  for (const auto& table : state.tables) {
    json::object row;
    row["table"] = text(table.name);
    row["survives"] = table.survives;
    row["entries"] = table.entries;
    row["limit"] = table.limit;
    row["bytes"] = table.bytes;
    row["evicted"] = table.evicted;
    row["refused"] = table.refused;
    all.push_back(std::move(row));
  }
  return all;
}

json::object state(const StateStatus& of) {
  const auto time_or_none = [](const auto& when) { return when ? time(*when) : json::string(); };
  json::object store;
  store["up"] = of.store.up;
  store["since"] = time_or_none(of.store.since);
  store["why"] = text(of.store.why);
  store["last_write"] = time_or_none(of.store.last_write);
  store["waiting"] = of.store.waiting;
  store["written"] = of.store.written;
  store["failures"] = of.store.failures;
  json::object all;
  all["store"] = std::move(store);
  all["tables"] = tables(of);
  return all;
}

json::array refusals(const Status& status) {
  json::array all;
  for (const auto& refusal : status.refusals) {
    json::object row;
    row["time"] = time(refusal.time);
    row["stage"] = constant(smtp::name_of(refusal.stage));
    row["class"] = constant(class_name(is_permanent(refusal)));
    row["reason"] = constant(refusal.token);
    row["id"] = text(refusal.id);
    row["client"] = text(refusal.client);
    row["helo"] = text(refusal.helo);
    row["sender"] = text(refusal.sender);
    row["subject"] = text(refusal.subject);
    row["reply"] = text(refusal.reply);
    row["evidence"] = text(refusal.evidence);
    all.push_back(std::move(row));
  }
  return all;
}

json::array warnings(const Status& status) {
  json::array all;
  for (const auto& warning : status.warnings) all.push_back(text(warning));
  return all;
}

}  // namespace

std::string status_json(const Status& status) {
  json::object memory;
  memory["used"] = status.memory;
  memory["cap"] = status.memory_cap;
  json::object all;
  all["version"] = text(status.version);
  all["hostname"] = text(status.hostname);
  all["now"] = time(status.now);
  all["started"] = time(status.started);
  all["configured"] = time(status.configured);
  all["reload_error"] = text(status.reload_error);
  all["warnings"] = warnings(status);
  all["sessions_open"] = status.since_start.sessions_open;
  all["since_start"] = totals(status.since_start);
  all["last_hour"] = totals(status.last_hour);
  all["reasons"] = reasons(status);
  all["checks"] = checks(status);
  all["backends"] = backends(status);
  all["dns"] = dns(status.dns);
  all["state"] = state(status.state);
  all["certificates"] = certificates(status);
  all["directories"] = directories(status);
  all["memory"] = std::move(memory);
  all["learned"] = status.learned;
  all["log_dropped"] = status.log_dropped;
  all["observed"] = observed(status);
  all["refusals"] = refusals(status);
  return json::serialize(all) + "\n";
}

}  // namespace gatepost::webui
