#include "gateway/explain.hpp"

#include <cstdio>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/file.hpp"
#include "core/base/text.hpp"
#include "core/dns/cares_resolver.hpp"
#include "core/state/sqlite_store.hpp"
#include "gateway/live_evidence.hpp"
#include "gateway/remembered.hpp"
#include "gateway/resolver_endpoint.hpp"
#include "gateway/resolver_witness.hpp"
#include "gateway/state_file.hpp"
#include "telemetry/json.hpp"

namespace gatepost::gateway {
namespace {

using smtp::Decision;
using smtp::Stage;
using telemetry::Verdict;

constexpr int cannot_ask = 3;
constexpr base::Millis sweep_interval{100};

int complain(const std::string& what) {
  std::fprintf(stderr, "gatepost explain: %s\n", what.c_str());
  return cannot_ask;
}

int complain(const std::vector<ConfigProblem>& problems) {
  for (const auto& problem : problems) std::fprintf(stderr, "%s\n", problem.to_string().c_str());
  return cannot_ask;
}

/// How severe a decision is: the exit code.
int code_of(const Decision& decision) {
  if (!decision.reply) return 0;
  return decision.reply->permanent() ? 1 : 2;
}

std::string_view word_of(const Decision& decision) {
  static constexpr std::string_view words[] = {"accept", "reject", "defer"};
  return decision.act == Decision::Act::discard ? "discard" : words[code_of(decision)];
}

/// "(after 5 s) ", "(and closes the connection) "
std::string how_said(const Decision& decision) {
  if (decision.act == Decision::Act::drop) return "(and closes the connection) ";
  if (decision.delay == base::Millis{0}) return {};
  return "(after " + base::TextForm<base::Millis>::print(decision.delay) + ") ";
}

/// What the gateway remembers, as a copy: it may change, and nothing of it is written.
class RecalledMemory {
 public:
  RecalledMemory(const Options& options, const base::Clock& clock) : store_(open(options, clock)) {
    const auto origin = store_ ? store_->origin() : state::Origin{};
    remembered_.emplace(clock, origin, static_cast<std::size_t>(options.state.memory.bytes),
                        static_cast<std::size_t>(options.relay.learned_entries));
    if (!store_) return;
    const auto loaded = store_->load([this](const state::Row& row) {
      auto* table = remembered_->find(row.table);
      if (table != nullptr && table->restore(row)) ++entries_;
    });
    const auto age = std::chrono::duration_cast<base::seconds>(clock.wall() - origin.wall);
    words_ = fmt::format("{} entries, written {} ago", entries_, base::duration_in_words(age.count()));
    if (!loaded) words_ += "; not all could be read: " + loaded.error().message;
  }
  Remembered& tables() { return *remembered_; }
  /// How much it is, and how old; or why there is none.
  const std::string& words() const { return words_; }

 private:
  std::unique_ptr<state::SqliteStore> open(const Options& options, const base::Clock& clock) {
    auto store = state::SqliteStore::open_to_read(state_file(options), clock);
    if (store) return std::move(*store);
    words_ = "none: " + store.error().message;
    return nullptr;
  }
  std::string words_;
  std::unique_ptr<state::SqliteStore> store_;
  std::optional<Remembered> remembered_;
  std::size_t entries_ = 0;
};

/// One mail, asked about as a session would.
class Explanation {
 public:
  Explanation(std::shared_ptr<const Snapshot> snapshot, const ExplainArguments& arguments)
      : snapshot_(std::move(snapshot)), arguments_(arguments) {}

  /// Empty, or what is wrong with the arguments.
  std::string prepare();
  void run();
  void print() const;
  void print_json() const;
  int exit_code() const;

 private:
  struct Judged {
    std::string recipient;  ///< empty: all, at an early stage or for the message
    Decision decision;
  };
  bool wait_until(base::Instant until);
  template <class Ask>
  Decision consult(Ask ask);
  bool ask_early();
  void ask_recipients();
  void ask_message();
  const Decision& decision() const;

