// tests/checks/<name>.cases: facts and what the world answers, then the verdict and reason of the check
// <name>. The check runs at all stages as in a session; late answers are tried too: each case runs a second
// time with every question answered only after it was asked.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "checks/check.hpp"
#include "core/base/text.hpp"
#include "gateway/config.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::checks {
namespace {

using Kind = directory::DomainTable::Answer::Kind;

struct World {
  std::string config;
  std::set<std::string> directory;
  bool directory_available = true;
  std::map<std::string, std::pair<std::string, bool>> routes;  ///< by domain: route, up
  PastAnswer past;
};

class Source final : public EvidenceSource {
 public:
  Source(const World& world, bool late) : world_(world), late_(late) {}

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
    if (late_) {
      later_.push_back([answer, said] { answer->set(said); });
    } else {
      answer->set(said);
    }
  }
  PastAnswer past(const smtp::RcptFacts&) override { return world_.past; }
  void answer_now() {
    for (auto& call : std::exchange(later_, {})) call();
  }

 private:
  const World& world_;
  bool late_;
  std::vector<std::function<void()>> later_;
};

/// "key=value key=value"
std::map<std::string, std::string> read_facts(std::string_view text) {
  std::map<std::string, std::string> facts;
  while (!text.empty()) {
    auto value = base::split_off(text, ' ');
    const auto key = base::split_off(value, '=');
    facts[std::string(key)] = value;
  }
  return facts;
}

template <class Ask>
void ask(Source& source, std::vector<std::pair<Finding, smtp::Stage>>& all, smtp::Stage stage, Ask call) {
  for (int round = 0; round < 5; ++round) {
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

std::string verdict_of(const Check& check, const World& world,
                       const std::map<std::string, std::string>& facts, bool late) {
  Source source(world, late);
  Evidence evidence(source);
  smtp::ConnectFacts connect;
  connect.client.address = *base::IpAddress::parse(facts.at("client"));
  smtp::HeloFacts helo{
      connect, facts.count("helo") > 0 ? facts.at("helo") : "client.example", true, false, {}, {}, 0};
  smtp::MailFacts mail{helo, {}, facts.at("from") == "<>", {}};
  if (!mail.null_sender) mail.sender = *mail::Mailbox::parse(facts.at("from"));
  std::vector<smtp::Recipient> accepted;
  if (facts.count("accepted") > 0) accepted.push_back({*mail::Mailbox::parse(facts.at("accepted")), {}});
  const auto recipient = *mail::Mailbox::parse(facts.at("to"));
  const smtp::RcptFacts rcpt{mail, recipient, accepted};
  std::vector<std::pair<Finding, smtp::Stage>> all;
  ask(source, all, smtp::Stage::connect, [&] { return check.connect(connect, evidence); });
  ask(source, all, smtp::Stage::helo, [&] { return check.helo(helo, evidence); });
  ask(source, all, smtp::Stage::mail, [&] { return check.mail(mail, evidence); });
  ask(source, all, smtp::Stage::rcpt, [&] { return check.rcpt(rcpt, evidence); });
  if (all.empty()) return "none";
  std::string text;
  for (const auto& [finding, stage] : all) {
    if (!text.empty()) text += " + ";
    const auto reason = finding.reply ? finding.reply->token() : finding.reason;
    text += std::string(telemetry::name_of(finding.verdict)) + " " + std::string(reason) + " @" +
            std::string(smtp::name_of(finding.stage.value_or(stage)));
  }
  return text;
}

/// Reads a file of cases and runs each as it is met.
class Runner {
 public:
  explicit Runner(std::string name) : name_(std::move(name)) {}

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
    // The first line behind a case begins another world, but for "past", which only changes.
    if (std::exchange(in_cases_, false) && key != "past") world_ = {};
    if (key == "config") world_.config += std::string(rest) + "\n";
    if (key == "past") read_past(rest);
    if (key == "directory") read_directory(rest);
    if (key == "route") read_route(rest);
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

  void run_case(std::string_view text, const std::string& place) {
    in_cases_ = true;
    ++cases_;
    const auto arrow = text.find(" -> ");
    ASSERT_NE(arrow, std::string_view::npos) << place;
    auto config = gateway::read_config_text(world_.config, place);
    for (const auto& problem : config.problems)
      EXPECT_EQ(problem.to_string().find("checks."), std::string::npos) << problem.to_string();
    const auto check = config.options.checks.all().at(name_)->make();
    for (const bool late : {false, true}) {
      EXPECT_EQ(verdict_of(*check, world_, read_facts(text.substr(0, arrow)), late), text.substr(arrow + 4))
          << place << (late ? " (late answers)" : "");
    }
  }

  std::string name_;
  World world_;
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
