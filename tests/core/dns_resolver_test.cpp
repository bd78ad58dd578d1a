// The real resolver with real sockets, against a server on the same io_context.
#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <set>
#include <thread>

#include "core/dns/cares_resolver.hpp"
#include "tests/support/dns_packet.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/scripted_dns_server.hpp"

namespace gatepost::dns {
namespace {

using namespace std::string_literals;
using tests::DnsPacket;
using tests::ScriptedDnsServer;
using Query = ScriptedDnsServer::Query;
using Freshness = Resolver::Freshness;
using Found = std::shared_ptr<const Answer>;

const Question question_a{"a.example", Type::a};
const Question question_b{"b.example", Type::a};
const Question probe{"", Type::ns};

std::optional<std::string> address(const Query& query) {
  return DnsPacket(query.question)
      .record(query.question.name, Type::a, 60, "\xC0\x00\x02\x01"s)
      .bytes(query.id);
}
std::optional<std::string> silence(const Query&) {
  return std::nullopt;
}
/// An answer without records, with this response code.
ScriptedDnsServer::Script code(unsigned code) {
  return [code](const Query& query) { return DnsPacket(query.question, 0x8180U | code).bytes(query.id); };
}

struct ResolverTest : testing::Test {
  net::asio::io_context io;
  tests::FakeClock clock;
  ScriptedDnsServer server{io, address};
  ScriptedDnsServer second{io, address};
  ResolverOptions options;
  std::shared_ptr<ResolverHealth> health = std::make_shared<ResolverHealth>();
  std::unique_ptr<Resolver> resolver;

  ResolverTest() {
    options.timeout = base::Millis(10000);  // whoever wants silence shortens it
    options.probe_interval = base::Millis(20);
  }
  void make(bool with_second = false) {
    options.servers = {server.endpoint()};
    if (with_second) options.servers.push_back(second.endpoint());
    resolver = make_cares_resolver(io, clock, options, health);
  }
  /// For those who wait in vain: c-ares has a clock of its own.
  void expect_silence() { options.timeout = base::Millis(60); }
  /// Runs until something is so.
  template <class Done>
  void run_until(Done done) {
    const auto guard = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), guard) << "it never came";
      io.run_one_for(std::chrono::seconds(1));
    }
  }
  Found ask(const Question& question, Freshness freshness = Freshness::any) {
    Found got;
    if (auto known = resolver->resolve(
            question, [&got](const Found& answer) { got = answer; }, freshness))
      return known;
    EXPECT_EQ(got, nullptr) << "called within resolve()";
    run_until([&got] { return got != nullptr; });
    return got;
  }
  const ServerHealth& first_health() const { return *health->servers().at(0); }
  std::string name() const { return server.endpoint().to_string(); }
};

TEST_F(ResolverTest, asks_and_keeps_the_answer) {
  make();
  const auto answer = ask(question_a);
  ASSERT_TRUE(answer->found());
  EXPECT_EQ(answer->addresses.at(0).to_string(), "192.0.2.1");
  EXPECT_EQ(ask(question_a), answer);
  EXPECT_EQ(server.queries().size(), 1U);
  EXPECT_EQ(health->hits, 1U);
  EXPECT_EQ(health->misses, 1U);
  EXPECT_EQ(first_health().answers, 1U);
  clock.advance(base::Millis(60000));
  EXPECT_TRUE(ask(question_a)->found());
  EXPECT_EQ(server.queries().size(), 2U);
}

TEST_F(ResolverTest, tells_what_is_at_hand_and_asks_nobody_for_it) {
  make();
  EXPECT_EQ(resolver->known(question_a), nullptr);
  EXPECT_EQ(health->misses, 0U) << "nobody was asked";
  const auto answer = ask(question_a);
  EXPECT_EQ(resolver->known(question_a), answer);
  EXPECT_EQ(health->hits, 1U);
  clock.advance(base::Millis(60000));
  EXPECT_EQ(resolver->known(question_a), nullptr) << "its time is over";
  EXPECT_EQ(server.queries().size(), 1U);
}

TEST_F(ResolverTest, asks_with_ids_that_cannot_be_guessed) {
  make();
  std::set<std::uint16_t> ids;
  for (int i = 0; i < 20; ++i) ask({std::to_string(i) + ".example", Type::a});
  for (const auto& query : server.queries()) ids.insert(query.id);
  EXPECT_GT(ids.size(), 15U);
}

