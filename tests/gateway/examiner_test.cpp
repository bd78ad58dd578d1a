// Witnesses under examination: DNS lists and the resolver itself.
#include <gtest/gtest.h>

#include "gateway/examiner.hpp"
#include "gateway/resolver_witness.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_zone.hpp"

namespace gatepost::gateway {
namespace {

using checks::Testimony;
using checks::Witness;
using checks::WitnessPtr;

/// Answers when it is told to.
class SlowResolver final : public dns::Resolver {
 public:
  explicit SlowResolver(std::string_view zone) : zone_(zone) {}
  std::shared_ptr<const dns::Answer> resolve(const dns::Question& question, Answered answered,
                                             Freshness freshness) override {
    EXPECT_EQ(freshness, Freshness::live) << question.to_string();
    ++asked;
    later_.push_back([this, question, answered = std::move(answered)] {
      answered(std::make_shared<const dns::Answer>(zone_.answer(question)));
    });
    return nullptr;
  }
  bool healthy() const override { return true; }
  void forget_answers() override { ++forgotten; }
  void answer() {
    for (const auto& call : std::exchange(later_, {})) call();
  }
  void change(std::string_view zone) { zone_ = tests::FakeZone(zone); }
  int asked = 0;
  int forgotten = 0;

 private:
  tests::FakeZone zone_;
  std::vector<std::function<void()>> later_;
};

struct ExaminerTest : testing::Test {
  tests::FakeClock clock;
  WitnessBoard board;
  SlowResolver resolver{"listed.example A 127.0.0.2\nclean.example * (no name)"};
  Examiner examiner{resolver, board, clock};
  WitnessPtr witness = std::make_shared<const Witness>(
      Witness{"list.example (IPv4)",
              {{"listed.example", dns::Type::a}, {"clean.example", dns::Type::a}},
              [](auto answers) -> std::string {
                if (!answers[0]->found()) return "it does not list what it must";
                return answers[1]->absent() ? "" : "it lists everything";
              }});
  std::vector<std::string> heard;