  std::shared_ptr<const Snapshot> snapshot_;
  const ExplainArguments& arguments_;
  net::asio::io_context io_;
  base::SystemClock clock_;
  base::Instant started_ = clock_.now();
  RecalledMemory recalled_{snapshot_->config.options, clock_};
  std::shared_ptr<dns::ResolverHealth> health_ = std::make_shared<dns::ResolverHealth>();
  std::unique_ptr<dns::Resolver> resolver_ =
      dns::make_cares_resolver(io_, clock_, snapshot_->config.options.dns, health_);
  WitnessBoard board_;
  Examiner examiner_{*resolver_, board_, clock_};
  checks::WitnessPtr witness_ = snapshot_->make_resolver_witness();
  CalloutBoard callouts_;
  std::unique_ptr<net::Connector> connector_ = net::make_tcp_connector(io_, 0);
  CalloutProber prober_{
      {io_, *connector_, *resolver_, clock_, recalled_.tables().memory, callouts_, snapshot_->site}};
  EvidenceContext context_{clock_,
                           recalled_.tables().learned,
                           recalled_.tables().memory,
                           snapshot_,
                           *resolver_,
                           examiner_,
                           witness_,
                           arguments_.callout ? &prober_ : nullptr};
  LiveEvidence source_{context_};
  checks::Evidence evidence_{source_};
  checks::Verdicts verdicts_{true};

