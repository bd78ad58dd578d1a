#include "telemetry/recorder.hpp"

#include <algorithm>

#include "telemetry/records.hpp"

namespace gatepost::telemetry {
namespace {

/// Did mail arrive that the finding is about?
bool delivered(const smtp::TransactionRecord& record, const Finding& finding) {
  if (record.ending != smtp::Ending::delivered) return false;
  return finding.subject.empty() ||
         std::any_of(record.recipients.begin(), record.recipients.end(), [&](const auto& recipient) {
           return recipient.reply.positive() && recipient.address == finding.subject;
         });
}

FindingKind kind_of(const Finding& finding) {
  return {finding.check, finding.reason, finding.verdict, finding.weight};
}

bool would_have_refused(const Finding& finding) {
  return finding.weight == Weight::observed && refuses(finding.verdict);
}

/// Adds to what is kept for the page, in place of the oldest one.
template <class Entry>
void keep(std::deque<Entry>& kept, std::size_t most, Entry entry) {
  if (kept.size() == most) kept.pop_front();
  kept.push_back(std::move(entry));
}

}  // namespace

void Recorder::record(const Event& event) {
  std::visit([this](const auto& e) { take(e); }, event);
}

void Recorder::take(const TransactionEnded& event) {
  const auto& record = event.record;
  transactions[static_cast<std::size_t>(record.ending)].add();
  for (const auto& recipient : record.recipients) {
    (recipient.reply.positive()    ? recipients_accepted
     : recipient.reply.permanent() ? recipients_refused
                                   : recipients_deferred)
        .add();
  }
  recipients_refused.add(record.recipients_unlisted);
  if (record.size > 0) message_size.observe(static_cast<double>(record.size));
  if (record.flaws.bare_cr + record.flaws.bare_lf > 0) bare_newlines.add();
  if (event.spilled) spilled.add();
  if (event.outcome_unknown) outcome_unknown.add();
  if (!event.server.empty()) delivery_time.observe(static_cast<double>(event.delivery.count()) / 1e6);
  for (const auto& finding : event.findings) findings.add(kind_of(finding), delivered(record, finding));
  list(event, event.of_session);
  list(event, event.findings);
  if (buffer_.append([&](std::string& lines) { append_line(lines, form_, event); })) log_.wake();
}

void Recorder::take(const SessionClosed& event) {
  sessions_closed.add();
  octets_in.add(event.octets_in);
  octets_out.add(event.octets_out);
  if (event.how == Close::health_check) {  // a load balancer's probe is not worth a line
    health_checks.add();
    return;
  }
  if (event.session.tls) sessions_tls.add();
  session_time.observe(static_cast<double>(event.duration.count()) / 1000);
  count(event);
  if (buffer_.append([&](std::string& lines) { append_line(lines, form_, event); })) log_.wake();
}

void Recorder::take(const Refused& event) {
  RecentRefusal refusal{event.time,
                        std::string(event.session.connect.id.view()),
                        event.session.connect.client.to_string(),
                        event.session.name,
                        std::string(event.sender),
                        std::string(event.subject),
                        event.reply.line(),
                        event.reply.token(),
                        event.stage,
                        std::string(event.evidence)};
  const std::lock_guard lock(mutex_);
  ++reasons_[{event.stage, event.reply.permanent(), event.reply.token()}];
  keep(recent_, recent_kept, std::move(refusal));
}

void Recorder::take(const Notice& event) {
  buffer_.append([&](std::string& lines) { append_line(lines, form_, event); });
  log_.wake();
}

/// Each finding once. Those without a transaction to be listed with are listed here.
void Recorder::count(const SessionClosed& event) {
  for (const auto& finding : event.findings) {
    findings.add(kind_of(finding), event.totals.delivered > 0);
    if (finding.reason == telemetry::hidden_client) note_hidden(event.session.connect.client.address);
    if (event.totals.transactions == 0 && would_have_refused(finding)) {
      ObservedRefusal refusal{};
      refusal.time = event.time;
      list(std::move(refusal), event.session, finding);
    }
  }
}

/// Behind a proxy or a bridge it is the same one again and again, for which there is no lock to take: only
/// this thread writes it.
void Recorder::note_hidden(const base::IpAddress& client) {
  if (hidden_client_ == client) return;
  const std::lock_guard lock(mutex_);
  hidden_client_ = client;
}

void Recorder::list(const TransactionEnded& event, std::span<const Finding> some) {
  const auto& recipients = event.record.recipients;
  for (const auto& finding : some) {
    if (!would_have_refused(finding)) continue;
    ObservedRefusal refusal{};
    refusal.time = event.time;
    refusal.sender = event.record.sender;
    refusal.any_sender = true;
    refusal.recipient = finding.subject;
    if (finding.subject.empty() && !recipients.empty()) {
      refusal.recipient = recipients.front().address;
      refusal.others = recipients.size() - 1;
    }
    refusal.delivered = delivered(event.record, finding);
    list(std::move(refusal), event.session, finding);
  }
}

void Recorder::list(ObservedRefusal refusal, const smtp::HeloFacts& session, const Finding& finding) {
  refusal.id = session.connect.id.view();
  refusal.client = session.connect.client.to_string();
  refusal.helo = session.name;
  refusal.check = finding.check;
  refusal.reason = finding.reason;
  refusal.stage = finding.stage;
  refusal.verdict = finding.verdict;
  refusal.evidence = finding.evidence;
  const std::lock_guard lock(mutex_);
  keep(observed_, observed_kept, std::move(refusal));
}

std::map<Reason, std::uint64_t> Recorder::reasons() const {
  const std::lock_guard lock(mutex_);
  return reasons_;
}

std::vector<RecentRefusal> Recorder::recent() const {
  const std::lock_guard lock(mutex_);
  return {recent_.begin(), recent_.end()};
}

std::vector<ObservedRefusal> Recorder::observed() const {
  const std::lock_guard lock(mutex_);
  return {observed_.begin(), observed_.end()};
}

std::optional<base::IpAddress> Recorder::hidden_client() const {
  const std::lock_guard lock(mutex_);
  return hidden_client_;
}

}  // namespace gatepost::telemetry
