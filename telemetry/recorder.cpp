#include "telemetry/recorder.hpp"

#include "telemetry/records.hpp"

namespace gatepost::telemetry {

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
                        event.stage};
  const std::lock_guard lock(mutex_);
  ++reasons_[{event.stage, event.reply.permanent(), event.reply.token()}];
  if (recent_.size() == recent_kept) recent_.pop_front();
  recent_.push_back(std::move(refusal));
}

void Recorder::take(const Notice& event) {
  buffer_.append([&](std::string& lines) { append_line(lines, form_, event); });
  log_.wake();
}

std::map<Reason, std::uint64_t> Recorder::reasons() const {
  const std::lock_guard lock(mutex_);
  return reasons_;
}

std::vector<RecentRefusal> Recorder::recent() const {
  const std::lock_guard lock(mutex_);
  return {recent_.begin(), recent_.end()};
}

}  // namespace gatepost::telemetry
