#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "core/base/text.hpp"
#include "sample.hpp"
#include "webui/check_counts.hpp"
#include "webui/figures.hpp"
#include "webui/html.hpp"
#include "webui/page.hpp"
#include "webui/status_json.hpp"
#include "webui/words.hpp"

namespace gatepost::webui {
namespace {

namespace json = boost::json;
using tests::sample_status;

json::value parsed(const Status& status) {
  return json::parse(status_json(status));
}

std::vector<std::string> keys_of(const json::value& value) {
  std::vector<std::string> keys;
  for (const auto& member : value.as_object()) keys.emplace_back(member.key().data(), member.key().size());
  return keys;
}

std::string text_of(const json::value& value) {
  return {value.as_string().data(), value.as_string().size()};
}

/// What docs/web.md documents. Programs rely on it: keys may be added, none may go.
TEST(StatusJson, has_the_documented_keys) {
  using Keys = std::vector<std::string>;
  const auto all = parsed(sample_status());
  EXPECT_EQ(keys_of(all),
            (Keys{"version",  "hostname",      "now",         "started",      "configured",  "reload_error",
                  "warnings", "sessions_open", "since_start", "last_hour",    "reasons",     "checks",
                  "backends", "dns",           "state",       "certificates", "directories", "memory",
                  "learned",  "log_dropped",   "observed",    "refusals"}));
  EXPECT_EQ(keys_of(all.at("since_start")), (Keys{"sessions", "messages", "recipients", "octets"}));
  EXPECT_EQ(keys_of(all.at("since_start").at("sessions")), (Keys{"total", "tls", "health_checks"}));
  EXPECT_EQ(keys_of(all.at("last_hour").at("messages")),
            (Keys{"delivered", "refused", "deferred", "aborted", "vanished", "discarded", "outcome_unknown",
                  "bare_newlines", "spilled"}));
  EXPECT_EQ(keys_of(all.at("since_start").at("recipients")), (Keys{"accepted", "refused", "deferred"}));
  EXPECT_EQ(keys_of(all.at("since_start").at("octets")), (Keys{"in", "out"}));
  EXPECT_EQ(keys_of(all.at("reasons").at(0)), (Keys{"stage", "reason", "class", "since_start", "last_hour"}));
  EXPECT_EQ(keys_of(all.at("backends").at(0)),
            (Keys{"route", "server", "up", "seen", "connections", "max_connections", "delivered", "refused",
                  "deferred", "failures", "outcome_unknown", "last_failure"}));
  EXPECT_EQ(keys_of(all.at("certificates").at(0)), (Keys{"names", "file", "not_after"}));
  EXPECT_EQ(keys_of(all.at("directories").at(0)), (Keys{"name", "addresses"}));
  EXPECT_EQ(keys_of(all.at("memory")), (Keys{"used", "cap"}));
  EXPECT_EQ(keys_of(all.at("refusals").at(0)), (Keys{"time", "stage", "class", "reason", "id", "client",
                                                     "helo", "sender", "subject", "reply", "evidence"}));
  const Keys counts{"refused", "would_refuse", "would_refuse_delivered", "noted", "exempt", "unknown"};
  EXPECT_EQ(keys_of(all.at("checks").at(0)), (Keys{"check", "since_start", "last_hour", "mode", "reasons"}));
  EXPECT_EQ(keys_of(all.at("checks").at(0).at("since_start")), counts);
  EXPECT_EQ(keys_of(all.at("checks").at(0).at("reasons").at(0)),
            (Keys{"reason", "since_start", "last_hour"}));
  EXPECT_EQ(keys_of(all.at("checks").at(0).at("reasons").at(0).at("last_hour")), counts);
  EXPECT_EQ(keys_of(all.at("observed").at(0)),
            (Keys{"time", "stage", "check", "verdict", "reason", "evidence", "id", "client", "helo", "sender",
                  "recipient", "other_recipients", "delivered"}));
  EXPECT_EQ(keys_of(all.at("dns")), (Keys{"resolvers", "witnesses", "cache_hits", "cache_misses"}));
  EXPECT_EQ(keys_of(all.at("dns").at("resolvers").at(0)),
            (Keys{"address", "up", "queries", "answers", "timeouts", "servfail", "other_failures", "mean_ms",
                  "last_failure"}));
  EXPECT_EQ(keys_of(all.at("dns").at("witnesses").at(0)), (Keys{"name", "trusted", "since", "why"}));
  EXPECT_EQ(keys_of(all.at("state").at("store")),
            (Keys{"up", "since", "why", "last_write", "waiting", "written", "failures"}));
  EXPECT_EQ(keys_of(all.at("state").at("tables").at(0)),
            (Keys{"table", "survives", "entries", "limit", "bytes", "evicted", "refused"}));
}

TEST(StatusJson, has_the_values_of_the_status) {
  const auto all = parsed(sample_status());
  EXPECT_EQ(text_of(all.at("now")), "2026-11-20T22:30:00.000Z");
  EXPECT_EQ(all.at("sessions_open").to_number<std::uint64_t>(), 2000102U);
  EXPECT_EQ(all.at("last_hour").at("sessions").at("total").to_number<std::uint64_t>(), 501U);
  EXPECT_EQ(all.at("last_hour").at("messages").at("delivered").to_number<std::uint64_t>(), 510U);
  EXPECT_EQ(all.at("since_start").at("messages").at("vanished").to_number<std::uint64_t>(), 2000115U);
  EXPECT_EQ(all.at("since_start").at("recipients").at("deferred").to_number<std::uint64_t>(), 2000122U);
  const auto& backend = all.at("backends").at(1);
  EXPECT_FALSE(backend.at("up").as_bool());
  EXPECT_EQ(backend.at("failures").to_number<std::uint64_t>(), 9U);
  EXPECT_EQ(text_of(backend.at("last_failure")), "connection refused");
  const auto& table = all.at("state").at("tables").at(0);
  EXPECT_EQ(table.at("limit").to_number<std::uint64_t>(), 16202U);
  EXPECT_EQ(table.at("refused").to_number<std::uint64_t>(), 84U);
  EXPECT_EQ(text_of(all.at("state").at("store").at("last_write")), "2026-11-20T22:29:56.000Z");
  EXPECT_EQ(text_of(all.at("state").at("store").at("since")), "");
  const auto& reason = all.at("reasons").at(0);  // the more frequent one first
  EXPECT_EQ(text_of(reason.at("reason")), "relay.backend_down");
  EXPECT_EQ(text_of(reason.at("class")), "deferred");
  EXPECT_EQ(reason.at("since_start").to_number<std::uint64_t>(), 2000131U);
  EXPECT_EQ(reason.at("last_hour").to_number<std::uint64_t>(), 531U);
  const auto& refusal = all.at("refusals").at(0);
  EXPECT_EQ(text_of(refusal.at("class")), "refused");
  EXPECT_EQ(text_of(refusal.at("subject")), "b@example.test");
  EXPECT_EQ(text_of(refusal.at("evidence")), "recipient: it is in no directory");
  EXPECT_TRUE(all.at("observed").at(0).at("delivered").as_bool());
  EXPECT_EQ(all.at("dns").at("resolvers").at(0).at("mean_ms").as_double(), 6.25);
  EXPECT_EQ(text_of(all.at("dns").at("witnesses").at(1).at("since")), "2026-11-20T22:21:00.000Z");
  EXPECT_EQ(text_of(all.at("dns").at("witnesses").at(2).at("since")), "");
}

TEST(StatusJson, has_the_numbers_of_the_page) {
  const auto status = sample_status();
  const auto all = parsed(status);
  const auto page = status_page(status);
  const auto expect_on_page = [&page](const json::value& value, Figure::Unit unit) {
    Html html;
    const auto number = value.to_number<std::uint64_t>();
    const auto text = unit == Figure::Unit::octets ? octets(number) : html.number(number).take();
    EXPECT_NE(page.find(">" + text + "</td>"), std::string::npos) << text;
  };
  for (const auto* when : {"since_start", "last_hour"}) {
    for (const auto& group : figure_groups()) {
      for (const auto& figure : group.figures) {
        const std::string group_key(group.key);
        const std::string key(figure.key);
        expect_on_page(all.at(when).at(group_key).at(key), figure.unit);
      }
    }
    for (const auto& reason : all.at("reasons").as_array())
      expect_on_page(reason.at(when), Figure::Unit::count);
  }
}

TEST(StatusJson, is_valid_whatever_others_sent) {
  for (const std::string& bytes :
       {std::string("\"},{\"x\":\"\\"), std::string("\xff\xfe\x00\x01", 4), std::string("\xC2\x9B<script>"),
        std::string("\xED\xA0\x80"), std::string(100000, '"')}) {
    auto status = sample_status();
    auto& refusal = status.refusals[0];
    refusal.id = refusal.client = refusal.helo = refusal.sender = refusal.subject = refusal.reply = bytes;
    refusal.evidence = status.observed[0].evidence = status.dns.witnesses[1].why = bytes;
    status.warnings = {bytes};
    status.backends[0].last_failure = bytes;
    const auto text = status_json(status);
    EXPECT_TRUE(base::is_utf8(text));
    const auto all = json::parse(text);
    EXPECT_EQ(keys_of(all.at("refusals").at(0)).size(), 11U);
    EXPECT_EQ(all.at("warnings").as_array().size(), 1U);
  }
}

TEST(StatusJson, has_empty_lists_where_there_is_nothing) {
  const auto all = parsed(Status{});
  for (const auto* key :
       {"warnings", "reasons", "backends", "certificates", "directories", "checks", "observed", "refusals"})
    EXPECT_TRUE(all.at(key).as_array().empty()) << key;
}

TEST(CheckRows, sort_findings_by_what_became_of_them) {
  const auto all = check_rows(sample_status());
  ASSERT_EQ(all.size(), 4U);
  const auto& helo = all[0];
  EXPECT_EQ(helo.total.name, "helo");
  EXPECT_EQ(helo.mode, "enforce");
  ASSERT_EQ(helo.reasons.size(), 1U);
  EXPECT_EQ(helo.total.last_hour.refused, 540U);
  EXPECT_EQ(helo.total.last_hour.exempt, 542U);
  EXPECT_EQ(helo.total.last_hour.would_refuse, 0U);
  const auto& spf = all[1];
  ASSERT_EQ(spf.reasons.size(), 3U);
  EXPECT_EQ(spf.reasons[0].name, "spf.fail");
  EXPECT_EQ(spf.reasons[0].since_start.would_refuse, 2000144U);
  EXPECT_EQ(spf.reasons[0].since_start.delivered, 2000145U);
  EXPECT_EQ(spf.reasons[1].last_hour.noted, 546U);
  EXPECT_EQ(spf.reasons[1].last_hour.delivered, 0U) << "of would-be refusals only";
  EXPECT_EQ(spf.total.last_hour.unknown, 548U);
  EXPECT_TRUE(all[2].reasons.empty());
  EXPECT_EQ(all[2].mode, "off");
  EXPECT_EQ(all[3].total.name, "protocol") << "behind the checks: it has no mode";
  EXPECT_EQ(all[3].mode, "");
}

TEST(CheckRows, add_up_to_their_total) {
  for (const auto& [total, mode, reasons] : check_rows(sample_status())) {
    CheckCounts sum;
    for (const auto& reason : reasons) sum += reason.since_start;
    for (const auto& figure : check_figures())
      EXPECT_EQ(sum.*figure.of, total.since_start.*figure.of) << total.name << " " << figure.key;
  }
}

TEST(ReasonCounts, are_by_stage_and_the_busiest_of_the_last_hour_first) {
  telemetry::Totals start;
  telemetry::Totals hour;
  start.reasons = {{{smtp::Stage::rcpt, true, "a"}, 100},
                   {{smtp::Stage::rcpt, true, "b"}, 5},
                   {{smtp::Stage::connect, false, "c"}, 1},
                   {{smtp::Stage::rcpt, false, "a"}, 200}};
  hour.reasons = {{{smtp::Stage::rcpt, true, "b"}, 2}};
  std::vector<std::pair<std::string_view, std::uint64_t>> order;
  for (const auto& count : reason_counts(start, hour))
    order.emplace_back(count.reason.token, count.since_start);
  EXPECT_EQ(order, (std::vector<std::pair<std::string_view, std::uint64_t>>{
                       {"c", 1}, {"b", 5}, {"a", 200}, {"a", 100}}));
}

}  // namespace
}  // namespace gatepost::webui
