#include "transcript.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <stdexcept>

#include "core/base/text.hpp"
#include "core/base/text_forms.hpp"
#include "gateway/gateway_desk.hpp"
#include "gateway/resolver_witness.hpp"
#include "gateway/session.hpp"
#include "tests/support/fake_backend.hpp"
#include "tests/support/fake_clock.hpp"
#include "tests/support/fake_zone.hpp"

namespace gatepost::tests {
namespace {

using gateway::Session;
using Kind = TranscriptStep::Kind;

constexpr const char* base_config = R"(
hostname = "mx.example.org"
state_dir = "@DIR@"
[policy]
help = "https://example.org/help"
[[domains]]
names = ["example.org", "example.net"]
recipients = ["file:staff"]
route = "inside"
[[domains]]
names = ["other.example"]
recipients = ["any"]
route = "elsewhere"
[directories.staff]
path = "@DIR@/recipients"
[routes.inside]
servers = ["inside.test:25"]
tls = "none"
[routes.elsewhere]
servers = ["elsewhere.test:25"]
tls = "none"
[checks.access]
mode = "enforce"
)";

std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r': out += '\r'; break;
      case 'n': out += '\n'; break;
      case '0': out += '\0'; break;
      case 'x':
        out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
        i += 2;
        break;
      default: out += text[i];
    }
  }
  return out;
}

bool take(std::string_view& line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return false;
  line.remove_prefix(prefix.size());
  if (line.starts_with(' ')) line.remove_prefix(1);
  return true;
}

/// Merges what a client sends together.
void add_send(Transcript& transcript, const std::string& bytes, int line) {
  if (!transcript.steps.empty() && transcript.steps.back().kind == Kind::send) {
    transcript.steps.back().text += bytes;
  } else {
    transcript.steps.push_back({Kind::send, bytes, line});
  }
}

struct NoSpill final : state::SpillStore {
  void write(std::shared_ptr<state::SpillFile>, std::vector<iovec>, std::uint64_t, net::Executor,
             Written done) override {
    done(nullptr);
  }
  void read(std::shared_ptr<state::SpillFile>, std::span<char>, std::uint64_t, net::Executor,
            Read done) override {
    done(false);
  }
};

/// Answers from a zone, a little later; what the zone does not know fails.
class ZoneResolver final : public dns::Resolver {
 public:
  ZoneResolver(net::asio::io_context& io, const std::string& zone) : io_(io), zone_(zone) {}
  std::shared_ptr<const dns::Answer> resolve(const dns::Question& question, Answered answered,
                                             Freshness) override {
    auto answer = std::make_shared<const dns::Answer>(zone_.answer(question));
    net::asio::post(io_, [answered = std::move(answered), answer] { answered(answer); });
    return nullptr;
  }
  void forget_answers() override {}
  bool healthy() const override { return true; }

 private:
  net::asio::io_context& io_;
  FakeZone zone_;
};

