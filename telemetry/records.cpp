#include "telemetry/records.hpp"

#include <cstdio>
#include <ctime>

namespace gatepost::telemetry {
namespace {

void write_start(RecordWriter& w, base::WallTime time, std::string_view event) {
  std::string text;
  append_time(text, time);
  w.field("time", text);
  w.field("event", event);
}

void write_client(RecordWriter& w, const smtp::HeloFacts& session) {
  const auto& connect = session.connect;
  w.field("id", connect.id.view());
  w.field("client", connect.client.to_string());
  if (connect.via) w.field("via", connect.via->to_string());
  w.optional("helo", session.name);
  if (session.tls) {
    w.field("tls", session.tls_version);
    w.field("cipher", session.tls_cipher);
  }
}

std::uint64_t ms(base::Millis duration) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
}

void write_findings(RecordWriter& w, const std::vector<Finding>& findings) {
  if (findings.empty()) return;
  w.begin_list("findings");
  for (const auto& finding : findings) {
    w.begin_item();
    w.field("check", finding.check);
    w.field("stage", smtp::name_of(finding.stage));
    w.field("verdict", name_of(finding.verdict));
    w.optional("reason", finding.reason);
    if (finding.weight != Weight::enforced) w.field("mode", name_of(finding.weight));
    if (finding.score != 0) w.field("score", finding.score);
    w.optional("evidence", finding.evidence);
    w.optional("rcpt", finding.subject);
    w.optional("ms", ms(finding.waited));
    w.flag("cached", finding.cached);
    w.end_item();
  }
  w.end_list();
}

void write_content(RecordWriter& w, const smtp::TransactionRecord& record) {
  w.optional("size", record.size);
  w.flag("bdat", record.bdat);
  w.flag("smtputf8", record.smtputf8);
  w.optional("bare_lf", record.flaws.bare_lf);
  w.optional("bare_cr", record.flaws.bare_cr);
}

}  // namespace

void append_time(std::string& out, base::WallTime when) {
  using namespace std::chrono;
  const auto since = duration_cast<milliseconds>(when.time_since_epoch()).count();
  // The date and time of a second is the same for all its events.
  static thread_local std::int64_t second = -1;
  static thread_local char text[24];
  if (since / 1000 != second) {
    second = since / 1000;
    const auto seconds = static_cast<std::time_t>(second);
    std::tm t{};
    ::gmtime_r(&seconds, &t);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &t);
  }
  const auto fraction = static_cast<int>(since % 1000);
  const char tail[] = {'.',
                       static_cast<char>('0' + fraction / 100),
                       static_cast<char>('0' + fraction / 10 % 10),
                       static_cast<char>('0' + fraction % 10),
                       'Z',
                       '\0'};
  out.append(text).append(tail);
}

std::string format_time(base::WallTime when) {
  std::string out;
  append_time(out, when);
  return out;
}

void append_line(std::string& out, RecordWriter::Form form, const TransactionEnded& event) {
  RecordWriter w(out, form);
  const auto& record = event.record;
  write_start(w, event.time, "transaction");
  write_client(w, event.session);
  w.optional("client_name", event.client_name);
  w.field("transaction", std::uint64_t{record.number});
  w.field("from", record.sender);
  w.begin_list("to");
  for (const auto& recipient : record.recipients) {
    w.begin_item();
    w.field("rcpt", recipient.address);
    w.field("reply", recipient.reply.line());
    if (!recipient.reply.positive()) w.field("reason", recipient.reply.token());
    w.end_item();
  }
  w.end_list();
  w.optional("unlisted", std::uint64_t{record.recipients_unlisted});
  w.field("ending", name_of(record.ending));
  w.field("stage", smtp::name_of(record.stage));
  if (record.reply) {
    w.field("reply", record.reply->line());
    w.field("reason", record.reply->token());
  }
  w.optional("message_id", event.message_id);
  write_content(w, record);
  w.optional("backend", event.server);
  w.optional("backend_reply", event.server_reply);
  w.flag("backend_tls", event.server_tls);
  if (event.attempts > 1) w.field("attempts", std::uint64_t{event.attempts});
  w.flag("outcome_unknown", event.outcome_unknown);
  w.flag("spilled", event.spilled);
  w.field("ms", ms(event.duration));
  if (!event.server.empty())
    w.field("delivery_ms", ms(std::chrono::duration_cast<base::Millis>(event.delivery)));
  write_findings(w, event.findings);
  w.end();
}

void append_line(std::string& out, RecordWriter::Form form, const SessionClosed& event) {
  RecordWriter w(out, form);
  write_start(w, event.time, "session");
  write_client(w, event.session);
  w.field("close", close_names[static_cast<std::size_t>(event.how)]);
  w.flag("early_talk", event.session.connect.early_talk);
  w.field("commands", std::uint64_t{event.totals.commands});
  w.optional("errors", std::uint64_t{event.totals.errors});
  w.field("transactions", std::uint64_t{event.totals.transactions});
  w.optional("delivered", std::uint64_t{event.totals.delivered});
  w.optional("refused", std::uint64_t{event.totals.refused});
  w.optional("deferred", std::uint64_t{event.totals.deferred});
  w.field("in", event.octets_in);
  w.field("out", event.octets_out);
  w.field("ms", ms(event.duration));
  if (!event.totals.mistakes.empty()) {
    w.begin_list("mistakes");
    for (const auto& mistake : event.totals.mistakes) {
      w.begin_item();
      w.field("stage", smtp::name_of(mistake.stage));
      w.optional("about", mistake.subject);
      w.field("reply", mistake.reply.line());
      w.field("reason", mistake.reply.token());
      w.end_item();
    }
    w.end_list();
  }
  write_findings(w, event.findings);
  w.end();
}

void append_line(std::string& out, RecordWriter::Form form, const Notice& event) {
  RecordWriter w(out, form);
  write_start(w, event.time, event.topic);
  w.field("level", level_names[static_cast<std::size_t>(event.level)]);
  w.field("text", event.text);
  w.end();
}

}  // namespace gatepost::telemetry