TEST_F(ResolverTest, goes_on_over_tcp_when_an_answer_is_cut) {
  server.set_script([](const Query& query) -> std::optional<std::string> {
    if (!query.tcp) return DnsPacket(query.question, 0x8380).bytes(query.id);
    DnsPacket packet(query.question);
    for (int i = 0; i < 20; ++i)
      packet.record(query.question.name, Type::txt, 60, tests::dns_text(std::string(200, 'x')));
    return packet.bytes(query.id);
  });
  make();
  const auto answer = ask({"a.example", Type::txt});
  EXPECT_EQ(answer->texts.size(), 20U) << answer->why;
  ASSERT_EQ(server.queries().size(), 2U);
  EXPECT_TRUE(server.queries()[1].tcp);
}

TEST_F(ResolverTest, takes_answers_of_1232_octets_over_udp) {
  server.set_script([](const Query& query) {
    DnsPacket packet(query.question);
    for (int i = 0; i < 5; ++i)
      packet.record(query.question.name, Type::txt, 60, tests::dns_text(std::string(200, 'x')));
    return packet.bytes(query.id);
  });
  make();
  EXPECT_EQ(ask({"a.example", Type::txt})->texts.size(), 5U);
  EXPECT_EQ(server.queries().size(), 1U);
}

TEST_F(ResolverTest, asks_a_question_once_for_all_who_wait) {
  make();
  std::vector<Found> got;
  const auto wait = [&got](const Found& answer) { got.push_back(answer); };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(resolver->resolve(question_a, wait, Freshness::any), nullptr);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(resolver->resolve(question_a, wait, Freshness::live), nullptr);
  EXPECT_TRUE(got.empty());
  run_until([&got] { return got.size() == 5; });
  EXPECT_EQ(server.queries().size(), 2U) << "once from the cache's side, once live";
}

TEST_F(ResolverTest, shares_an_answer_that_may_not_be_kept_with_those_who_wait) {
  server.set_script([](const Query& query) {
    return DnsPacket(query.question).record("a.example", Type::a, 0, "\xC0\x00\x02\x01"s).bytes(query.id);
  });
  make();
  int called = 0;
  for (int i = 0; i < 3; ++i) resolver->resolve(question_a, [&called](const Found&) { ++called; });
  run_until([&called] { return called == 3; });
  EXPECT_EQ(server.queries().size(), 1U);
  ask(question_a);
  EXPECT_EQ(server.queries().size(), 2U);
}

TEST_F(ResolverTest, asks_live_whatever_the_cache_holds) {
  make();
  const auto kept = ask(question_a);
  EXPECT_NE(ask(question_a, Freshness::live), kept);
  EXPECT_EQ(server.queries().size(), 2U);
  EXPECT_EQ(ask(question_a), kept) << "a live answer is not cached";
}

TEST_F(ResolverTest, does_not_ask_what_is_no_name) {
  make();
  const auto answer = resolver->resolve({"no..name", Type::a}, [](const Found&) { FAIL(); });
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->outcome, Outcome::no_name);
}

TEST_F(ResolverTest, may_be_asked_again_by_who_is_called) {
  make();
  Found got;
  resolver->resolve(question_a, [&](const Found&) {
    resolver->resolve(question_b, [&got](const Found& answer) { got = answer; });
    EXPECT_EQ(got, nullptr);
  });
  run_until([&got] { return got != nullptr; });
  EXPECT_TRUE(got->found());
}

TEST_F(ResolverTest, takes_no_answer_with_another_id_or_question) {
  server.set_script([this](const Query& query) {
    server.send(DnsPacket(query.question, 0x8183).bytes(query.id ^ 1U));
    server.send(DnsPacket(question_b, 0x8183).bytes(query.id));
    server.send("short");
    return address(query);
  });
  make();
  EXPECT_TRUE(ask(question_a)->found());
  EXPECT_EQ(first_health().answers, 1U);
}

TEST_F(ResolverTest, tries_three_times) {
  server.set_script(
      [this](const Query& query) { return server.queries().size() < 3 ? std::nullopt : address(query); });
  expect_silence();
  make();
  EXPECT_TRUE(ask(question_a)->found());
  EXPECT_EQ(server.queries().size(), 3U);
  EXPECT_NE(server.queries()[0].id, server.queries()[1].id);
  EXPECT_EQ(first_health().timeouts, 2U);
  EXPECT_EQ(first_health().last_failure(), "timed out");
}