/// Everything a session needs, faked where it touches the world.
class Stage {
 public:
  explicit Stage(const Transcript& transcript) : transcript_(transcript) {
    directory_ =
        std::filesystem::temp_directory_path() / ("gatepost-transcript-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "recipients")
        << "user@example.org\nother@example.org\nthird@example.org\nbad@example.org\npostmaster@example."
           "org\nabuse@example.org\nsupport@example.org\n";
    build_snapshot();
    for (const auto* host : {"inside.test:25", "elsewhere.test:25"})
      script_backend(connector_.backends[host]);
    context_.start_tls = [](std::unique_ptr<net::Stream> plain) { return plain; };
    start();
  }

  std::vector<std::string> run(Splitting splitting, unsigned seed, Injection injection) {
    random_.seed(seed);
    splitting_ = splitting;
    for (std::size_t i = 0; i < transcript_.steps.size() && problems_.empty(); ++i) {
      if (injection.kind != Injection::Kind::none && i == injection.before_step) {
        inject(injection.kind);
        break;
      }
      run_step(transcript_.steps[i]);
    }
    const bool injected = injection.kind != Injection::Kind::none;
    if (!injected && !rest_of_replies().empty()) problem(0, "the server said more: " + rest_of_replies());
    finish();
    check_promises();
    if (!injected) check_delivered();
    if (!injected) check_found();
    return problems_;
  }

 private:
  void build_snapshot() {
    auto text = std::string(base_config) + transcript_.config;
    for (auto at = text.find("@DIR@"); at != std::string::npos; at = text.find("@DIR@"))
      text.replace(at, 5, directory_.string());
    // Lines of the transcript may stand in any table; [smtp] is made for those that have none.
    if (text.find("[smtp]") == std::string::npos) text += "[smtp]\n";
    text.insert(text.find("[smtp]") + 6, "\nlisten = [\"127.0.0.1:2525\"]\n");
    auto config = gateway::read_config_text(text, transcript_.name);
    snapshot_ = gateway::Snapshot::build(config, servers_, true);
    if (!snapshot_) throw std::runtime_error(transcript_.name + ": " + config.problems.at(0).to_string());
  }

  void script_backend(FakeBackend& backend) {
    backend.answer = [this](const std::string& line) -> std::string {
      for (const auto& [prefix, reply] : transcript_.backend) {
        if (line.starts_with(prefix)) return reply;
      }
      return {};
    };
    backend.judge = [this](const FakeMessage&) -> std::string {
      for (const auto& [prefix, reply] : transcript_.backend) {
        if (prefix == "dot") return reply;
      }
      return "250 2.0.0 queued";
    };
    for (const auto& [prefix, reply] : transcript_.backend) {
      if (prefix == "extensions") {
        backend.extensions.clear();
        for (std::string_view rest = reply; !rest.empty();)
          backend.extensions.emplace_back(base::split_off(rest, ','));
      }
      if (prefix == "connect") backend.refuses_connections = true;
    }
  }

  void start() {
    Session::Start start;
    start.facts.id = base::SessionId::make(ids_);
    start.facts.client = *base::Endpoint::parse("203.0.113.9:4711");
    start.facts.connected_at = clock_.wall();
    for (auto left = transcript_.open; left > 0; --left)
      crowd_.push_back(std::move(*remembered_.crowd.enter("client 203.0.113.9", 1000)));
    start.stream = std::make_unique<FakeStream>(io_, peer_);
    recorder_.session_opened();
    session_ = std::make_unique<Session>(context_, snapshot_->settings,
                                         std::make_unique<gateway::GatewayDesk>(desk_), std::move(start));
    auto finished = [this](std::exception_ptr failure) {
      ended_ = true;
      if (failure) {
        try {
          std::rethrow_exception(failure);
        } catch (const std::exception& e) {
          problem(0, std::string("the session failed: ") + e.what());
        }
      }
    };
    net::asio::co_spawn(io_, session_->run(), finished);
    settle();
  }

  /// Lets happen what happens by itself.
  void settle() {
    io_.restart();
    while (io_.poll() > 0) io_.restart();
  }

  void pass(base::Millis time) {
    for (auto left = time; left.count() > 0; left -= base::Millis(250)) {
      clock_.advance(std::min(left, base::Millis(250)));
      if (!ended_) session_->sweep(clock_.now());
      settle();
      if (ended_) return;
    }
  }

  void send(const std::string& bytes) {
    if (splitting_ == Splitting::whole) {
      peer_->send(bytes);
      settle();
      return;
    }
    for (std::size_t at = 0; at < bytes.size();) {
      const auto size =
          splitting_ == Splitting::bytewise ? 1 : 1 + random_() % std::min<std::size_t>(bytes.size(), 40);
      peer_->send(bytes.substr(at, size));
      at += size;
      settle();
    }
  }

  std::string rest_of_replies() const { return peer_->from_stream.substr(read_); }

  void expect(const TranscriptStep& step) {
    auto end = peer_->from_stream.find("\r\n", read_);
    // Some replies take time: an error's delay, a backend that stalls.
    for (int waited = 0; end == std::string::npos && !ended_ && waited < 700; ++waited) {
      pass(base::Millis(1000));
      end = peer_->from_stream.find("\r\n", read_);
    }
    if (end == std::string::npos)
      return problem(step.line, "no reply, where \"" + step.text + "\" is expected");
    const auto line = peer_->from_stream.substr(read_, end - read_);
    read_ = end + 2;
    if (!base::wildcard_match(step.text, line))
      problem(step.line, "\"" + line + "\" instead of \"" + step.text + "\"");
  }

  void run_step(const TranscriptStep& step) {
    switch (step.kind) {
      case Kind::send: send(step.text); break;
      case Kind::expect: expect(step); break;
      case Kind::expect_now:
        if (rest_of_replies().empty()) return problem(step.line, "no reply yet");
        expect(step);
        break;
      case Kind::drain:
        session_->shut_down(false);
        settle();
        break;
      case Kind::expect_close:
        for (int waited = 0; !ended_ && waited < 8; ++waited) pass(base::Millis(250));
        if (!ended_ && !peer_->shut_down) problem(step.line, "the connection was not closed");
        break;
      case Kind::close:
        peer_->end();
        settle();
        break;
      case Kind::reset:
        peer_->break_off();
        settle();
        break;
      case Kind::wait: {
        base::Millis time{};
        base::TextForm<base::Millis>::parse(step.text, time);
        pass(time);
        break;
      }
    }
  }

  void inject(Injection::Kind kind) {
    if (kind == Injection::Kind::cut) {
      peer_->break_off();
    } else {
      pass(std::chrono::hours(2));
    }
    settle();
  }

  /// The client goes away; whatever the backend still holds back ends by its own time limits.
  void finish() {
    if (!ended_) {
      peer_->end();
      settle();
    }
    pass(std::chrono::minutes(20));
    if (!ended_) problem(0, "the session did not end");
  }

  void check_promises() {
    if (recorder_.sessions_closed.value() != 1)
      problem(0, "the session was recorded " + std::to_string(recorder_.sessions_closed.value()) + " times");
    std::uint64_t recorded = 0;
    for (const auto& count : recorder_.transactions) recorded += count.value();
    const auto begun = session_->transactions();
    if (recorded != begun)
      problem(0,
              std::to_string(begun) + " transactions were begun, " + std::to_string(recorded) + " recorded");
    std::size_t promised = 0;
    for (auto at = peer_->from_stream.find("250 2.0.0 delivered ["); at != std::string::npos;
         at = peer_->from_stream.find("250 2.0.0 delivered [", at + 1))
      ++promised;
    std::size_t delivered = 0;
    for (const auto& [name, backend] : connector_.backends) {
      delivered += backend.delivered.size();
      for (const auto& message : backend.whole) {
        if (message.content.rfind("Received: ", 0) != 0 && message.content.rfind("Received-SPF: ", 0) != 0)
          problem(0, "a backend got a message without our Received");
      }
    }
    const auto on_record = recorder_.transactions[static_cast<std::size_t>(smtp::Ending::delivered)].value();
    if (promised > delivered) problem(0, "250 was said for what no backend has");
    if (on_record != delivered && recorder_.outcome_unknown.value() == 0)
      problem(0, "delivered " + std::to_string(delivered) + " times, on record " + std::to_string(on_record) +
                     " times");
  }

  void check_delivered() {
    std::vector<std::string> contents;
    for (const auto& [name, backend] : connector_.backends) {
      for (const auto& message : backend.delivered)
        contents.push_back(message.content.substr(header_size(message.content)));
    }
    if (!transcript_.delivered_given) return;
    std::vector<std::string> expected;
    for (const auto& content : transcript_.delivered) expected.push_back(unescape(content));
    if (contents == expected) return;
    std::string text = "delivered:";
    for (const auto& content : contents) text += " {" + base::printable(content, 200) + "}";
    problem(0, text);
  }

  void check_found() {
    telemetry::FindingSums sums;
    recorder_.findings.add_to(sums);
    std::set<std::string> found;
    for (const auto& [kind, count] : sums)
      found.insert(fmt::format("{} {} {}", kind.check, telemetry::name_of(kind.verdict), kind.reason));
    for (const auto& expected : transcript_.found) {
      if (found.count(expected) == 0)
        problem(0, fmt::format("found: {}; not: {}", fmt::join(found, ", "), expected));
    }
  }

  /// Of the fields that we put in front.
  static std::size_t header_size(const std::string& content) {
    std::size_t size = 0;
    bool received = false;
    while (!received && size < content.size()) {
      received = content.compare(size, 10, "Received: ") == 0;
      auto end = content.find("\r\n", size);
      while (end != std::string::npos && (content[end + 2] == '\t' || content[end + 2] == ' '))
        end = content.find("\r\n", end + 2);
      size = end == std::string::npos ? content.size() : end + 2;
    }
    return size;
  }

  void problem(int line, const std::string& what) {
    problems_.push_back(transcript_.name + (line > 0 ? ":" + std::to_string(line) : "") + ": " + what);
  }

  const Transcript& transcript_;
  std::filesystem::path directory_;
  net::asio::io_context io_;
  FakeClock clock_;
  FakeRandom ids_;
  std::mt19937 random_;
  Splitting splitting_ = Splitting::whole;
  base::MemoryBudget budget_{1 << 30};
  state::ChunkPool chunks_{budget_};
  NoSpill spill_;
  gateway::BufferPool buffers_{4096};
  gateway::HeldBack held_back_;
  FakeConnector connector_{io_};
  relay::Pool pool_{io_, connector_, clock_, "mx.example.org"};
  relay::RelayOptions relay_options_;
  relay::Deliverer deliverer_{io_, pool_, spill_, clock_, relay_options_};
  relay::Learned learned_{1000};
  checks::Memory remembered_{clock_, state::Origin{}, std::size_t{1} << 20};
  std::vector<checks::Crowd::Place> crowd_;  ///< other sessions of the client
  telemetry::Log log_{"/dev/null"};
  telemetry::Recorder recorder_{log_, telemetry::RecordWriter::Form::json};
  gateway::ServerRegistry servers_;
  std::shared_ptr<const gateway::Snapshot> snapshot_;
  gateway::SessionContext context_{io_, clock_, chunks_, spill_, buffers_, held_back_, {}};
  ZoneResolver resolver_{io_, transcript_.zone};
  gateway::WitnessBoard witnesses_;
  gateway::Examiner examiner_{resolver_, witnesses_, clock_};
  checks::WitnessPtr resolver_witness_ = gateway::make_resolver_witness({"example.org"});
  gateway::DeskContext desk_{
      {clock_, learned_, remembered_, snapshot_, resolver_, examiner_, resolver_witness_},
      chunks_,
      deliverer_,
      recorder_};
  std::shared_ptr<FakePeer> peer_ = std::make_shared<FakePeer>();
  std::unique_ptr<Session> session_;
  std::size_t read_ = 0;
  bool ended_ = false;
  std::vector<std::string> problems_;
};

}  // namespace

