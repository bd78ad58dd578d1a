// A status to show, and the Queries that answer with it.
#pragma once

#include <stdexcept>

#include "webui/queries.hpp"

namespace gatepost::tests {

inline const base::WallTime sample_time{std::chrono::seconds(1795213800)};  // Fri, 20 Nov 2026 22:30:00 UTC

/// Numbers that are all different, so that none is taken for another.
inline telemetry::Totals sample_totals(std::uint64_t base) {
  telemetry::Totals totals;
  totals.sessions = base + 1;
  totals.sessions_open = base + 2;
  totals.sessions_tls = base + 3;
  totals.health_checks = base + 4;
  for (std::size_t i = 0; i < totals.transactions.size(); ++i) totals.transactions[i] = base + 10 + i;
  totals.recipients_accepted = base + 20;
  totals.recipients_refused = base + 21;
  totals.recipients_deferred = base + 22;
  totals.octets_in = base + 23;
  totals.octets_out = base + 24;
  totals.bare_newlines = base + 25;
  totals.spilled = base + 26;
  totals.outcome_unknown = base + 27;
  totals.reasons[{smtp::Stage::rcpt, true, "recipient.unknown"}] = base + 30;
  totals.reasons[{smtp::Stage::rcpt, false, "relay.backend_down"}] = base + 31;
  using telemetry::Verdict;
  using telemetry::Weight;
  const auto found = [&](std::string_view check, std::string_view reason, Verdict verdict, Weight weight,
                         std::uint64_t n) {
    totals.findings[{check, reason, verdict, weight}] = {base + n, base + n + 1};
  };
  found("helo", "helo.syntax", Verdict::reject, Weight::enforced, 40);
  found("helo", "helo.syntax", Verdict::reject, Weight::exempt, 42);
  found("spf", "spf.fail", Verdict::reject, Weight::observed, 44);
  found("spf", "spf.softfail", Verdict::score, Weight::observed, 46);
  found("spf", "spf.temperror", Verdict::unknown, Weight::observed, 48);
  found("protocol", "limit.errors", Verdict::drop, Weight::enforced, 50);
  return totals;
}

inline telemetry::RecentRefusal sample_refusal() {
  return {sample_time,
          "7KQ2M9XYZ0",
          "203.0.113.9:4711",
          "mail.sender.test",
          "a@sender.test",
          "b@example.test",
          "550 5.1.1 no such user [7KQ2M9XYZ0]",
          "recipient.unknown",
          smtp::Stage::rcpt,
          "recipient: it is in no directory"};
}

inline telemetry::ObservedRefusal sample_observed() {
  telemetry::ObservedRefusal refusal{};
  refusal.time = sample_time - std::chrono::minutes(3);
  refusal.id = "0BS3RVED00";
  refusal.client = "198.51.100.9:2525";
  refusal.helo = "mail.observed.test";
  refusal.sender = "c@observed.test";
  refusal.any_sender = true;
  refusal.recipient = "d@example.test";
  refusal.others = 2;
  refusal.check = "spf";
  refusal.reason = "spf.fail";
  refusal.stage = smtp::Stage::mail;
  refusal.verdict = telemetry::Verdict::reject;
  refusal.evidence = "-all of observed.test";
  refusal.delivered = true;
  return refusal;
}

inline webui::Status sample_status() {
  webui::Status status;
  status.version = "1.2.3";
  status.hostname = "mx.example.test";
  status.now = sample_time;
  status.started = sample_time - std::chrono::hours(76);
  status.configured = sample_time - std::chrono::hours(5);
  status.since_start = sample_totals(2000100);
  status.last_hour = sample_totals(500);
  status.refusals.push_back(sample_refusal());
  status.observed.push_back(sample_observed());
  status.checks = {{"helo", "enforce"}, {"spf", "observe"}, {"headers", "off"}};
  status.dns.resolvers.push_back({"192.0.2.53:53", true, 61, 62, 63, 64, 65, 6.25, "says SERVFAIL"});
  status.dns.resolvers.push_back({"192.0.2.54:53", false, 71, 0, 73, 0, 0, 0, "timed out"});
  status.dns.witnesses.push_back({"the resolver", true, sample_time - std::chrono::hours(2), ""});
  status.dns.witnesses.push_back(
      {"list.example.test", false, sample_time - std::chrono::minutes(9), "it lists 127.0.0.1"});
  status.dns.witnesses.push_back({"new.example.test", true, std::nullopt, ""});
  status.dns.cache_hits = 930;
  status.dns.cache_misses = 70;
  status.backends.push_back({"inside", "192.0.2.7:25", true, true, 3, 20, 41, 42, 43, 44, 45, "was slow"});
  status.backends.push_back(
      {"inside", "192.0.2.8:25", false, true, 0, 20, 0, 0, 0, 9, 0, "connection refused"});
  status.backends.push_back({"other", "192.0.2.9:25", true, false, 0, 20, 0, 0, 0, 0, 0, ""});
  status.certificates.push_back(
      {"mx.example.test", "/etc/gatepost/cert.pem", sample_time + std::chrono::hours(24 * 60)});
  status.directories.push_back({"staff", 1234});
  status.state.tables.push_back({"greylist", true, 8101, 16202, 810 << 10, 83, 84});
  status.state.tables.push_back({"rates", false, 0, 900, 0, 0, 0});
  status.state.store = {true, std::nullopt, "", sample_time - std::chrono::seconds(4), 85, 8600, 87};
  status.memory = 3 << 20;
  status.memory_cap = 512 << 20;
  status.learned = 17;
  status.log_dropped = 6;
  return status;
}

class SampleQueries final : public webui::Queries {
 public:
  webui::Status status() const override {
    ++asked;
    if (fails) throw std::runtime_error("secret path /etc/shadow");
    if (fails_badly) throw 1;
    return answer;
  }
  std::string metrics() const override { return "# TYPE gatepost_up gauge\ngatepost_up 1\n"; }
  bool ready(std::string& why) const override {
    why = not_ready;
    return not_ready.empty();
  }

  webui::Status answer = sample_status();
  std::string not_ready;
  bool fails = false;
  bool fails_badly = false;
  mutable int asked = 0;
};

}  // namespace gatepost::tests