  smtp::ConnectFacts connect_;
  smtp::HeloFacts helo_{connect_, {}, true, false, {}, {}, 0, {}};
  smtp::MailFacts mail_{helo_, {}, false, {}};
  std::vector<mail::Mailbox> recipients_;
  std::vector<smtp::Recipient> accepted_;
  std::string message_;
  std::vector<Judged> judged_;
  std::string headers_;
  base::Millis took_{0};
};

std::string Explanation::prepare() {
  const auto client = base::IpAddress::parse(arguments_.client);
  if (!client) return "--client: \"" + arguments_.client + "\" is no IP address";
  connect_.client.address = *client;
  for (const auto& address : snapshot_->site.addresses) connect_.local.address = address;
  connect_.connected_at = clock_.wall();
  helo_.name = arguments_.helo.empty() ? "[" + client->literal() + "]" : arguments_.helo;
  mail_.null_sender = arguments_.from.empty() || arguments_.from == "<>";
  if (!mail_.null_sender) {
    const auto sender = mail::Mailbox::parse(arguments_.from);
    if (!sender) return "--from: \"" + arguments_.from + "\" is no mail address";
    mail_.sender = *sender;
  }
  for (const auto& text : arguments_.to) {
    const auto recipient = mail::Mailbox::parse(text);
    if (!recipient) return "--to: \"" + text + "\" is no mail address";
    recipients_.push_back(*recipient);
  }
  if (arguments_.message.empty()) return {};
  const auto content = base::read_file(arguments_.message);
  if (!content) return "--message: " + arguments_.message + ": " + content.error().message;
  for (std::string_view rest = *content; !rest.empty();) {
    auto line = base::split_off(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    message_.append(line).append("\r\n");
  }
  return {};
}

/// Lets something happen. False: time is over, or nothing more would.
bool Explanation::wait_until(base::Instant until) {
  const bool calling_out = evidence_.calling_out();
  if (!calling_out && clock_.now() >= until) return false;
  const auto step = clock_.now() + sweep_interval;
  io_.restart();
  io_.run_one_until(calling_out ? step : std::min(step, until));
  prober_.sweep(clock_.now());
  return calling_out || !io_.stopped();
}

/// Asks until everything is known, or the time for DNS is over; a callout ends by itself.
template <class Ask>
Decision Explanation::consult(Ask ask) {
  const auto until = started_ + snapshot_->pipeline->policy().dns_budget;
  auto answer = ask();
  while (answer.pending) {
    bool rung = false;
    evidence_.when_answered([&rung] { rung = true; });
    while (!rung && wait_until(until)) continue;
    if (!rung) evidence_.give_up();
    answer = ask();
  }
  return std::move(answer.decision);
}

/// Connect, HELO and MAIL. True: the recipients are asked, too.
bool Explanation::ask_early() {
  const auto& pipeline = *snapshot_->pipeline;
  const auto goes_on = [this](Decision decision) {
    if (decision.act == Decision::Act::accept) return true;
    judged_.push_back({{}, std::move(decision)});
    return false;
  };
  return goes_on(consult([&] { return pipeline.connect(connect_, evidence_, verdicts_); })) &&
         goes_on(consult([&] { return pipeline.helo(helo_, evidence_, verdicts_); })) &&
         goes_on(consult([&] { return pipeline.mail(mail_, evidence_, verdicts_); }));
}

void Explanation::ask_recipients() {
  for (const auto& recipient : recipients_) {
    evidence_.begin_recipient();
    const smtp::RcptFacts facts{mail_, recipient, accepted_};
    auto decision = consult([&] { return snapshot_->pipeline->rcpt(facts, evidence_, verdicts_); });
    if (decision.act == Decision::Act::accept) accepted_.push_back({recipient, {}});
    const bool over = decision.act == Decision::Act::drop;
    judged_.push_back({recipient.text(), std::move(decision)});
    if (over) break;
  }
}

void Explanation::ask_message() {
  const auto& pipeline = *snapshot_->pipeline;
  base::MemoryBudget budget(1ULL << 30);
  state::ChunkPool chunks(budget);
  state::Body body(chunks, state::Body::Form::plain);
  body.append(message_);
  const smtp::DataFacts data{mail_, accepted_, body};
  auto decision = consult([&] { return pipeline.data(data, evidence_, verdicts_); });
  if (decision.act == Decision::Act::accept) {
    const smtp::ContentFlaws flaws;
    decision = consult([&] { return pipeline.message({data, flaws}, evidence_, verdicts_); });
  }
  if (decision.act != Decision::Act::accept) judged_.push_back({{}, std::move(decision)});
}

void Explanation::run() {
  if (ask_early()) {
    ask_recipients();
    if (!accepted_.empty() && !message_.empty()) ask_message();
    headers_ = snapshot_->pipeline->header_fields(verdicts_);
  }
  took_ = std::chrono::duration_cast<base::Millis>(clock_.now() - started_);
}

/// The hardest one.
const Decision& Explanation::decision() const {
  static const Decision none;
  const Decision* hardest = &none;
  for (const auto& judged : judged_) {
    const auto code = code_of(judged.decision);
    if (hardest == &none || code == 1 || (code == 2 && code_of(*hardest) == 0)) hardest = &judged.decision;
    if (code == 1) break;
  }
  return *hardest;
}

int Explanation::exit_code() const {
  return code_of(decision());
}

std::string score_or_verdict(const telemetry::Finding& finding) {
  if (finding.verdict == Verdict::score) return fmt::format("score {:g}", finding.score);
  return std::string(telemetry::name_of(finding.verdict));
}

std::vector<telemetry::Finding> all_findings(const checks::Verdicts& verdicts) {
  auto all = verdicts.session_findings();
  for (auto& finding : verdicts.transaction_findings()) all.push_back(std::move(finding));
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.stage < b.stage; });
  return all;
}

void Explanation::print() const {
  fmt::print("memory   {}\n\n", recalled_.words());
  fmt::print("{:<8} {:<14} {:<8} {:<9} {:<28} {:>6}  {}\n", "stage", "check", "mode", "verdict", "reason",
             "ms", "evidence");
  for (const auto& finding : all_findings(verdicts_)) {
    auto evidence = base::printable(finding.evidence, 400);
    if (!finding.subject.empty()) evidence = "<" + base::printable(finding.subject) + "> " + evidence;
    if (finding.cached) evidence += " (cached)";
    fmt::print("{:<8} {:<14} {:<8} {:<9} {:<28} {:>6}  {}\n", smtp::name_of(finding.stage), finding.check,
               telemetry::name_of(finding.weight), score_or_verdict(finding), finding.reason,
               finding.waited.count(), evidence);
  }
  fmt::print("\n");
  for (const auto& judged : judged_) {
    fmt::print("{:<8} {}{}{}\n", word_of(judged.decision),
               judged.recipient.empty() ? "" : "<" + judged.recipient + "> ", how_said(judged.decision),
               judged.decision.reply ? judged.decision.reply->line() : "");
  }
  if (!headers_.empty() && exit_code() == 0) fmt::print("\nput in front of the message:\n{}", headers_);
  fmt::print("\ndecision: {} ({} ms)\n", word_of(decision()), took_.count());
}

void Explanation::print_json() const {
  std::string out;
  telemetry::RecordWriter w(out, telemetry::RecordWriter::Form::json);
  w.field("decision", word_of(decision()));
  if (const auto& reply = decision().reply) {
    w.field("reply", reply->line());
    w.field("reason", reply->token());
  }
  w.field("memory", recalled_.words());
  w.field("client", connect_.client.address.to_string());
  w.field("helo", helo_.name);
  w.field("from", mail_.sender.text());
  w.begin_list("recipients");
  for (const auto& judged : judged_) {
    w.begin_item();
    w.field("rcpt", judged.recipient);
    w.field("decision", word_of(judged.decision));
    if (judged.decision.reply) w.field("reply", judged.decision.reply->line());
    if (judged.decision.delay > base::Millis{0})
      w.field("delay_ms", static_cast<std::uint64_t>(judged.decision.delay.count()));
    if (judged.decision.act == Decision::Act::drop) w.flag("closes", true);
    w.end_item();
  }
  w.end_list();
  w.begin_list("findings");
  for (const auto& finding : all_findings(verdicts_)) {
    w.begin_item();
    w.field("stage", smtp::name_of(finding.stage));
    w.field("check", finding.check);
    w.field("mode", telemetry::name_of(finding.weight));
    w.field("verdict", telemetry::name_of(finding.verdict));
    w.field("reason", finding.reason);
    if (finding.verdict == Verdict::score) w.field("score", finding.score);
    w.field("evidence", finding.evidence);
    w.optional("rcpt", finding.subject);
    w.field("ms", static_cast<std::uint64_t>(finding.waited.count()));
    w.flag("cached", finding.cached);
    w.end_item();
  }
  w.end_list();
  w.begin_list("headers");
  for (std::string_view rest = headers_; !rest.empty();) {
    auto line = base::split_off(rest, '\n');
    line.remove_suffix(line.ends_with('\r') ? 1 : 0);
    w.begin_item();
    w.field("line", line);
    w.end_item();
  }
  w.end_list();
  w.field("ms", static_cast<std::uint64_t>(took_.count()));
  w.end();
  std::fputs(out.c_str(), stdout);
}

}  // namespace

int run_explain(const ExplainArguments& arguments) {
  auto config = read_config(arguments.config);
  if (!arguments.dns.empty()) {
    config.options.dns.servers.clear();
    for (const auto& text : arguments.dns) {
      const auto endpoint = resolver_endpoint(text);
      if (!endpoint) return complain("--dns: \"" + text + "\" is no address:port");
      config.options.dns.servers.push_back(*endpoint);
    }
  }
  ServerRegistry servers;
  const auto snapshot = Snapshot::build(config, servers, false);
  if (!snapshot) return complain(config.problems);
  try {
    Explanation explanation(snapshot, arguments);
    if (const auto wrong = explanation.prepare(); !wrong.empty()) return complain(wrong);
    explanation.run();
    arguments.json ? explanation.print_json() : explanation.print();
    return explanation.exit_code();
  } catch (const std::exception& failure) {
    return complain(failure.what());
  }
}

}  // namespace gatepost::gateway
