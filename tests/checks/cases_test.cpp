// tests/checks/<name>.cases: facts and what the world answers, then the verdict and reason of the check
// <name>. The check runs at all stages as in a session; late answers are tried too: each case runs a second
// time with every question answered only after it was asked.
//
//   config: <toml line>       of the configuration; hostname and nothing else is there by itself
//   zone: <line>              of a FakeZone: what DNS says; anything else that is asked is a mistake
//   suspended: <witness>      a list that is switched off
//   file: <name> <text>       a file named @DIR@/<name> holds this line (more lines: more of these)
//   directory:, route:, past: see recipient.cases
//   callout: <address> <result> <words>    what asking the sender's mail server comes to; another address is
//   a mistake deferred: <address> <times>            its mail has been deferred so often for want of that
//   case: <facts> -> <findings>    facts: client, early_talk, helo, from, to, accepted, helo_before, data
//   (header lines
//                             with | between), suspicion (reasons of others, for checks asked last); what
//                             other sessions of the client and sender did before, as numbers: open (still
//                             open), sessions, messages, known and unknown (recipients), told (recipients
//                             refused by rate); findings: "verdict reason @stage", "score 2.5 reason @stage",
//                             joined by " + ", with "[observe]" or "[enforce]" behind a reason that has its
//                             own mode, and
//                             "(impeached NAME)" for each list that gave itself away
//   says: <text>              what the first finding of the last case says to the client
//   because: <text>           the evidence of its first finding
//
// In config lines @DIR@ is a directory of the test's own.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "checks/check.hpp"
#include "core/base/text.hpp"
#include "core/state/body.hpp"
#include "gateway/config.hpp"
#include "tests/support/fake_evidence.hpp"

namespace gatepost::checks {
namespace {

using Kind = directory::DomainTable::Answer::Kind;

struct World {
  std::string config;
  std::set<std::string> directory;
  bool directory_available = true;
  std::map<std::string, std::pair<std::string, bool>> routes;  ///< by domain: route, up
  PastAnswer past;
  std::string zone;
  std::set<std::string> suspended;
  std::map<std::string, CalloutAnswer> callouts;
  std::map<std::string, int> deferred;
};

class Source final : public tests::FakeEvidence {
 public:
  Source(const World& world, bool late) : FakeEvidence(tests::FakeZone(world.zone)), world_(world) {
    late_dns = late;
    own_site.hostname = "mx.example.org";
    own_site.addresses = {*base::IpAddress::parse("192.0.2.25")};
    for (const auto& [address, times] : world.deferred) {
      for (int i = 0; i < times; ++i)
        count_deferral(memory().callouts, *mail::Mailbox::parse(address), memory().now());
    }
  }

  void recipient(const mail::Mailbox& mailbox,
                 const std::shared_ptr<Answer<RecipientAnswer>>& answer) override {
    RecipientAnswer said;
    const auto route = world_.routes.find(mailbox.domain_key());
    if (route != world_.routes.end()) {
      said.route = route->second.first;
      said.route_up = route->second.second;
      said.kind = !world_.directory_available                 ? Kind::unavailable
                  : world_.directory.count(mailbox.key()) > 0 ? Kind::found
                                                              : Kind::unknown;
    }
    say(answer, said);
  }
  PastAnswer past(const smtp::RcptFacts&) override { return world_.past; }
  bool suspended(const Witness& witness) const override { return world_.suspended.count(witness.name) > 0; }
  void impeach(const WitnessPtr& witness, std::string_view) override { impeached.insert(witness->name); }
  void callout(const CalloutQuestion& question,
               const std::shared_ptr<Answer<CalloutAnswer>>& answer) override {
    const auto found = world_.callouts.find(question.address.text());
    if (found == world_.callouts.end()) {
      ADD_FAILURE() << "nobody was to be asked about " << question.address.text();
      return answer->set({});
    }
    say(answer, found->second);
  }
  bool ours(std::string_view domain) const override { return world_.routes.count(std::string(domain)) > 0; }

  std::set<std::string> impeached;

 private:
  /// Late, where DNS is.
  template <class T>
  void say(const std::shared_ptr<Answer<T>>& answer, const T& said) {
    if (!late_dns) return answer->set(said);
    later.push_back([answer, said] { answer->set(said); });
  }

