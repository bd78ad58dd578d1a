#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "telemetry/metrics.hpp"
#include "telemetry/records.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::telemetry {
namespace {

using Form = RecordWriter::Form;

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct TelemetryTest : testing::Test {
  tests::FakeClock clock;
  smtp::ConnectFacts connect;
  smtp::HeloFacts helo{connect, "client.example", true, false, {}, {}, 0};
  smtp::TransactionRecord record;
  std::vector<Finding> findings;

  TelemetryTest() {
    tests::FakeRandom random;
    connect.id = base::SessionId::make(random);
    connect.client = *base::Endpoint::parse("203.0.113.9:4711");
    record.number = 1;
    record.sender = "a@remote.example";
  }
  TransactionEnded ended() { return {clock.wall(), helo, record, findings}; }
};

TEST(Json, escapes_foreign_bytes) {
  const std::pair<std::string, std::string> cases[] = {{"plain", "\"plain\""},
                                                       {"a\"b", "\"a\\\"b\""},
                                                       {"back\\slash", "\"back\\\\\\\\slash\""},
                                                       {"a\r\nb", "\"a\\\\x0d\\\\x0ab\""},
                                                       {"\xff", "\"\\\\xff\""},
                                                       {"caf\xC3\xA9", "\"caf\xC3\xA9\""},
                                                       {std::string("\0", 1), "\"\\\\x00\""}};
  for (const auto& [text, expected] : cases) {
    std::string out;
    append_json_string(out, text);
    EXPECT_EQ(out, expected);
  }
}

TEST_F(TelemetryTest, writes_a_transaction_as_one_json_line) {
  record.ending = smtp::Ending::delivered;
  record.stage = smtp::Stage::message;
  record.recipients.push_back({"user@example.org", smtp::reply(smtp::Say::rcpt_ok)});
  record.recipients.push_back(
      {"nobody@example.org", smtp::reply(smtp::Say::unknown_recipient, {"nobody@example.org"})});
  record.reply = smtp::Reply(250, {2, 0, 0}, "ok.delivered", "delivered [1000000000]");
  record.size = 1234;
  record.flaws.bare_lf = 2;
  findings.push_back({"access",
                      smtp::Stage::connect,
                      Weight::observed,
                      Verdict::reject,
                      "access.denied",
                      0,
                      "rule 1",
                      "",
                      {},
                      false});
  auto event = ended();
  event.server = "10.0.0.5:25";
  event.server_reply = "250 2.0.0 queued as X";
  event.attempts = 2;
  event.client_name = "mail.remote.example";
  event.message_id = "<1@remote.example>";
  event.duration = base::Millis(35);
  event.delivery = base::Millis(12);
  std::string line;
  append_line(line, Form::json, event);
  EXPECT_EQ(
      line,
      R"({"time":"2026-11-20T22:30:00.000Z","event":"transaction","id":"1000000000","client":"203.0.113.9:4711","helo":"client.example","client_name":"mail.remote.example","transaction":1,)"
      R"("from":"a@remote.example","to":[{"rcpt":"user@example.org","reply":"250 2.1.5 recipient ok"},)"
      R"({"rcpt":"nobody@example.org","reply":"550 5.1.1 <nobody@example.org>: there is no such recipient here","reason":"rcpt.unknown"}],)"
      R"("ending":"delivered","stage":"message","reply":"250 2.0.0 delivered [1000000000]","reason":"ok.delivered","message_id":"<1@remote.example>","size":1234,"bare_lf":2,)"
      R"("backend":"10.0.0.5:25","backend_reply":"250 2.0.0 queued as X","attempts":2,"ms":35,"delivery_ms":12,)"
      R"("findings":[{"check":"access","stage":"connect","verdict":"reject","reason":"access.denied","mode":"observe","evidence":"rule 1"}]})"
      "\n");
}

TEST_F(TelemetryTest, writes_text_for_people) {
  record.recipients.push_back({"user@example.org", smtp::reply(smtp::Say::rcpt_ok)});
  record.sender = "two words";
  std::string line;
  append_line(line, Form::text, ended());
  EXPECT_EQ(
      line,
      "time=2026-11-20T22:30:00.000Z event=transaction id=1000000000 client=203.0.113.9:4711 "
      "helo=client.example transaction=1 from=\"two words\" "
      "to.0.rcpt=user@example.org to.0.reply=\"250 2.1.5 recipient ok\" ending=aborted stage=mail ms=0\n");
}

TEST_F(TelemetryTest, keeps_one_record_on_one_line_whatever_the_client_says) {
  helo.name = "evil\r\n{\"event\":\"fake\"}";
  record.sender = "a\nb@c\"";
  for (const auto form : {Form::json, Form::text}) {
    std::string line;
    append_line(line, form, ended());
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
    EXPECT_EQ(line.find("\"event\":\"fake\""), std::string::npos);
  }
}

struct Recorded : TelemetryTest {
  std::string path = testing::TempDir() + "gatepost-log-" + std::to_string(::getpid());
  ~Recorded() override { std::filesystem::remove(path); }
};

TEST_F(Recorded, counts_and_lists_what_happens) {
  Log log(path);
  Statistics statistics(clock);
  auto& one = statistics.make_recorder(log, Form::json);
  auto& two = statistics.make_recorder(log, Form::json);
  one.session_opened();
  two.session_opened();
  const auto refusal = smtp::reply(smtp::Say::unknown_recipient, {"x@example.org"});
  one.record(Refused{clock.wall(), helo, smtp::Stage::rcpt, refusal, "a@remote.example", "x@example.org"});
  clock.advance(base::Millis(10));
  two.record(Refused{clock.wall(), helo, smtp::Stage::rcpt, refusal, "b@remote.example", "x@example.org"});
  record.ending = smtp::Ending::refused;
  record.recipients.push_back({"x@example.org", refusal});
  record.recipients_unlisted = 3;
  two.record(ended());
  two.record(SessionClosed{clock.wall(), helo, {}, findings, Close::quit, base::Millis(20), 100, 200});
  const auto totals = statistics.totals();
  EXPECT_EQ(totals.sessions, 2U);
  EXPECT_EQ(totals.sessions_open, 1U);
  EXPECT_EQ(totals.transactions[static_cast<std::size_t>(smtp::Ending::refused)], 1U);
  EXPECT_EQ(totals.recipients_refused, 4U);
  EXPECT_EQ(totals.octets_in, 100U);
  EXPECT_EQ(totals.reasons.at({smtp::Stage::rcpt, true, "rcpt.unknown"}), 2U);
  ASSERT_EQ(statistics.recent().size(), 2U);
  EXPECT_EQ(statistics.recent()[0].sender, "b@remote.example") << "newest first";
  log.flush();
  const auto lines = read(path);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2);
}