Transcript read_transcript(const std::string& path) {
  Transcript transcript;
  transcript.name = std::filesystem::path(path).filename();
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  std::string text;
  for (int number = 1; std::getline(in, text); ++number) {
    std::string_view line = text;
    if (line.empty() || line.starts_with('#')) continue;
    if (take(line, "config:")) {
      transcript.config += std::string(line) + "\n";
    } else if (take(line, "zone:")) {
      transcript.zone += std::string(line) + "\n";
    } else if (take(line, "backend:")) {
      const auto arrow = line.find(" -> ");
      transcript.backend.emplace_back(line.substr(0, arrow), unescape(std::string(line.substr(arrow + 4))));
    } else if (take(line, "delivered:")) {
      transcript.delivered_given = true;
      if (line != "none") transcript.delivered.emplace_back(line);
    } else if (take(line, "found:")) {
      transcript.found.emplace_back(line);
    } else if (take(line, "open:")) {
      transcript.open = std::stoi(std::string(line));
    } else if (line == "(drain)") {
      transcript.steps.push_back({Kind::drain, {}, number});
    } else if (take(line, "(wait ")) {
      transcript.steps.push_back({Kind::wait, std::string(line.substr(0, line.find(')'))), number});
    } else if (take(line, "S!:")) {
      transcript.steps.push_back({Kind::expect_now, std::string(line), number});
    } else if (take(line, "S:")) {
      transcript.steps.push_back(
          {line == "(close)" ? Kind::expect_close : Kind::expect, std::string(line), number});
    } else if (take(line, "C:")) {
      if (line == "(close)" || line == "(reset)") {
        transcript.steps.push_back({line == "(close)" ? Kind::close : Kind::reset, {}, number});
      } else {
        add_send(transcript, std::string(line) + "\r\n", number);
      }
    } else if (take(line, "C>")) {
      add_send(transcript, unescape(std::string(line)), number);
    } else {
      throw std::runtime_error(path + ":" + std::to_string(number) + ": cannot understand this line");
    }
  }
  return transcript;
}

std::vector<std::string> run_transcript(const Transcript& transcript, Splitting splitting, unsigned seed,
                                        Injection injection) {
  Stage stage(transcript);
  return stage.run(splitting, seed, injection);
}

}  // namespace gatepost::tests