  const World& world_;
};

/// "key=value key=value"; data, which holds spaces, stands last.
std::map<std::string, std::string> read_facts(std::string_view text) {
  std::map<std::string, std::string> facts;
  while (!text.empty()) {
    if (text.starts_with("data=")) {
      facts["data"] = text.substr(5);
      break;
    }
    auto value = base::split_off(text, ' ');
    const auto key = base::split_off(value, '=');
    facts[std::string(key)] = value;
  }
  return facts;
}

template <class Ask>
void ask(Source& source, std::vector<std::pair<Finding, smtp::Stage>>& all, smtp::Stage stage, Ask call) {
  for (int round = 0; round < 30; ++round) {
    auto findings = call();
    if (!findings) {
      source.answer_now();
      continue;
    }
    for (auto& finding : *findings) all.emplace_back(std::move(finding), stage);
    return;
  }
  ADD_FAILURE() << "the check never came to an end";
}

using Found = std::vector<std::pair<Finding, smtp::Stage>>;

std::string describe(const Found& all, const Source& source) {
  std::string text;
  for (const auto& [finding, stage] : all) {
    if (!text.empty()) text += " + ";
    text += telemetry::name_of(finding.verdict);
    if (finding.verdict == telemetry::Verdict::score) text += fmt::format(" {:g}", finding.score);
    const auto reason = finding.reason.empty() && finding.reply ? finding.reply->token() : finding.reason;
    if (!reason.empty()) text += " " + std::string(reason);
    if (finding.mode) text += " [" + base::TextForm<Mode>::print(*finding.mode) + "]";
    text += " @" + std::string(smtp::name_of(finding.stage.value_or(stage)));
  }
  if (text.empty()) text = "none";
  for (const auto& name : source.impeached) text += " (impeached " + name + ")";
  return text;
}

/// What others of the same client and sender have done before, and what of it goes on.
class Before {
 public:
  Before(const Check& check, Source& source, const std::map<std::string, std::string>& facts)
      : check_(check), source_(source), facts_(facts) {}

  void happen(const smtp::MailFacts& mail) {
    for (auto left = number("sessions"); left > 0; --left) open(mail.helo.connect);
    open_.clear();
    for (auto left = number("open"); left > 0; --left) open(mail.helo.connect);
    Evidence evidence(source_);
    smtp::TransactionRecord record;
    record.stage = smtp::Stage::message;
    for (auto left = number("messages"); left > 0; --left)
      check_.transaction_ended(known(mail, evidence), record, evidence);
    const auto unknown = smtp::reply(smtp::Say::unknown_recipient, {"nobody@example.org"});
    for (auto left = number("unknown"); left > 0; --left) answer(mail, &unknown, evidence);
    for (auto left = number("known"); left > 0; --left) answer(mail, nullptr, evidence);
    const auto told = smtp::reply(smtp::Say::rate_messages, {"", "", ""});
    for (auto left = number("told"); left > 0; --left) answer(mail, &told, evidence);
  }

 private:
  int number(const char* key) const {
    const auto found = facts_.find(key);
    return found == facts_.end() ? 0 : std::stoi(found->second);
  }
  void open(const smtp::ConnectFacts& connect) {
    check_.opened(connect, *open_.emplace_back(std::make_unique<Evidence>(source_)));
  }
  /// Whoever did something was asked about before.
  const smtp::MailFacts& known(const smtp::MailFacts& mail, Evidence& evidence) const {
    Found ignored;
    const smtp::RcptFacts rcpt{mail, recipient_, {}};
    ask(source_, ignored, smtp::Stage::rcpt, [&] { return check_.rcpt(rcpt, evidence); });
    return mail;
  }
  void answer(const smtp::MailFacts& mail, const smtp::Reply* refusal, Evidence& evidence) const {
    check_.answered({known(mail, evidence), recipient_, {}}, refusal, evidence);
  }

