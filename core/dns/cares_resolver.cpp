#include "core/dns/cares_resolver.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "core/base/random.hpp"
#include "core/dns/cache.hpp"
#include "core/dns/cares_channel.hpp"
#include "core/dns/message.hpp"

namespace gatepost::dns {
namespace {

namespace asio = net::asio;

constexpr int most_tries = 3;
constexpr int failures_to_suspect = 3;

std::shared_ptr<const Answer> answer_of(Outcome outcome, std::string why) {
  auto answer = std::make_shared<Answer>();
  answer->outcome = outcome;
  answer->why = std::move(why);
  return answer;
}

/// A server as this thread sees it.
class Server {
 public:
  Server(asio::io_context& context, const base::Endpoint& endpoint, const ResolverOptions& options,
         ResolverHealth& health)
      : channel(context, endpoint, options.timeout), health_(health.of(endpoint)) {}
  ~Server() {
    if (down_) --health_->down_for;
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  bool down() const { return down_; }
  bool suspect() const { return failures_ >= failures_to_suspect; }
  /// "127.0.0.1:53: timed out"
  std::string trouble() const { return health_->name + ": " + last_failure_; }

  void note_query() { ++health_->queries; }
  /// The answer in a reply, and what the reply says of the server.
  std::shared_ptr<const Answer> read(const CaresChannel::Reply& reply, const Question& question,
                                     base::Instant::duration latency) {
    if (reply.ended != CaresChannel::Ended::answered) {
      ++(reply.ended == CaresChannel::Ended::timed_out ? health_->timeouts : health_->unreachable);
      return fail(reply.why);
    }
    auto answer = parse_answer(question, reply.packet);
    if (!answer) {
      ++health_->garbage;
      return fail(answer.error().message);
    }
    note_answer(*answer, latency);
    return std::make_shared<const Answer>(std::move(*answer));
  }
  void set_down(bool down) {
    if (down != down_) health_->down_for += down ? 1 : -1;
    down_ = down;
  }

  CaresChannel channel;
  bool probing = false;

 private:
  std::shared_ptr<const Answer> fail(const std::string& why) {
    ++failures_;
    last_failure_ = why;
    health_->note_failure(why);
    return nullptr;
  }
  void note_answer(Answer& answer, base::Instant::duration latency) {
    failures_ = 0;
    set_down(false);
    ++health_->answers;
    health_->latency_micros +=
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(latency).count());
    if (answer.failed()) answer.why = "says " + answer.why;
    if (answer.outcome == Outcome::temporary_failure) {
      ++(answer.why == "says SERVFAIL" ? health_->servfail : health_->refused);
      health_->note_failure(answer.why);
    }
    if (answer.failed()) answer.why = health_->name + " " + answer.why;
  }

  std::shared_ptr<ServerHealth> health_;
  std::string last_failure_;
  int failures_ = 0;  ///< in a row
  bool down_ = false;
};

/// A question under way.
struct Flight {
  Question question;
  Resolver::Freshness freshness;
  std::vector<Resolver::Answered> waiting;
  std::size_t next = 0;  ///< the server to ask next, counted on over all rounds
  int tries = 0;
};

class CaresResolver final : public Resolver {
 public:
  CaresResolver(asio::io_context& context, const base::Clock& clock, const ResolverOptions& options,
                std::shared_ptr<ResolverHealth> health)
      : clock_(clock),
        health_(std::move(health)),
        cache_(static_cast<std::size_t>(options.cache_entries)),
        probe_interval_(options.probe_interval),
        probe_timer_(context) {
    for (const auto& endpoint : options.servers.empty() ? system_servers() : options.servers)
      servers_.push_back(std::make_unique<Server>(context, endpoint, options, *health_));
  }

  std::shared_ptr<const Answer> known(const Question& question) override;
  std::shared_ptr<const Answer> resolve(const Question& question, Answered answered,
                                        Freshness freshness) override;
  void forget_answers() override { cache_.clear(); }
  bool healthy() const override {
    return std::any_of(servers_.begin(), servers_.end(), [](const auto& server) { return !server->down(); });
  }

 private:
  using Key = std::pair<Question, Freshness>;
  using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                           asio::wait_traits<std::chrono::steady_clock>, net::Executor>;

  void fly(Flight& flight, Server& server);
  void land(Flight& flight, Server& server, const std::shared_ptr<const Answer>& answer);
  void finish(Flight& flight, const std::shared_ptr<const Answer>& answer);
  Server* next_server(Flight& flight, bool again);
  std::string nobody_answers() const;
  void probe(Server& server);
  void probe_later();
  /// Sends a question; `read` gets its answer, or null, unless the resolver is gone by then.
  template <class Read>
  void ask(Server& server, const Question& question, Read read);

