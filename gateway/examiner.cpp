#include "gateway/examiner.hpp"

#include <utility>

#include "gateway/resolver_witness.hpp"

namespace gatepost::gateway {

using checks::Testimony;

namespace {

constexpr std::string_view just_recovered = "it has only just recovered";

}  // namespace

Examiner::Known& Examiner::known(const checks::Witness& witness) {
  auto& known = states_[witness.name];
  if (!known.state) known.state = board_.of(witness.name);
  return known;
}

/// Has it failed and passed since this was last asked? What it said meanwhile may be in the cache for hours,
/// and is forgotten.
bool Examiner::recovered(Known& it) {
  if (it.state->suspended() || std::exchange(it.failures, it.state->failures()) == it.state->failures())
    return false;
  resolver_.forget_answers();
  return true;
}

bool Examiner::suspended(const checks::Witness& witness) {
  auto& it = known(witness);
  recovered(it);
  return it.state->suspended();
}

void Examiner::examine(const checks::WitnessPtr& witness, std::function<void(const Testimony&)> done) {
  auto& it = known(*witness);
  const auto now = clock_.now();
  if (witness->questions.empty()) return done({true, {}});
  if (recovered(it)) return done({false, std::string(just_recovered)});
  if (it.state->passed_lately(now)) return done({true, {}});
  const bool resolver = witness->name == resolver_witness_name;
  if (it.state->failed_lately(now) && !(resolver && first_proof_)) return done({false, it.state->why()});
  auto& examination = under_way_[witness->name];
  if (examination) {
    examination->waiting.push_back(std::move(done));
    return;
  }
  examination = std::make_shared<Examination>();
  examination->witness = witness;
  examination->began = now;
  auto questions = witness->questions;
  if (resolver && existing_) {
    questions.push_back(*existing_);
    examination->first_proof = std::exchange(first_proof_, false);
  }
  examination->answers.resize(questions.size());
  examination->open = questions.size();
  examination->waiting.push_back(std::move(done));
  const auto started = examination;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const auto arrived = [this, started, i](const std::shared_ptr<const dns::Answer>& answer) {
      started->answers[i] = answer;
      if (--started->open == 0) finish(*started);
    };
    if (const auto at_once = resolver_.resolve(questions[i], arrived, dns::Resolver::Freshness::live))
      arrived(at_once);
  }
}

void Examiner::finish(Examination& examination) {
  const auto keep = std::move(under_way_[examination.witness->name]);
  under_way_.erase(examination.witness->name);
  std::vector<const dns::Answer*> answers;
  for (const auto& answer : examination.answers) answers.push_back(answer.get());
  auto wrong = examination.witness->judge(answers);
  if (!wrong.empty() && examination.witness->name == resolver_witness_name && first_proof_) {
    for (auto& done : examination.waiting) examine(examination.witness, std::move(done));
    return;
  }
  auto& it = known(*examination.witness);
  if (!wrong.empty()) {
    it.state->fail(clock_.now(), wrong);
  } else if (it.state->failed_since(examination.began)) {
    wrong = it.state->why();  // it gave itself away meanwhile
  } else {
    it.state->pass(clock_.now());
    // Who only could not prove itself before needs no time to recover.
    if (recovered(it) && !examination.first_proof) wrong = just_recovered;
  }
  for (const auto& done : examination.waiting) done({wrong.empty(), wrong});
}

void Examiner::impeach(const checks::Witness& witness, std::string_view why) {
  state(witness).fail(clock_.now(), why);
}

}  // namespace gatepost::gateway