TEST_F(ResolverTest, counts_garbage_and_tries_again) {
  server.set_script([this](const Query& query) {
    auto packet = *address(query);
    if (server.queries().size() == 1) packet.resize(packet.size() - 1);
    return packet;
  });
  make();
  EXPECT_TRUE(ask(question_a)->found());
  EXPECT_EQ(first_health().garbage, 1U);
}

TEST_F(ResolverTest, asks_the_second_server_after_a_silent_one) {
  server.set_script(silence);
  expect_silence();
  make(true);
  EXPECT_TRUE(ask(question_a)->found());
  EXPECT_EQ(server.queries().size(), 1U);
  EXPECT_EQ(second.queries().size(), 1U);
}

TEST_F(ResolverTest, asks_a_server_that_cannot_answer_only_once) {
  server.set_script(code(2));
  second.set_script(code(5));
  make(true);
  const auto answer = ask(question_a);
  EXPECT_EQ(answer->outcome, Outcome::temporary_failure);
  EXPECT_EQ(answer->why, second.endpoint().to_string() + " says REFUSED");
  EXPECT_EQ(server.queries().size(), 1U);
  EXPECT_EQ(second.queries().size(), 1U);
  EXPECT_EQ(first_health().servfail, 1U);
  EXPECT_EQ(health->servers().at(1)->refused, 1U);
  EXPECT_TRUE(resolver->healthy()) << "they do answer";
}

TEST_F(ResolverTest, remembers_a_failure_for_a_moment) {
  server.set_script(code(2));
  make();
  EXPECT_EQ(ask(question_a)->why, name() + " says SERVFAIL");
  server.set_script(address);
  EXPECT_TRUE(ask(question_a)->failed());
  clock.advance(base::Millis(5000));
  EXPECT_TRUE(ask(question_a)->found());
}

TEST_F(ResolverTest, hears_of_bogus_signatures) {
  server.set_script(
      [](const Query& query) { return DnsPacket(query.question, 0x8182).extended_error(7).bytes(query.id); });
  make(true);
  const auto answer = ask(question_a);
  EXPECT_EQ(answer->outcome, Outcome::bogus);
  EXPECT_EQ(answer->why, name() + " says SERVFAIL: signature expired");
  EXPECT_EQ(server.queries().size(), 1U);
  EXPECT_TRUE(second.queries().empty()) << "another opinion does not count";
}

// c-ares asks such a server once more without EDNS.
TEST_F(ResolverTest, says_when_a_server_takes_its_questions_for_malformed) {
  server.set_script(code(1));
  make();
  EXPECT_EQ(ask(question_a)->why, name() + " says FORMERR");
  EXPECT_LE(server.queries().size(), 2U);
  EXPECT_TRUE(resolver->healthy());
}

TEST_F(ResolverTest, is_unhealthy_when_nobody_answers_and_recovers_by_a_probe) {
  server.set_script(silence);
  expect_silence();
  make();
  EXPECT_EQ(ask(question_a)->why, name() + ": timed out");
  run_until([this] { return !resolver->healthy(); });
  EXPECT_EQ(server.asked(question_a), 3U);
  EXPECT_FALSE(first_health().up());
  const auto at_once = resolver->resolve(question_b, [](const Found&) { FAIL(); });
  ASSERT_NE(at_once, nullptr);
  EXPECT_EQ(at_once->outcome, Outcome::temporary_failure);
  EXPECT_EQ(at_once->why, "no resolver answers (" + name() + ": timed out)");
  EXPECT_EQ(server.asked(question_b), 0U);

  server.set_script(code(5));
  run_until([this] { return resolver->healthy(); });
  EXPECT_TRUE(first_health().up());
  server.set_script(address);
  EXPECT_TRUE(ask(question_b)->found());
}

TEST_F(ResolverTest, is_not_made_unhealthy_by_a_slow_zone) {
  server.set_script(
      [](const Query& query) { return query.question == probe ? address(query) : std::nullopt; });
  expect_silence();
  make();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(ask({std::to_string(i) + ".example", Type::a})->failed());
    EXPECT_TRUE(resolver->healthy());
  }
  run_until([this] { return server.asked(probe) == 3; });
  EXPECT_TRUE(resolver->healthy());
}

