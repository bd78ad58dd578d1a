#include "gateway/sink.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/intrusive/list.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "core/base/text.hpp"
#include "core/base/text_forms.hpp"
#include "core/net/acceptor.hpp"
#include "core/net/one_shot.hpp"
#include "core/net/tcp_stream.hpp"
#include "core/net/tls_stream.hpp"
#include "gateway/session.hpp"

namespace gatepost::gateway {
namespace {

using smtp::Stage;
using Timer =
    net::asio::basic_waitable_timer<std::chrono::steady_clock,
                                    net::asio::wait_traits<std::chrono::steady_clock>, net::Executor>;

/// "stage", "stage:pattern", up to `end`.
base::Result<SinkRule> parse_when(std::string_view text) {
  SinkRule rule;
  auto pattern = text;
  const auto stage = base::split_off(pattern, ':');
  if (!pattern.empty()) rule.pattern = pattern;
  for (std::size_t i = 0; i < smtp::stage_names.size(); ++i) {
    if (smtp::stage_names[i] != stage) continue;
    rule.stage = static_cast<Stage>(i);
    return rule;
  }
  return base::Failure{"\"" + std::string(stage) +
                       "\" is no stage: connect, helo, mail, rcpt, data or message"};
}

class Sink;

/// Takes everything but what the rules are about.
class SinkDesk final : public Desk {
 public:
  explicit SinkDesk(Sink& sink) : sink_(sink) {}

  void opened(const smtp::ServerSession& session) override { session_ = &session; }
  smtp::Extensions extensions() const override;
  bool has_room() const override { return true; }
  std::size_t memory_share() const override { return SIZE_MAX / 2; }
  bool memory_exhausted() const override { return false; }
  std::optional<smtp::Decision> consult(Stage stage, bool again) override;
  void when_ready(std::function<void()> call) override;
  net::Task<smtp::DeliveryAnswer> deliver(smtp::ServerSession& session, net::Deadline& deadline,
                                          std::function<bool()> client_gone) override;
  void refused(Stage, const smtp::Reply&, std::string_view) override {}
  void transaction_ended(const smtp::TransactionRecord& record, base::Millis, bool) override;
  void session_closed(const smtp::HeloFacts&, const smtp::SessionTotals&, telemetry::Close, base::Millis,
                      std::uint64_t, std::uint64_t) override {}

 private:
  const SinkRule* rule_for(Stage stage, const smtp::ServerSession& session) const;
  bool store(smtp::ServerSession& session);

  Sink& sink_;
  const smtp::ServerSession* session_ = nullptr;
  base::Millis delay_{};
  std::unique_ptr<Timer> timer_;
};

class Sink {
 public:
  explicit Sink(const SinkOptions& told) : options(told), buffers(65536), timer_(io), signals_(io) {
    settings = std::make_shared<smtp::ServerSession::Settings>();
    settings->hostname = options.hostname;
    settings->options.max_message_size = {2ULL << 30};
    settings->options.max_recipients = 50000;
    settings->options.max_messages = 1000000;
    settings->options.max_received = 1000;
    settings->options.hard_error_limit = 1000;
    settings->options.soft_error_limit = 1000;
    context.start_tls = [this](std::unique_ptr<net::Stream> plain) -> std::unique_ptr<net::Stream> {
      return std::make_unique<net::TlsStream>(io, static_cast<net::TcpStream&>(*plain).release(),
                                              tls->make_session());
    };
  }

  int run() {
    if (!prepare()) return 1;
    for (auto& acceptor : acceptors_) acceptor->start();
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](boost::system::error_code, int) { io.stop(); });
    arm_sweep();
    io.run();
    return 0;
  }

  /// What a run before has stored is not overwritten.
  void continue_numbers() {
    if (options.store.empty()) return;
    for (const auto& entry : std::filesystem::directory_iterator(options.store)) {
      std::uint64_t number = 0;
      if (entry.path().extension() == ".eml" && base::parse_number(entry.path().stem().string(), number))
        stored = std::max(stored, static_cast<unsigned>(number));
    }
  }