TEST_F(Recorded, keeps_the_last_200_refusals) {
  Log log("/dev/null");
  Statistics statistics(clock);
  auto& recorder = statistics.make_recorder(log, Form::json);
  const auto refusal = smtp::reply(smtp::Say::unknown_command);
  for (int i = 0; i < 300; ++i)
    recorder.record(Refused{clock.wall(), helo, smtp::Stage::helo, refusal, "", std::to_string(i)});
  EXPECT_EQ(statistics.recent().size(), 200U);
  EXPECT_EQ(statistics.totals().reasons.begin()->second, 300U);
}

TEST_F(Recorded, leaves_health_checks_out) {
  Log log(path);
  Statistics statistics(clock);
  auto& recorder = statistics.make_recorder(log, Form::json);
  recorder.session_opened();
  recorder.record(
      SessionClosed{clock.wall(), helo, {}, findings, Close::health_check, base::Millis(1), 16, 0});
  EXPECT_EQ(statistics.totals().sessions, 0U);
  EXPECT_EQ(statistics.totals().health_checks, 1U);
  log.flush();
  EXPECT_EQ(read(path), "");
}

TEST_F(Recorded, tells_the_last_hour_from_the_time_before) {
  Log log("/dev/null");
  Statistics statistics(clock);
  auto& recorder = statistics.make_recorder(log, Form::json);
  statistics.tick();
  const auto session = [&] {
    recorder.session_opened();
    recorder.record(SessionClosed{clock.wall(), helo, {}, findings, Close::quit, base::Millis(1), 0, 0});
  };
  for (int minute = 0; minute < 180; ++minute) {
    session();
    clock.advance(std::chrono::minutes(1));
    statistics.tick();
  }
  EXPECT_EQ(statistics.totals().sessions, 180U);
  EXPECT_EQ(statistics.last_hour().sessions, 60U);
  clock.advance(std::chrono::minutes(2));
  statistics.tick();
  EXPECT_EQ(statistics.last_hour().sessions, 58U);
}

TEST_F(Recorded, loses_lines_rather_than_time_when_the_log_cannot_keep_up) {
  LogBuffer buffer;
  const std::string line(1000, 'x');
  for (int i = 0; i < 10000; ++i) buffer.append([&](std::string& lines) { lines += line; });
  std::string taken;
  buffer.take(taken);
  EXPECT_LE(taken.size(), LogBuffer::most + line.size());
  EXPECT_EQ(buffer.dropped(), 10000U - taken.size() / line.size());
}