  void examine() {
    examiner.examine(witness, [this](const Testimony& t) { heard.push_back(t.trusted ? "trusted" : t.why); });
  }
};

TEST_F(ExaminerTest, asks_all_questions_once_for_all_who_wait) {
  examine();
  examine();
  EXPECT_EQ(resolver.asked, 2);
  EXPECT_TRUE(heard.empty());
  resolver.answer();
  EXPECT_EQ(heard, (std::vector<std::string>{"trusted", "trusted"}));
  EXPECT_FALSE(examiner.suspended(*witness));
}

TEST_F(ExaminerTest, lets_an_examination_hold_for_a_minute) {
  examine();
  resolver.answer();
  clock.advance(base::Millis(59'000));
  examine();
  EXPECT_EQ(heard.size(), 2U);
  clock.advance(base::Millis(2'000));
  examine();
  EXPECT_EQ(heard.size(), 2U);
  EXPECT_EQ(resolver.asked, 4);
}

TEST_F(ExaminerTest, suspends_who_fails_until_it_passes) {
  resolver.change("listed.example A 127.0.0.2\nclean.example A 127.0.0.2");
  examine();
  resolver.answer();
  EXPECT_EQ(heard.back(), "it lists everything");
  EXPECT_TRUE(examiner.suspended(*witness));
  EXPECT_EQ(board.of(witness->name)->why(), "it lists everything");
  examine();  // at once: it was just asked
  EXPECT_EQ(heard.size(), 2U);
  resolver.change("listed.example A 127.0.0.2\nclean.example * (no name)");
  clock.advance(base::Millis(6'000));
  examine();
  EXPECT_EQ(resolver.forgotten, 0);
  resolver.answer();
  // Who asked may have an answer from before.
  EXPECT_EQ(heard.back(), "it has only just recovered");
  EXPECT_EQ(resolver.forgotten, 1);
  EXPECT_FALSE(examiner.suspended(*witness));
  examine();
  EXPECT_EQ(heard.back(), "trusted");
  EXPECT_EQ(resolver.forgotten, 1);
}

TEST_F(ExaminerTest, forgets_what_a_witness_said_also_if_another_thread_saw_it_fail_and_recover) {
  SlowResolver other_resolver("listed.example A 127.0.0.2\nclean.example * (no name)");
  Examiner other(other_resolver, board, clock);
  other.impeach(*witness, "it answers 127.255.255.254");
  clock.advance(base::Millis(6'000));
  other.examine(witness, [](const Testimony&) {});
  other_resolver.answer();
  EXPECT_EQ(other_resolver.forgotten, 1);
  EXPECT_FALSE(examiner.suspended(*witness));
  EXPECT_EQ(resolver.forgotten, 1);
  examine();
  EXPECT_EQ(heard.back(), "trusted");
}

TEST_F(ExaminerTest, suspends_who_gave_itself_away_whatever_it_proved_before) {
  examine();
  resolver.answer();
  examiner.impeach(*witness, "it answers 127.255.255.254");
  EXPECT_TRUE(examiner.suspended(*witness));
  examine();
  EXPECT_EQ(heard.back(), "it answers 127.255.255.254");
}

TEST_F(ExaminerTest, shares_what_it_learns_with_other_threads) {
  Examiner other(resolver, board, clock);
  examiner.impeach(*witness, "x");
  EXPECT_TRUE(other.suspended(*witness));
}

TEST_F(ExaminerTest, trusts_a_witness_without_questions) {
  witness = std::make_shared<const Witness>(Witness{"blind", {}, {}});
  examine();
  EXPECT_EQ(heard.back(), "trusted");
}

/// A resolver that knows one name, and was seen to know it, is asked about it again.
TEST_F(ExaminerTest, believes_a_resolver_that_still_knows_what_it_knew) {
  witness = make_resolver_witness({});
  resolver.change("remote.example A 192.0.2.1\n* (no name)");
  const dns::Question known{"remote.example", dns::Type::a};
  dns::Answer found;
  found.outcome = dns::Outcome::found;
  examiner.note(known, found);
  examine();
  resolver.answer();
  EXPECT_EQ(heard.back(), "trusted");

  resolver.change("* (no name)");
  clock.advance(base::Millis(61'000));
  examine();
  resolver.answer();
  EXPECT_EQ(heard.back(), "it says that nothing exists, not even the root");
}

TEST_F(ExaminerTest, looks_again_at_once_when_the_resolver_knows_its_first_name) {
  witness = make_resolver_witness({});
  resolver.change("remote.example A 192.0.2.1\n* (no name)");
  examine();
  resolver.answer();
  EXPECT_EQ(heard.back(), "it says that nothing exists, not even the root");
  dns::Answer found;
  found.outcome = dns::Outcome::found;
  examiner.note({"remote.example", dns::Type::a}, found);
  examine();
  resolver.answer();
  EXPECT_EQ(heard.back(), "trusted");
}

TEST(ResolverWitness, must_tell_names_that_exist_from_those_that_do_not) {
  struct Case {
    const char* zone;
    const char* verdict;
  };
  const Case cases[] = {
      {". NS a.root\n* (no name)", ""},
      {"example.org MX 10 mx.example.org\n* (no name)", ""},
      {"mx.example.org A 192.0.2.1\n* (no name)", ""},
      {"* (no name)", "it says that nothing exists, not even the root"},
      {"* (failure)", "it does not answer: "},
      {". NS a.root\n* (failure)", ""},
  };
  for (const auto& c : cases) {
    tests::FakeZone zone(c.zone);
    const auto witness = make_resolver_witness({"example.org", "mx.example.org"});
    std::vector<dns::Answer> answers;
    for (const auto& question : witness->questions) answers.push_back(zone.answer(question));
    std::vector<const dns::Answer*> pointers;
    for (const auto& answer : answers) pointers.push_back(&answer);
    EXPECT_EQ(witness->judge(pointers), c.verdict) << c.zone;
  }
}

TEST(ResolverWitness, must_not_give_answers_for_what_cannot_exist) {
  const auto witness = make_resolver_witness({"example.org"});
  dns::Answer yes;
  yes.outcome = dns::Outcome::found;
  const std::vector<const dns::Answer*> answers(witness->questions.size(), &yes);
  EXPECT_EQ(witness->judge(answers), "it gives an answer for names that do not exist");
}

}  // namespace
}  // namespace gatepost::gateway