  bool prepare() {
    std::error_code error;
    if (!options.store.empty()) std::filesystem::create_directories(options.store, error);
    if (error) return fail("cannot make " + options.store + ": " + error.message());
    continue_numbers();
    if (options.tls) {
      auto files = net::self_signed(
          options.store.empty() ? std::filesystem::temp_directory_path().string() : options.store,
          options.hostname);
      if (!files) return fail(files.error().message);
      auto loaded = net::TlsServerContext::load({*files});
      if (!loaded) return fail(loaded.error().message);
      tls = *loaded;
    }
    for (const auto& endpoint : options.listen) {
      auto socket = net::ListeningSocket::open(endpoint, {});
      if (!socket) return fail("cannot listen at " + endpoint.to_string() + ": " + socket.error().message);
      const auto local = socket->local();
      acceptors_.push_back(std::make_unique<net::Acceptor>(
          io, std::move(*socket), [this](int fd, const base::Endpoint& peer) { accept(fd, peer); },
          [](int) {}));
      std::fprintf(stderr, "gatepost sink takes mail at %s\n", local.to_string().c_str());
    }
    return true;
  }

  const SinkOptions options;
  net::asio::io_context io{1};
  base::SystemClock clock;
  base::SystemRandom random;
  base::MemoryBudget memory{SIZE_MAX / 2};
  state::ChunkPool chunks{memory};
  std::unique_ptr<state::SpillStore> spill = state::make_disk_spill_store("/tmp");
  BufferPool buffers;
  HeldBack held_back;
  SessionContext context{io, clock, chunks, *spill, buffers, held_back, {}};
  std::shared_ptr<smtp::ServerSession::Settings> settings;
  std::shared_ptr<const net::TlsServerContext> tls;
  unsigned stored = 0;

 private:
  static bool fail(const std::string& why) {
    std::fprintf(stderr, "gatepost sink: %s\n", why.c_str());
    return false;
  }

  void accept(int descriptor, const base::Endpoint& peer) {
    Session::Start start;
    start.facts.id = base::SessionId::make(random);
    start.facts.client = peer;
    start.facts.connected_at = clock.wall();
    start.stream = std::make_unique<net::TcpStream>(io, descriptor);
    auto session =
        std::make_unique<Session>(context, settings, std::make_unique<SinkDesk>(*this), std::move(start));
    sessions_.push_back(*session);
    auto* running = session.get();
    auto finished = [session = std::move(session)](std::exception_ptr) {};
    net::asio::co_spawn(io, running->run(), std::move(finished));
  }

  void arm_sweep() {
    timer_.expires_after(std::chrono::milliseconds(250));
    timer_.async_wait([this](boost::system::error_code error) {
      if (error) return;
      for (auto& session : sessions_) session.sweep(clock.now());
      arm_sweep();
    });
  }

  Timer timer_;
  net::asio::basic_signal_set<net::Executor> signals_;
  std::vector<std::unique_ptr<net::Acceptor>> acceptors_;
  boost::intrusive::list<Session, boost::intrusive::constant_time_size<false>> sessions_;
};

smtp::Extensions SinkDesk::extensions() const {
  using smtp::Extension;
  smtp::Extensions all;
  for (std::size_t i = 0; i < smtp::extension_names.size(); ++i) all.add(static_cast<Extension>(i));
  all.remove(Extension::limits).remove(Extension::dsn);
  if (!sink_.tls) all.remove(Extension::starttls);
  for (std::size_t i = 0; i < smtp::extension_names.size(); ++i) {
    if (sink_.options.without.has(static_cast<Extension>(i))) all.remove(static_cast<Extension>(i));
  }
  return all;
}

const SinkRule* SinkDesk::rule_for(Stage stage, const smtp::ServerSession& session) const {
  for (const auto& rule : sink_.options.rules) {
    if (rule.stage != stage) continue;
    if (rule.pattern == "*") return &rule;
    if (stage == Stage::mail && base::wildcard_match(rule.pattern, session.mail_facts().sender.text()))
      return &rule;
    if (stage == Stage::rcpt && base::wildcard_match(rule.pattern, session.rcpt_facts().recipient.text()))
      return &rule;
    if (stage < Stage::data) continue;
    for (const auto& recipient : session.data_facts().recipients) {
      if (base::wildcard_match(rule.pattern, recipient.mailbox.text())) return &rule;
    }
  }
  return nullptr;
}

std::optional<smtp::Decision> SinkDesk::consult(Stage stage, bool again) {
  const auto* rule = rule_for(stage, *session_);
  if (rule == nullptr) return smtp::Decision::accept();
  if (rule->delay.count() > 0 && !again) {
    delay_ = rule->delay;
    return std::nullopt;
  }
  if (rule->drop) return smtp::Decision::drop(smtp::Reply(421, {}, "sink.drop", "closing"));
  if (rule->refusal) return smtp::Decision::refuse(*rule->refusal);
  return smtp::Decision::accept();
}

