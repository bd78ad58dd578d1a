#include "gateway/session.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <vector>

#include "core/base/text.hpp"

namespace gatepost::gateway {
namespace {

using smtp::Action;
using smtp::Say;
using smtp::Stage;
using smtp::Step;

constexpr base::Millis handshake_patience{30000};
constexpr base::Millis goodbye_patience{1000};
/// A slow start is no slow message.
constexpr base::Millis data_rate_grace{60000};
/// A client that writes on and on without reading is not listened to beyond so many octets of replies, and
/// other sessions get their turn after so many steps of one.
constexpr std::size_t output_at_once = 16384;
constexpr unsigned steps_at_once = 100;
/// So far we look for a QUIT that a client left behind before it ended its side.
constexpr std::size_t farthest_quit = 1 << 20;

bool holds_quit(std::string_view octets) {
  while (!octets.empty()) {
    if (base::istarts_with(octets, "QUIT\r\n")) return true;
    const auto end = octets.find('\n');
    if (end == std::string_view::npos) return false;
    octets.remove_prefix(end + 1);
  }
  return false;
}

}  // namespace

Session::Session(SessionContext& context, std::shared_ptr<const smtp::ServerSession::Settings> settings,
                 std::unique_ptr<Desk> desk, Start start)
    : context_(context),
      settings_(std::move(settings)),
      desk_(std::move(desk)),
      stream_(std::move(start.stream)),
      machine_(*settings_, *this, std::move(start.facts)),
      started_(context.clock.now()),
      turn_away_(std::move(start.turn_away)),
      expects_proxy_(start.expects_proxy) {
  desk_->opened(machine_);
}

net::Task<void> Session::run() {
  if (expects_proxy_) {
    const bool told = co_await read_proxy_header();
    deadline_.clear();
    if (broken_) {
      close_record();
      co_return;
    }
    if (!told) turn_away_ = smtp::reply(Say::proxy_missing);
  }
  look_for_early_talk();
  take_step(turn_away_ ? machine_.consulted(smtp::Decision::drop(*turn_away_)) : machine_.start());
  while (step_.action != Action::close) {
    if (++steps_ >= steps_at_once || machine_.output().size() >= output_at_once) {
      co_await let_others();
      if (step_.action == Action::close) break;
    }
    switch (step_.action) {
      case Action::read:
      case Action::body: {
        const auto progress = step_.action == Action::read ? read_commands() : read_body();
        if (progress == Progress::stepped) {
          if (wants_spill()) co_await spill();
          break;
        }
        steps_ = 0;
        if (const auto until = deadline_.when(); !try_flush()) {
          co_await flush(settings_->options.command_timeout);
          deadline_.set(until);
        }
        if (step_.action == Action::close) break;
        drop_buffer();
        waiting_ = true;
        readable_ = co_await stream_->wait(
            progress == Progress::want_read ? net::Want::read : net::Want::write, deadline_);
        waiting_ = false;
        if (!readable_) interrupted();
        break;
      }
      case Action::consult:
        if (!consult(step_.stage, false)) co_await consult_slowly(step_.stage);
        break;
      case Action::deliver: co_await deliver(); break;
      case Action::start_tls: co_await start_tls(); break;
      case Action::pause: co_await pause(step_.delay); break;
      case Action::close: break;
    }
  }
  deadline_.clear();
  if (!broken_ && !try_flush()) co_await flush(goodbye_patience);
  if (!broken_ && how_ != telemetry::Close::quit && !turn_away_) co_await linger();
  close_record();
}

/// Writes what is there and lets the thread's other sessions go on.
net::Task<void> Session::let_others() {
  steps_ = 0;
  if (!try_flush()) co_await flush(settings_->options.command_timeout);
  co_await net::asio::post(context_.io.get_executor(), net::asio::deferred);
}

/// The next step, from wherever it came.
void Session::take_step(Step step) {
  step_ = step;
  if (step.action == Action::close && how_ == telemetry::Close::quit && !machine_.quit())
    how_ = telemetry::Close::refused;
}

/// The connection is gone.
void Session::lost() {
  broken_ = true;
  how_ = telemetry::Close::vanished;
  machine_.hung_up();
  step_ = {Action::close};
}

/// The deadline ended a wait.
void Session::interrupted() {
  const auto why = deadline_.interrupted();
  deadline_.clear();
  if (why == net::Interrupt::hung_up) return lost();
  const auto now = context_.clock.now();
  auto say = Say::timeout;
  how_ = telemetry::Close::timeout;
  if (why == net::Interrupt::shutdown) {
    say = Say::shutting_down;
    how_ = telemetry::Close::shutdown;
  } else if (now >= session_end()) {
    say = Say::session_too_long;
  } else if (step_.action == Action::body && now - body_read_ < settings_->options.data_timeout) {
    say = Say::too_slow;
  }
  take_step(machine_.timed_out(say));
}

// ---- Steps that may wait

bool Session::consult(Stage stage, bool again) {
  if (stage == Stage::mail && !again) {
    transaction_started_ = context_.clock.now();
    spilled_ = false;
  }
  auto decision = desk_->consult(stage, again);
  if (!decision) return false;
  take_step(machine_.consulted(std::move(*decision)));
  return true;
}

net::Task<void> Session::consult_slowly(Stage stage) {
  if (!try_flush()) co_await flush(settings_->options.command_timeout);
  if (broken_) co_return;
  do {
    set_deadline(std::min(settings_->options.command_timeout, desk_->patience()));
    // The answer may come when this session is gone.
    auto ready = std::make_shared<net::OneShot<bool>>(context_.io.get_executor());
    desk_->when_ready([ready] { ready->set(true); });
    watching_ = true;
    const bool answered = co_await ready->wait(deadline_);
    watching_ = false;
    if (answered || ready->ready()) continue;
    const bool late =
        deadline_.interrupted() == net::Interrupt::expired && context_.clock.now() < session_end();
    if (!late || !desk_->give_up()) co_return interrupted();
    deadline_.clear();
  } while (!consult(stage, true));
}

net::Task<void> Session::deliver() {
  if (!try_flush()) co_await flush(settings_->options.command_timeout);
  if (broken_) co_return;
  watching_ = true;
  std::function<bool()> gone = [this] { return client_gone(); };
  auto answer = co_await desk_->deliver(machine_, deadline_, std::move(gone));
  watching_ = false;
  deadline_.clear();
  if (answer.ending == smtp::Ending::vanished) {
    how_ = telemetry::Close::vanished;
    broken_ = true;
  }
  take_step(machine_.delivered(std::move(answer)));
}

net::Task<void> Session::start_tls() {
  if (!try_flush()) co_await flush(settings_->options.command_timeout);
  if (broken_) co_return;
  // What came in plain text behind STARTTLS is not from whom TLS will tell us (RFC 3207 4.2).
  begin_ = end_ = 0;
  drop_buffer();
  stream_ = context_.start_tls(std::move(stream_));
  set_deadline(handshake_patience);
  auto progress = stream_->handshake();
  while (progress.status == net::IoStatus::want_read || progress.status == net::IoStatus::want_write) {
    const bool ready = co_await stream_->wait(
        progress.status == net::IoStatus::want_read ? net::Want::read : net::Want::write, deadline_);
    if (!ready) break;
    progress = stream_->handshake();
  }
  readable_ = true;  // the first command may have come with the end of the handshake
  if (progress.status != net::IoStatus::done) {
    const bool slow = deadline_.interrupted() != net::Interrupt::none;
    deadline_.clear();
    broken_ = true;
    take_step(machine_.tls_failed(slow ? "no handshake in time" : stream_->failure()));
    if (slow) how_ = telemetry::Close::timeout;
    co_return;
  }
  const auto* info = stream_->tls();
  take_step(machine_.tls_started(info->version, info->cipher, info->bits));
}

net::Task<void> Session::pause(base::Millis delay) {
  if (!try_flush()) co_await flush(settings_->options.command_timeout);
  if (broken_) co_return;
  if (machine_.before_banner()) {  // every new client waits for that
    co_await hold_back(delay);
  } else if (const HeldBack::Place place(context_.held_back, settings_->options.max_slowed); place) {
    co_await hold_back(delay);
  }
  if (step_.action != Action::pause) co_return;
  if (machine_.before_banner()) look_for_early_talk();
  take_step(machine_.resumed());
}

/// Waits, but not for somebody who is gone, nor while the program stops.
net::Task<void> Session::hold_back(base::Millis delay) {
  if (draining_) co_return;
  net::OneShot<bool> over(context_.io.get_executor());
  pause_ = &over;
  deadline_.set(context_.clock.now() + delay);
  watching_ = true;
  const bool ended = co_await over.wait(deadline_);
  watching_ = false;
  pause_ = nullptr;
  if (!ended && deadline_.interrupted() != net::Interrupt::expired) co_return interrupted();
  deadline_.clear();
}

bool Session::wants_spill() {
  if (!machine_.reading_body() || !machine_.has_body()) return false;
  if (desk_->memory_exhausted() && machine_.body().memory() > state::ChunkPool::small) {
    machine_.storage_failed();
    return false;
  }
  return machine_.body().memory() > desk_->memory_share() + state::ChunkPool::large;
}

/// Not interruptible: the writing thread holds pointers into the body.
net::Task<void> Session::spill() {
  auto& body = machine_.body();
  auto parts = body.spillable();
  if (parts.empty()) co_return;
  net::Deadline patience;
  net::OneShot<std::shared_ptr<state::SpillFile>> written(context_.io.get_executor());
  context_.spill.write(body.file(), std::move(parts), body.spill_offset(), context_.io.get_executor(),
                       [&written](std::shared_ptr<state::SpillFile> file) { written.set(std::move(file)); });
  co_await written.wait(patience);
  if (written.get()) {
    body.spilled(std::move(written.get()));
    spilled_ = true;
  } else {
    machine_.storage_failed();
  }
}

// ---- Time, and the end

void Session::set_deadline(base::Millis patience) {
  deadline_.set(std::min(context_.clock.now() + patience, session_end()));
}

void Session::set_body_deadline() {
  const auto& options = settings_->options;
  body_read_ = context_.clock.now();
  auto limit = std::min(body_read_ + options.data_timeout, session_end());
  if (const auto rate = options.min_data_rate.bytes; rate > 0) {
    limit = std::min(limit, body_started_ + data_rate_grace + base::Millis(body_octets_ * 1000 / rate));
  }
  deadline_.set(limit);
}

void Session::sweep(base::Instant now) {
  if (watching_ && client_gone()) deadline_.interrupt(net::Interrupt::hung_up);
  deadline_.check(now);
}

/// Gone is also who ended the connection without QUIT: a client that waits for its answer does not.
bool Session::client_gone() {
  std::array<char, 1024> octets;
  std::span<char> unread(octets);
  switch (stream_->presence(unread)) {
    case net::Presence::here: return false;
    case net::Presence::gone: return !holds_quit(input());
    case net::Presence::leaving: break;
  }
  std::string behind(input());
  if (holds_quit(behind.append(unread.data(), unread.size()))) return false;
  if (unread.size() < octets.size()) return true;
  // More than was looked at. TLS shows one record only: who has sent so much ahead is taken to be there.
  if (stream_->tls() != nullptr) return false;
  std::vector<char> all(farthest_quit);
  unread = all;
  if (stream_->presence(unread) != net::Presence::leaving || unread.size() == all.size()) return false;
  return !holds_quit(behind.assign(input()).append(unread.data(), unread.size()));
}

void Session::shut_down(bool hard) {
  draining_ = true;
  // Who has not been greeted yet has nothing to finish.
  const bool held_back = pause_ != nullptr && machine_.before_banner();
  if (hard || held_back || (machine_.idle() && waiting_)) {
    deadline_.interrupt(net::Interrupt::shutdown);
  } else if (pause_ != nullptr) {
    pause_->set(true);
  }
}

void Session::transaction_ended(const smtp::TransactionRecord& record) {
  const auto duration =
      transaction_started_ == base::Instant{}
          ? base::Millis{0}
          : std::chrono::duration_cast<base::Millis>(context_.clock.now() - transaction_started_);
  desk_->transaction_ended(record, duration, spilled_);
  transaction_started_ = {};
}

void Session::close_record() {
  if (std::exchange(recorded_, true)) return;
  const auto duration = std::chrono::duration_cast<base::Millis>(context_.clock.now() - started_);
  const auto how =
      health_check_ && machine_.totals().transactions == 0 ? telemetry::Close::health_check : how_;
  desk_->session_closed(machine_.helo_facts(), machine_.totals(), how, duration, octets_in_, octets_out_);
}

void Session::abandon() {
  machine_.hung_up();
  how_ = telemetry::Close::vanished;
  close_record();
}

}  // namespace gatepost::gateway