TEST_F(Recorded, opens_its_log_anew_when_it_was_moved) {
  Log log(path);
  Statistics statistics(clock);
  auto& recorder = statistics.make_recorder(log, Form::json);
  recorder.record(Notice{clock.wall(), Level::info, "start", "one"});
  log.flush();
  std::filesystem::rename(path, path + ".1");
  log.reopen();
  recorder.record(Notice{clock.wall(), Level::info, "start", "two"});
  log.flush();
  EXPECT_NE(read(path).find("two"), std::string::npos);
  EXPECT_NE(read(path + ".1").find("one"), std::string::npos);
  std::filesystem::remove(path + ".1");
}

TEST_F(Recorded, says_when_its_file_cannot_be_opened) {
  EXPECT_FALSE(Log(path).astray());
  EXPECT_TRUE(Log(path + "/not/there").astray());
}

TEST_F(Recorded, counts_lines_that_cannot_be_written) {
  Log log("/dev/full");
  Statistics statistics(clock);
  auto& recorder = statistics.make_recorder(log, Form::json);
  recorder.record(Notice{clock.wall(), Level::info, "start", "lost"});
  log.flush();
  EXPECT_EQ(log.dropped(), 1U);
}

Finding finding_of(std::string_view check, Weight weight, Verdict verdict, std::string_view reason) {
  Finding finding{};
  finding.check = check;
  finding.weight = weight;
  finding.verdict = verdict;
  finding.reason = reason;
  finding.evidence = "because of " + std::string(check);
  return finding;
}

struct Found : Recorded {
  Log log{"/dev/null"};
  Statistics statistics{clock};
  Recorder& recorder = statistics.make_recorder(log, Form::json);
  smtp::SessionTotals totals;

  FindingCount count(const FindingKind& kind) const {
    const auto sums = statistics.totals().findings;
    const auto found = sums.find(kind);
    return found == sums.end() ? FindingCount{} : found->second;
  }
  void close() {
    recorder.record(SessionClosed{clock.wall(), helo, totals, findings, Close::quit, base::Millis(1), 0, 0});
  }
};

constexpr FindingKind observed_spf{"spf", "spf.fail", Verdict::reject, Weight::observed};

TEST_F(Found, counts_a_finding_of_a_transaction_and_whether_the_mail_arrived) {
  findings.push_back(finding_of("spf", Weight::observed, Verdict::reject, "spf.fail"));
  record.ending = smtp::Ending::delivered;
  recorder.record(ended());
  record.ending = smtp::Ending::refused;
  recorder.record(ended());
  EXPECT_EQ(count(observed_spf).found, 2U);
  EXPECT_EQ(count(observed_spf).delivered, 1U);
}

TEST_F(Found, takes_mail_for_delivered_if_the_recipient_concerned_was_accepted) {
  auto finding = finding_of("spf", Weight::observed, Verdict::reject, "spf.fail");
  for (const auto* subject : {"taken@example.org", "refused@example.org", "unlisted@example.org"}) {
    finding.subject = subject;
    findings.push_back(finding);
  }
  record.ending = smtp::Ending::delivered;
  record.recipients.push_back({"taken@example.org", smtp::reply(smtp::Say::rcpt_ok)});
  record.recipients.push_back({"refused@example.org", smtp::reply(smtp::Say::access_denied, {"no"})});
  recorder.record(ended());
  EXPECT_EQ(count(observed_spf).found, 3U);
  EXPECT_EQ(count(observed_spf).delivered, 1U);
}

TEST_F(Found, counts_a_finding_of_a_session_once_however_many_transactions_it_had) {
  const std::vector<Finding> of_session{finding_of("spf", Weight::observed, Verdict::reject, "spf.fail")};
  for (record.number = 1; record.number <= 3; ++record.number) {
    auto event = ended();
    if (record.number == 1) event.of_session = of_session;
    recorder.record(event);
  }
  EXPECT_EQ(count(observed_spf).found, 0U);
  findings = of_session;
  totals.transactions = 3;
  totals.delivered = 1;
  close();
  EXPECT_EQ(count(observed_spf).found, 1U);
  EXPECT_EQ(count(observed_spf).delivered, 1U);
  EXPECT_EQ(statistics.observed().size(), 1U) << "listed with the first transaction only";
}

TEST_F(Found, lists_what_observe_mode_let_through_and_nothing_else) {
  findings = {finding_of("spf", Weight::observed, Verdict::reject, "spf.fail"),
              finding_of("spf", Weight::enforced, Verdict::reject, "spf.fail"),
              finding_of("spf", Weight::exempt, Verdict::reject, "spf.fail"),
              finding_of("spf", Weight::observed, Verdict::score, "spf.softfail"),
              finding_of("spf", Weight::observed, Verdict::unknown, "spf.temperror")};
  record.recipients.push_back({"user@example.org", smtp::reply(smtp::Say::rcpt_ok)});
  record.recipients.push_back({"other@example.org", smtp::reply(smtp::Say::rcpt_ok)});
  record.ending = smtp::Ending::delivered;
  recorder.record(ended());
  const auto observed = statistics.observed();
  ASSERT_EQ(observed.size(), 1U);
  const auto& one = observed.front();
  EXPECT_EQ(one.id, connect.id.view());
  EXPECT_EQ(one.client, "203.0.113.9:4711");
  EXPECT_EQ(one.helo, "client.example");
  EXPECT_EQ(one.sender, "a@remote.example");
  EXPECT_EQ(one.recipient, "user@example.org");
  EXPECT_EQ(one.others, 1U);
  EXPECT_EQ(one.check, "spf");
  EXPECT_EQ(one.reason, "spf.fail");
  EXPECT_EQ(one.evidence, "because of spf");
  EXPECT_TRUE(one.delivered);
}