void SinkDesk::when_ready(std::function<void()> call) {
  timer_ = std::make_unique<Timer>(sink_.io);
  timer_->expires_after(delay_);
  timer_->async_wait([call = std::move(call)](boost::system::error_code error) {
    if (!error) call();
  });
}

net::Task<smtp::DeliveryAnswer> SinkDesk::deliver(smtp::ServerSession& session, net::Deadline&,
                                                  std::function<bool()>) {
  const bool good = store(session);
  smtp::DeliveryAnswer answer{
      good ? smtp::Ending::delivered : smtp::Ending::deferred,
      good ? smtp::Reply(250, {2, 0, 0}, "sink.stored", fmt::format("stored as {}", sink_.stored))
           : smtp::Reply(451, {4, 3, 0}, "sink.failed", "cannot store it")};
  co_return answer;
}

/// NNNNNN.eml holds the content, NNNNNN.env the envelope: MAIL's address on the first line, then RCPT's.
bool SinkDesk::store(smtp::ServerSession& session) {
  ++sink_.stored;
  if (sink_.options.store.empty()) return true;
  const auto base = fmt::format("{}/{:06}", sink_.options.store, sink_.stored);
  std::ofstream content(base + ".eml.part", std::ios::binary);
  state::BodyCursor cursor(session.body(), state::BodyCursor::View::content);
  while (!cursor.at_end()) {
    std::array<iovec, 16> parts;
    const auto gathered = cursor.gather(parts);
    for (std::size_t i = 0; i < gathered.count; ++i)
      content.write(static_cast<const char*>(parts[i].iov_base),
                    static_cast<std::streamsize>(parts[i].iov_len));
    cursor.advance(gathered.bytes);
  }
  content.close();
  std::ofstream envelope(base + ".env", std::ios::binary);
  envelope << session.mail_facts().sender.text() << "\n";
  for (const auto& recipient : session.data_facts().recipients) envelope << recipient.mailbox.text() << "\n";
  envelope.close();
  std::error_code error;
  std::filesystem::rename(base + ".eml.part", base + ".eml", error);
  return content.good() && envelope.good() && !error;
}

void SinkDesk::transaction_ended(const smtp::TransactionRecord& record, base::Millis, bool) {
  if (sink_.options.quiet) return;
  std::string to;
  for (const auto& recipient : record.recipients)
    to += (to.empty() ? "<" : " <") + base::printable(recipient.address) + ">";
  std::printf("sink: from <%s> to %s: %s, %llu octets\n", base::printable(record.sender).c_str(), to.c_str(),
              std::string(telemetry::name_of(record.ending)).c_str(),
              static_cast<unsigned long long>(record.size));
  std::fflush(stdout);
}

}  // namespace

base::Result<SinkRule> parse_refusal(std::string_view text) {
  auto rest = text;
  auto rule = parse_when(base::split_off(rest, '='));
  if (!rule) return rule;
  const auto code_text = base::split_off(rest, ' ');
  std::uint64_t code = 0;
  if (!base::parse_number(code_text, code) || code < 400 || code > 599)
    return base::Failure{"\"" + std::string(text) + "\": after = comes a 4xx or 5xx code"};
  auto enhanced = smtp::Enhanced::parse(rest.substr(0, rest.find(' ')));
  if (enhanced) base::split_off(rest, ' ');
  rule->refusal = smtp::Reply(static_cast<std::uint16_t>(code), enhanced.value_or(smtp::Enhanced{}),
                              "sink.refused", rest.empty() ? "refused as told" : std::string(rest));
  return rule;
}

base::Result<SinkRule> parse_delay(std::string_view text) {
  auto rest = text;
  auto rule = parse_when(base::split_off(rest, '='));
  if (!rule) return rule;
  const auto wrong = base::TextForm<std::chrono::milliseconds>::parse(rest, rule->delay);
  if (!wrong.empty()) return base::Failure{"\"" + std::string(text) + "\": the delay " + wrong};
  return rule;
}

base::Result<SinkRule> parse_drop(std::string_view text) {
  auto rule = parse_when(text);
  if (rule) rule->drop = true;
  return rule;
}

int run_sink(const SinkOptions& options) {
  return Sink(options).run();
}

}  // namespace gatepost::gateway