  const base::Clock& clock_;
  std::shared_ptr<ResolverHealth> health_;
  Cache cache_;
  base::SystemRandom random_;
  std::map<Key, std::unique_ptr<Flight>> flights_;
  base::Millis probe_interval_;
  Timer probe_timer_;
  bool probe_timer_armed_ = false;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  ///< for handlers under way
  std::vector<std::unique_ptr<Server>> servers_;
};

std::shared_ptr<const Answer> CaresResolver::known(const Question& question) {
  auto known = cache_.find(question, clock_.now());
  if (known) ++health_->hits;
  return known;
}

std::shared_ptr<const Answer> CaresResolver::resolve(const Question& question, Answered answered,
                                                     Freshness freshness) {
  if (!is_askable(question.name)) return answer_of(Outcome::no_name, {});
  if (freshness == Freshness::any) {
    if (auto at_hand = known(question)) return at_hand;
    ++health_->misses;
  }
  if (!healthy()) return answer_of(Outcome::temporary_failure, nobody_answers());
  auto& flight = flights_[{question, freshness}];
  if (flight) {
    flight->waiting.push_back(std::move(answered));
    return nullptr;
  }
  flight = std::make_unique<Flight>(Flight{question, freshness, {}, 0, 0});
  flight->waiting.push_back(std::move(answered));
  fly(*flight, *next_server(*flight, true));
  return nullptr;
}

template <class Read>
void CaresResolver::ask(Server& server, const Question& question, Read read) {
  server.note_query();
  const auto sent = clock_.now();
  server.channel.ask(
      make_query(question, static_cast<std::uint16_t>(random_.next())),
      [this, &server, question, sent, read = std::move(read)](const CaresChannel::Reply& reply) {
        read(server.read(reply, question, clock_.now() - sent));
      });
}

void CaresResolver::fly(Flight& flight, Server& server) {
  ++flight.tries;
  ask(server, flight.question, [this, &flight, &server](const std::shared_ptr<const Answer>& answer) {
    land(flight, server, answer);
  });
}

/// After silence any server may be asked, even the same; after "I cannot" only those that were not asked yet.
void CaresResolver::land(Flight& flight, Server& server, const std::shared_ptr<const Answer>& answer) {
  if (!answer && server.suspect() && !server.down()) probe(server);
  if (answer && answer->outcome != Outcome::temporary_failure) return finish(flight, answer);
  if (auto* const next = flight.tries < most_tries ? next_server(flight, !answer) : nullptr)
    return fly(flight, *next);
  finish(flight, answer ? answer : answer_of(Outcome::temporary_failure, server.trouble()));
}

Server* CaresResolver::next_server(Flight& flight, bool again) {
  for (auto left = servers_.size(); left > 0 && (again || flight.next < servers_.size()); --left) {
    auto& server = *servers_[flight.next++ % servers_.size()];
    if (!server.down()) return &server;
  }
  return nullptr;
}

void CaresResolver::finish(Flight& flight, const std::shared_ptr<const Answer>& answer) {
  const auto landed = flights_.extract({flight.question, flight.freshness});
  const auto& [question, freshness] = landed.key();
  if (freshness == Freshness::any) cache_.put(question, answer, clock_.now());
  // Whoever is called may ask again, and may end this resolver.
  const std::weak_ptr alive = alive_;
  for (const auto& answered : landed.mapped()->waiting) {
    if (alive.expired()) return;
    answered(answer);
  }
}

std::string CaresResolver::nobody_answers() const {
  if (servers_.empty()) return "no resolver is configured";
  std::string troubles;
  for (const auto& server : servers_) troubles += (troubles.empty() ? "" : ", ") + server->trouble();
  return "no resolver answers (" + troubles + ")";
}

void CaresResolver::probe(Server& server) {
  if (server.probing) return;
  server.probing = true;
  ask(server, {"", Type::ns}, [this, &server](const std::shared_ptr<const Answer>& answer) {
    server.probing = false;
    if (answer || !server.suspect()) return;  // others may have been answered meanwhile
    server.set_down(true);
    probe_later();
  });
}

void CaresResolver::probe_later() {
  if (std::exchange(probe_timer_armed_, true)) return;
  probe_timer_.expires_after(probe_interval_);
  probe_timer_.async_wait([this, alive = std::weak_ptr(alive_)](boost::system::error_code error) {
    if (error || alive.expired()) return;
    probe_timer_armed_ = false;
    for (const auto& server : servers_) {
      if (!server->down()) continue;
      probe(*server);
      probe_later();
    }
  });
}

}  // namespace

std::unique_ptr<Resolver> make_cares_resolver(asio::io_context& context, const base::Clock& clock,
                                              const ResolverOptions& options,
                                              std::shared_ptr<ResolverHealth> health) {
  return std::make_unique<CaresResolver>(context, clock, options, std::move(health));
}

}  // namespace gatepost::dns