TEST_F(ResolverTest, says_when_nobody_is_there) {
  {
    const ScriptedDnsServer gone(io, address);
    options.servers = {gone.endpoint()};
  }
  resolver = make_cares_resolver(io, clock, options, health);
  const auto answer = ask(question_a);
  EXPECT_EQ(answer->outcome, Outcome::temporary_failure);
  EXPECT_EQ(answer->why, options.servers[0].to_string() + ": Could not contact DNS servers");
  run_until([this] { return !resolver->healthy(); });
  EXPECT_GE(first_health().unreachable, 4U);
}

TEST_F(ResolverTest, leaves_out_a_server_that_is_down) {
  server.set_script(silence);
  expect_silence();
  make(true);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ask({std::to_string(i) + ".example", Type::a})->found());
  run_until([this] { return !first_health().up(); });
  EXPECT_TRUE(resolver->healthy());
  const auto before = server.queries().size() - server.asked(probe);
  EXPECT_TRUE(ask(question_a)->found());
  EXPECT_EQ(server.queries().size() - server.asked(probe), before);
}

TEST_F(ResolverTest, tries_again_when_tcp_is_closed_without_an_answer) {
  server.set_script([](const Query& query) -> std::optional<std::string> {
    if (query.tcp) return std::nullopt;
    return DnsPacket(query.question, 0x8380).bytes(query.id);
  });
  make(true);
  EXPECT_TRUE(ask(question_a)->found());
  EXPECT_EQ(server.queries().size(), 2U);
  EXPECT_EQ(second.queries().size(), 1U);
  EXPECT_EQ(first_health().unreachable, 1U);
}

TEST_F(ResolverTest, has_many_questions_under_way) {
  server.set_script([this](const Query& query) {
    return server.queries().size() % 7 == 0 ? std::nullopt : address(query);
  });
  options.timeout = base::Millis(300);
  make(true);
  int answered = 0;
  const int questions = 100;
  for (int i = 0; i < questions; ++i) {
    resolver->resolve({std::to_string(i) + ".example", Type::a}, [&answered](const Found& answer) {
      EXPECT_TRUE(answer->found()) << answer->why;
      ++answered;
    });
  }
  run_until([&answered] { return answered == questions; });
}

TEST_F(ResolverTest, shares_its_health_with_other_threads) {
  options.servers = {server.endpoint()};
  const auto ask_some = [this](net::asio::io_context& context) {
    const auto own = make_cares_resolver(context, clock, options, health);
    int answered = 0;
    for (int i = 0; i < 20; ++i)
      own->resolve({std::to_string(i) + ".example", Type::a}, [&answered](const Found&) { ++answered; });
    while (answered < 20) context.run_one();
  };
  bool other_done = false;
  std::thread other([&] {
    net::asio::io_context context;
    ask_some(context);
    net::asio::post(io, [&other_done] { other_done = true; });
  });
  ask_some(io);
  run_until([&other_done] { return other_done; });
  other.join();
  EXPECT_EQ(health->servers().size(), 1U);
  EXPECT_GE(first_health().answers, 40U);
  EXPECT_EQ(health->misses, 40U);
}

TEST_F(ResolverTest, drops_what_is_under_way_when_it_ends) {
  server.set_script(silence);
  make();
  for (const auto freshness : {Freshness::any, Freshness::live})
    resolver->resolve(
        question_a, [](const Found&) { FAIL() << "called"; }, freshness);
  run_until([this] { return server.queries().size() == 2; });
  resolver.reset();
  server.send(DnsPacket(question_a).bytes(server.queries()[1].id));
  io.poll();
}

TEST_F(ResolverTest, drops_an_answer_that_came_but_was_not_told_yet) {
  make();
  resolver->resolve(question_a, [](const Found&) { FAIL() << "called"; });
  run_until([this] { return server.queries().size() == 1; });
  io.run_one();  // c-ares has read it; the call is posted
  resolver.reset();
  io.poll();
}

TEST_F(ResolverTest, may_be_ended_by_who_is_called) {
  make();
  bool called = false;
  resolver->resolve(question_a, [&](const Found&) {
    called = true;
    resolver.reset();
  });
  resolver->resolve(question_a, [](const Found&) { FAIL() << "called after the end"; });
  run_until([&called] { return called; });
  io.poll();
}

TEST_F(ResolverTest, is_no_longer_counted_as_down_after_its_end) {
  server.set_script(silence);
  expect_silence();
  make();
  ask(question_a);
  run_until([this] { return !first_health().up(); });
  resolver.reset();
  EXPECT_TRUE(first_health().up());
}

}  // namespace
}  // namespace gatepost::dns
