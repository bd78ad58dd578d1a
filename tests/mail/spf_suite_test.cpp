// The openspf suite for RFC 7208 (../shared/suites/spf).
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "core/base/text.hpp"
#include "mail/spf.hpp"

namespace gatepost::mail {
namespace {

using dns::Outcome;
using dns::Type;

/// A scenario's zone data as answers.
class SuiteZone {
 public:
  explicit SuiteZone(const YAML::Node& data) {
    for (const auto& name : data) add(dns::question(name.first.as<std::string>(), Type::a).name, name.second);
  }

  dns::Answer answer(dns::Question question) const {
    for (int hops = 0; hops < 8; ++hops) {
      if (const auto found = answers_.find(question); found != answers_.end()) return found->second;
      const auto alias = answers_.find({question.name, Type::cname});
      if (alias == answers_.end()) return without_records(question.name);
      question.name = alias->second.names.front();
    }
    return {};
  }

 private:
  dns::Answer without_records(const std::string& name) const {
    dns::Answer answer;
    if (silent_.contains(name)) return answer;
    const auto first = answers_.lower_bound({name, Type{}});
    const bool exists = first != answers_.end() && first->first.name == name;
    answer.outcome = exists ? Outcome::no_data : Outcome::no_name;
    return answer;
  }

  /// A TXT record or one of type SPF, which counts as TXT where a name has no TXT records.
  void add(const std::string& name, const YAML::Node& records) {
    const auto is_txt = [](const YAML::Node& record) { return record.IsMap() && record["TXT"]; };
    const bool txt = std::any_of(records.begin(), records.end(), is_txt);
    for (const auto& record : records) {
      if (record.IsScalar()) {
        silent_.insert(name);  // TIMEOUT
        continue;
      }
      const auto type = record.begin()->first.as<std::string>();
      if (type == "SPF" && txt) continue;
      add(name, type, record.begin()->second);
    }
  }

  void add(const std::string& name, const std::string& type, const YAML::Node& data) {
    if (data.IsScalar() && data.as<std::string>() == "NONE") return;
    const auto host = [](const YAML::Node& node) {
      return dns::question(node.as<std::string>(), Type::a).name;
    };
    const auto answer = [&](Type of) -> dns::Answer& {
      auto& made = answers_[{name, of}];
      made.outcome = Outcome::found;
      return made;
    };
    if (type == "A" || type == "AAAA") {
      answer(type == "A" ? Type::a : Type::aaaa)
          .addresses.push_back(base::IpAddress::parse(data.as<std::string>()).value());
    } else if (type == "MX") {
      answer(Type::mx).exchanges.push_back({data[0].as<std::uint16_t>(), host(data[1])});
    } else if (type == "PTR" || type == "CNAME") {
      answer(type == "PTR" ? Type::ptr : Type::cname).names.push_back(host(data));
    } else {
      std::string text = data.IsScalar() ? data.as<std::string>() : "";
      if (data.IsSequence()) {
        for (const auto& piece : data) text += piece.as<std::string>();
      }
      answer(Type::txt).texts.push_back(text);
    }
  }

  std::map<dns::Question, dns::Answer> answers_;
  std::set<std::string> silent_;  ///< names whose other types time out
};

class SuiteLookup final : public dns::Lookup {
 public:
  SuiteLookup(const SuiteZone& zone, bool late) : zone_(zone), late_(late) {}
  const dns::Answer* lookup(const dns::Question& question) override {
    const auto [found, is_new] = answers_.try_emplace(question);
    if (is_new) found->second = zone_.answer(question);
    return is_new && late_ ? nullptr : &found->second;
  }

 private:
  const SuiteZone& zone_;
  bool late_;
  std::map<dns::Question, dns::Answer> answers_;
};

SpfAnswer checked(const SpfQuestion& question, const SuiteZone& zone, bool late) {
  SuiteLookup lookup(zone, late);
  for (int runs = 0; runs < 50; ++runs) {
    if (auto answer = check_spf(question, lookup)) return *answer;
  }
  ADD_FAILURE() << "never comes to an end";
  return {};
}

void run_case(const YAML::Node& test, const SuiteZone& zone, bool late) {
  SpfQuestion question;
  question.client = base::IpAddress::parse(test["host"].as<std::string>()).value();
  question.sender = test["mailfrom"].as<std::string>();
  question.helo = test["helo"].as<std::string>();
  const auto answer = checked(question, zone, late);
  const auto expected = test["result"];
  std::vector<std::string> allowed;
  if (expected.IsScalar()) allowed.push_back(expected.as<std::string>());
  if (expected.IsSequence()) allowed = expected.as<std::vector<std::string>>();
  EXPECT_NE(std::find(allowed.begin(), allowed.end(), name_of(answer.result)), allowed.end())
      << name_of(answer.result) << " instead of " << expected << "; " << answer.problem;
  if (!test["explanation"]) return;
  const auto explanation = test["explanation"].as<std::string>();
  EXPECT_EQ(answer.explanation, explanation == "DEFAULT" ? "" : explanation);
}

TEST(SpfSuite, gives_the_results_and_explanations_of_rfc_7208) {
  const char* suites = std::getenv("GATEPOST_SUITES");
  const auto file =
      std::filesystem::path(suites != nullptr ? suites : GATEPOST_SOURCE_DIR "/../shared/suites") /
      "spf/rfc7208-tests.yml";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "the public suites are not here: " << file;
  int cases = 0;
  for (const auto& scenario : YAML::LoadAllFromFile(file.string())) {
    const SuiteZone zone(scenario["zonedata"]);
    for (const auto& test : scenario["tests"]) {
      const auto name = test.first.as<std::string>();
      ++cases;
      SCOPED_TRACE(name);
      run_case(test.second, zone, false);
      SCOPED_TRACE("with late answers");
      run_case(test.second, zone, true);
    }
  }
  EXPECT_EQ(cases, 203);
}

}  // namespace
}  // namespace gatepost::mail