  const Check& check_;
  Source& source_;
  const std::map<std::string, std::string>& facts_;
  const mail::Mailbox recipient_ = *mail::Mailbox::parse("user@example.org");
  std::vector<std::unique_ptr<Evidence>> open_;
};

/// Runs a check through all stages of a session with these facts.
Found findings_of(const Check& check, Source& source, const std::map<std::string, std::string>& facts) {
  const auto fact = [&facts](const char* key, std::string otherwise) {
    const auto found = facts.find(key);
    return found == facts.end() ? otherwise : found->second;
  };
  Evidence evidence(source);
  Suspicion suspicion;
  suspicion.because = fact("suspicion", "");
  evidence.set_suspicion(suspicion);
  smtp::ConnectFacts connect;
  connect.client.address = *base::IpAddress::parse(fact("client", "203.0.113.9"));
  connect.local.address = *base::IpAddress::parse("192.0.2.25");
  connect.early_talk = facts.count("early_talk") > 0;
  const auto from = fact("from", "a@remote.example");
  const auto set_sender = [&from](smtp::MailFacts& mail) {
    if (!mail.null_sender) mail.sender = *mail::Mailbox::parse(from);
  };
  smtp::HeloFacts any_helo{connect, "client.example", true, false, {}, {}, 0, {}};
  smtp::MailFacts any_mail{any_helo, {}, from == "<>", {}};
  set_sender(any_mail);
  Before others(check, source, facts);
  others.happen(any_mail);
  check.opened(connect, evidence);
  Found all;
  ask(source, all, smtp::Stage::connect, [&] { return check.connect(connect, evidence); });
  if (facts.count("helo_before") > 0) {
    smtp::HeloFacts before{connect, facts.at("helo_before"), true, false, {}, {}, 0};
    Found ignored;
    ask(source, ignored, smtp::Stage::helo, [&] { return check.helo(before, evidence); });
  }
  smtp::HeloFacts helo{connect, fact("helo", "client.example"), true, false, {}, {},
                       0,       fact("helo_before", "")};
  ask(source, all, smtp::Stage::helo, [&] { return check.helo(helo, evidence); });
  smtp::MailFacts mail{helo, {}, from == "<>", {}};
  set_sender(mail);
  ask(source, all, smtp::Stage::mail, [&] { return check.mail(mail, evidence); });
  std::vector<smtp::Recipient> accepted;
  if (facts.count("accepted") > 0) accepted.push_back({*mail::Mailbox::parse(facts.at("accepted")), {}});
  const auto recipient = *mail::Mailbox::parse(fact("to", "user@example.org"));
  const smtp::RcptFacts rcpt{mail, recipient, accepted};
  ask(source, all, smtp::Stage::rcpt, [&] { return check.rcpt(rcpt, evidence); });
  if (facts.count("data") > 0) {
    base::MemoryBudget budget(1 << 20);
    state::ChunkPool pool(budget);
    state::Body body(pool, state::Body::Form::plain);
    auto text = facts.at("data");
    for (auto at = text.find('|'); at != std::string::npos; at = text.find('|')) text.replace(at, 1, "\r\n");
    body.append(text + "\r\n\r\ncontent\r\n");
    const smtp::DataFacts data{mail, accepted, body};
    ask(source, all, smtp::Stage::data, [&] { return check.data(data, evidence); });
  }
  return all;
}

/// Reads a file of cases and runs each as it is met.
class Runner {
 public:
  explicit Runner(std::string name)
      : name_(std::move(name)),
        directory_(std::filesystem::temp_directory_path() /
                   ("gatepost-cases-" + name_ + "-" + std::to_string(::getpid()))) {
    begin_world();
  }
  ~Runner() { std::filesystem::remove_all(directory_); }

  void run(const std::string& path) {
    std::ifstream in(path);
    std::string text;
    for (int number = 1; std::getline(in, text); ++number) line(text, path + ":" + std::to_string(number));
    EXPECT_GT(cases_, 0) << path;
  }

 private:
  void line(std::string_view text, const std::string& place) {
    if (text.empty() || text.starts_with('#')) return;
    auto rest = text;
    const auto key = base::split_off(rest, ':');
    rest = base::trim(rest);
    if (key == "case") return run_case(rest, place);
    if (key == "says") {
      EXPECT_EQ(said_, rest) << place;
      return;
    }
    if (key == "because") {
      EXPECT_EQ(because_, rest) << place;
      return;
    }
    // The first line behind a case begins another world, but for "past", which only changes.
    if (std::exchange(in_cases_, false) && key != "past") begin_world();
    if (key == "config") world_.config += with_directory(rest) + "\n";
    if (key == "zone") world_.zone += std::string(rest) + "\n";
    if (key == "suspended") world_.suspended.emplace(rest);
    if (key == "file") write_file(rest);
    if (key == "past") read_past(rest);
    if (key == "directory") read_directory(rest);
    if (key == "route") read_route(rest);
    if (key == "callout") read_callout(rest, place);
    if (key == "deferred") read_deferred(rest);
  }