TEST_F(Found, lists_a_session_without_a_transaction_too) {
  findings = {finding_of("helo", Weight::observed, Verdict::reject, "helo.syntax")};
  close();
  const auto observed = statistics.observed();
  ASSERT_EQ(observed.size(), 1U);
  EXPECT_FALSE(observed.front().any_sender);
  EXPECT_FALSE(observed.front().delivered);
}

TEST_F(Found, keeps_the_last_100_of_all_threads) {
  auto& other = statistics.make_recorder(log, Form::json);
  findings = {finding_of("helo", Weight::observed, Verdict::reject, "helo.syntax")};
  for (int i = 0; i < 120; ++i) {
    record.sender = std::to_string(i);
    (i % 2 == 0 ? recorder : other).record(ended());
    clock.advance(base::Millis(1));
  }
  const auto observed = statistics.observed();
  ASSERT_EQ(observed.size(), 100U);
  EXPECT_EQ(observed.front().sender, "119") << "newest first";
  EXPECT_EQ(observed.back().sender, "20");
}

TEST_F(Found, tells_the_findings_of_the_last_hour) {
  findings = {finding_of("spf", Weight::observed, Verdict::reject, "spf.fail")};
  statistics.tick();
  for (int minute = 0; minute < 90; ++minute) {
    recorder.record(ended());
    clock.advance(std::chrono::minutes(1));
    statistics.tick();
  }
  EXPECT_EQ(count(observed_spf).found, 90U);
  EXPECT_EQ(statistics.last_hour().findings.at(observed_spf).found, 60U);
  clock.advance(std::chrono::minutes(61));
  statistics.tick();
  EXPECT_TRUE(statistics.last_hour().findings.empty());
}

TEST_F(Found, remembers_an_address_behind_which_clients_hide) {
  EXPECT_FALSE(statistics.hidden_client());
  findings = {finding_of("policy", Weight::observed, Verdict::unknown, hidden_client)};
  connect.client = *base::Endpoint::parse("172.17.0.1:4711");
  close();
  close();
  EXPECT_EQ(statistics.totals().found(hidden_client), 2U);
  ASSERT_TRUE(statistics.hidden_client());
  EXPECT_EQ(statistics.hidden_client()->to_string(), "172.17.0.1");
}

TEST_F(Recorded, gives_prometheus_what_is_documented) {
  Log log("/dev/null");
  Statistics statistics(clock);
  auto& recorder = statistics.make_recorder(log, Form::json);
  recorder.session_opened();
  record.size = 5000;
  findings.push_back(finding_of("spf", Weight::observed, Verdict::reject, "spf.fail"));
  record.ending = smtp::Ending::delivered;
  recorder.record(ended());
  const Metrics metrics(statistics, [](MetricsBuilder& b) {
    b.add("gatepost_backend_up", 1, {{"backend", "10.0.0.5:25"}});
  });
  const auto text = metrics.text();
  for (const auto* line :
       {"gatepost_smtp_sessions_total 1\n", "gatepost_transactions_total{ending=\"delivered\"} 1\n",
        "gatepost_message_size_bytes_bucket{le=\"16384\"} 1\n",
        "gatepost_message_size_bytes_bucket{le=\"+Inf\"} 1\n", "gatepost_message_size_bytes_sum 5000\n",
        "gatepost_findings_total{check=\"spf\",reason=\"spf.fail\",verdict=\"reject\",mode=\"observe\"} 1\n",
        "gatepost_findings_delivered_total{check=\"spf\",reason=\"spf.fail\",verdict=\"reject\",mode="
        "\"observe\"} 1\n",
        "gatepost_hidden_client_sessions_total 0\n", "gatepost_backend_up{backend=\"10.0.0.5:25\"} 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  const auto page = read(GATEPOST_SOURCE_DIR "/docs/metrics.md");
  for (const auto& metric : metric_descriptions())
    EXPECT_NE(page.find("`" + std::string(metric.name) + "`"), std::string::npos) << metric.name;
  MetricsBuilder builder;
  EXPECT_THROW(builder.add("gatepost_undocumented", 1), std::logic_error);
}

}  // namespace
}  // namespace gatepost::telemetry