  void begin_world() {
    world_ = {};
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  std::string with_directory(std::string_view text) const {
    std::string out(text);
    for (auto at = out.find("@DIR@"); at != std::string::npos; at = out.find("@DIR@"))
      out.replace(at, 5, directory_.string());
    return out;
  }
  void write_file(std::string_view rest) {
    const auto name = base::split_off(rest, ' ');
    std::ofstream(directory_ / std::string(name), std::ios::app) << rest << "\n";
  }

  void read_past(std::string_view rest) {
    world_.past = {};
    if (rest == "not-now") {
      world_.past.kind = PastAnswer::Kind::not_now;
      return;
    }
    std::uint64_t code = 0;
    base::parse_number(base::split_off(rest, ' '), code);
    const auto enhanced = base::split_off(rest, ' ');
    world_.past = {PastAnswer::Kind::refuse, static_cast<std::uint16_t>(code),
                   *smtp::Enhanced::parse(enhanced), std::string(rest)};
  }

  void read_directory(std::string_view rest) {
    world_.directory_available = rest != "(unavailable)";
    while (!rest.empty()) world_.directory.emplace(base::split_off(rest, ' '));
  }

  void read_route(std::string_view rest) {
    const auto domain = base::split_off(rest, ' ');
    const auto route = base::split_off(rest, ' ');
    world_.routes[std::string(domain)] = {std::string(route), rest != "down"};
  }

  void read_callout(std::string_view rest, const std::string& place) {
    const auto address = base::split_off(rest, ' ');
    const auto result = base::split_off(rest, ' ');
    const auto& names = callout_result_names;
    const auto found = std::find(names.begin(), names.end(), result);
    if (found == names.end()) ADD_FAILURE() << place << ": no such result";
    world_.callouts[std::string(address)] = {static_cast<CalloutResult>(found - names.begin()),
                                             std::string(rest), false};
  }

  void read_deferred(std::string_view rest) {
    const auto address = base::split_off(rest, ' ');
    std::uint64_t times = 0;
    base::parse_number(rest, times);
    world_.deferred[std::string(address)] = static_cast<int>(times);
  }

  void run_case(std::string_view text, const std::string& place) {
    in_cases_ = true;
    ++cases_;
    const auto arrow = text.find(" -> ");
    ASSERT_NE(arrow, std::string_view::npos) << place;
    auto config = gateway::read_config_text(world_.config, place);
    for (const auto& problem : config.problems)
      EXPECT_TRUE(problem.warning || problem.to_string().find("checks.") == std::string::npos)
          << problem.to_string();
    CheckFiles files;
    const auto check = config.options.checks.all().at(name_)->make(files);
    for (const auto& mistake : files.mistakes) ADD_FAILURE() << place << ": " << mistake.message;
    for (const bool late : {false, true}) {
      Source source(world_, late);
      const auto found = findings_of(*check, source, read_facts(text.substr(0, arrow)));
      EXPECT_EQ(describe(found, source), text.substr(arrow + 4)) << place << (late ? " (late answers)" : "");
      for (const auto& question : source.zone.unexpected())
        ADD_FAILURE() << place << ": the zone does not know " << question;
      said_ = found.empty() || !found[0].first.reply ? "" : found[0].first.reply->line();
      because_ = found.empty() ? "" : found[0].first.evidence;
    }
  }

  std::string name_;
  std::filesystem::path directory_;
  World world_;
  std::string said_;
  std::string because_;
  bool in_cases_ = false;
  int cases_ = 0;
};

class Cases : public testing::TestWithParam<std::string_view> {};

TEST_P(Cases, come_out_as_written) {
  Runner(std::string(GetParam()))
      .run(GATEPOST_SOURCE_DIR "/tests/checks/" + std::string(GetParam()) + ".cases");
}

std::vector<std::string_view> names() {
  std::vector<std::string_view> all;
  for (const auto& type : all_checks()) all.push_back(type.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, Cases, testing::ValuesIn(names()),
                         [](const auto& of) { return std::string(of.param); });

TEST(Checks, each_have_a_page) {
  for (const auto& type : all_checks())
    EXPECT_TRUE(std::filesystem::exists(GATEPOST_SOURCE_DIR "/docs/checks/" + std::string(type.name) + ".md"))
        << type.name;
}

}  // namespace
}  // namespace gatepost::checks
