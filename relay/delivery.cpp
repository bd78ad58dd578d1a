#include "relay/delivery.hpp"

#include <algorithm>
#include <array>

#include "core/net/one_shot.hpp"
#include "relay/scrub.hpp"

namespace gatepost::relay {
namespace {

using Action = smtp::ClientSession::Action;

constexpr std::string_view dot = ".\r\n";
/// For a connection to one server, where the route has others.
constexpr base::Millis longest_in_line{2000};

}  // namespace

net::Task<Delivery> Deliverer::deliver(const Message& message, net::Deadline& deadline,
                                       ClientGone client_gone) {
  Delivery delivery{
      {smtp::Ending::deferred, smtp::reply(smtp::Say::backend_down)}, {}, {}, {}, false, false, 0, {}};
  deadline.set(clock_.now() + options_.before_dot);
  const auto& servers = message.route.servers;
  for (auto place = servers.begin(); place != servers.end(); ++place) {
    const auto& server = *place;
    if (!server->breaker.allow(clock_.now())) continue;
    const auto now = clock_.now();
    const auto others = std::count_if(place + 1, servers.end(),
                                      [now](const auto& other) { return other->breaker.would_allow(now); });
    // What is left of the budget must do for all.
    const auto left = std::chrono::duration_cast<base::Millis>(deadline.when() - now);
    const Patience patience{clock_, others == 0 ? Patience::as_the_deadline
                                                : std::min(options_.reply_timeout, left / (others + 1))};
    // Rather another server than a long wait for this one.
    const Patience in_line{
        clock_, std::min(patience.silence, others == 0 ? Patience::as_the_deadline : longest_in_line)};
    bool fresh = false;
    auto result = Attempt::stale;
    while (result == Attempt::stale) {
      auto leased = co_await pool_.lease(message.route, server, deadline, fresh, in_line);
      if (!leased) {
        delivery.server_reply = leased.error().message;
        result =
            deadline.interrupted() == net::Interrupt::none ? Attempt::next_server : interrupted(deadline);
        break;
      }
      auto connection = std::move(*leased);
      ++delivery.attempts;
      const auto lacking = smtp::missing_capability(message.envelope, connection->session.extensions());
      if (!lacking.empty()) {
        fail(delivery, smtp::Ending::deferred, smtp::Say::capability_lost, lacking);
        pool_.give_back(std::move(connection), message.route);
        result = Attempt::next_server;
        break;
      }
      fresh = connection->pooled;
      delivery.server = server->address.to_string();
      delivery.encrypted = connection->session.encrypted();
      result = co_await attempt(message, *connection, deadline, patience, client_gone, delivery);
      if (result == Attempt::answered) pool_.give_back(std::move(connection), message.route);
    }
    switch (result) {
      case Attempt::answered: server->breaker.succeeded(); co_return delivery;
      case Attempt::vanished:
        fail(delivery, smtp::Ending::vanished, smtp::Say::relay_failed);
        co_return delivery;
      case Attempt::unknown:
        server->counters.outcome_unknown.fetch_add(1, std::memory_order_relaxed);
        if (deadline.interrupted() != net::Interrupt::hung_up) {
          server->note_failure(server->address.to_string() + ": no answer to the message");
          server->breaker.failed(clock_.now());
        }
        delivery.outcome_unknown = true;
        fail(delivery,
             deadline.interrupted() == net::Interrupt::hung_up ? smtp::Ending::vanished
                                                               : smtp::Ending::deferred,
             smtp::Say::outcome_unknown);
        co_return delivery;
      case Attempt::unreadable:
        fail(delivery, smtp::Ending::deferred, smtp::Say::no_memory);
        co_return delivery;
      case Attempt::out_of_time:
        fail(delivery, smtp::Ending::deferred, smtp::Say::backend_timeout);
        co_return delivery;
      case Attempt::stale:
      case Attempt::next_server: break;
    }
  }
  co_return delivery;
}

/// One transaction on one connection.
net::Task<Deliverer::Attempt> Deliverer::attempt(const Message& message, Connection& connection,
                                                 net::Deadline& deadline, Patience patience,
                                                 const ClientGone& client_gone, Delivery& delivery) {
  const bool reused = connection.pooled;
  auto& replies = connection.session.replies();
  auto action = connection.session.transact(message.envelope);
  auto talk = co_await converse(connection, action, deadline, patience);
  bool dot_sent = false;
  if (talk == Talk::answered && action == Action::body) {
    const auto sent = co_await send_message(message, connection, deadline, patience, client_gone, dot_sent);
    if (dot_sent) {
      delivery.dot_sent = clock_.now();
      deadline.set(delivery.dot_sent + options_.after_dot);
      action = connection.session.body_sent();
      const Patience as_told{clock_};
      if (sent == Sent::whole) talk = co_await converse(connection, action, deadline, as_told);
      if (talk != Talk::answered || action != Action::done) co_return Attempt::unknown;
    } else {
      if (sent == Sent::unreadable) co_return Attempt::unreadable;
      if (sent == Sent::interrupted) talk = Talk::interrupted;
      if (sent == Sent::silent) talk = Talk::silent;
      // It may have said why it would not hear the message out.
      if (sent == Sent::lost) feed_available(connection, action);
    }
  }
  if (talk == Talk::silent) co_return lost(connection, delivery, "no answer in time");
  if (talk == Talk::interrupted) {
    if (deadline.interrupted() == net::Interrupt::expired) lost(connection, delivery, "no answer in time");
    co_return interrupted(deadline);
  }
  // A goodbye that was on its way when we wrote is no answer either.
  if (reused && talk == Talk::lost && !dot_sent && replies.mail && !replies.mail->positive() &&
      replies.rcpts.empty())
    co_return Attempt::stale;
  // A server that is leaving has decided nothing, unless it is about the message that it has.
  const bool leaving = connection.session.closing() && !replies.dot;
  auto result = outcome(message.envelope, replies, message.suspects);
  // It said something about the message that is no answer.
  if (result.verdict == Outcome::Verdict::none && dot_sent) co_return Attempt::unknown;
  if (result.verdict == Outcome::Verdict::none || leaving) {
    // It was closed while idle, or says now that it was.
    if (reused && (!replies.mail || replies.mail->code == 421)) co_return Attempt::stale;
    const auto& said = connection.session.failure();
    co_return lost(connection, delivery,
                   replies.mail && leaving ? replies.mail->line()
                   : said.empty()          ? "it closed the connection"
                                           : said);
  }
  conclude(message, std::move(result), connection, delivery);
  co_return Attempt::answered;
}

/// The connection failed before the dot.
Deliverer::Attempt Deliverer::lost(Connection& connection, Delivery& delivery, std::string why) {
  connection.server->note_failure(connection.server->address.to_string() + ": " + why);
  connection.server->breaker.failed(clock_.now());
  delivery.server_reply = std::move(why);
  fail(delivery, smtp::Ending::deferred, smtp::Say::backend_lost);
  return Attempt::next_server;
}

/// Turns the transcript into the sender's answer.
void Deliverer::conclude(const Message& message, Outcome result, Connection& connection, Delivery& delivery) {
  auto& counters = connection.server->counters;
  delivery.lessons = std::move(result.lessons);
  delivery.server_reply = result.reply.line();
  using Verdict = Outcome::Verdict;
  if (result.verdict == Verdict::delivered) {
    counters.delivered.fetch_add(1, std::memory_order_relaxed);
    delivery.answer = {smtp::Ending::delivered, smtp::reply(smtp::Say::delivered, {message.incident})};
    return;
  }
  const std::array<std::string, 2> names{connection.session.server_name(), connection.server->address.host};
  for (auto& lesson : delivery.lessons) lesson.reply.text = scrub(lesson.reply.text, names);
  if (result.verdict == Verdict::passed_on && result.reply.permanent()) {
    ++connection.refusals;
    counters.refused.fetch_add(1, std::memory_order_relaxed);
  } else {
    counters.deferred.fetch_add(1, std::memory_order_relaxed);
  }
  if (result.verdict != Verdict::passed_on) {
    ++connection.refusals;
    fail(delivery, smtp::Ending::deferred,
         result.verdict == Verdict::split ? smtp::Say::split_recipients : smtp::Say::suspects_noted);
    return;
  }
  delivery.answer = {result.reply.permanent() ? smtp::Ending::refused : smtp::Ending::deferred,
                     pass_on(result.reply, names)};
}

/// Header edits, body and dot, gathered. `dot_sent` tells whether any of the dot has left; the client is
/// looked at once more before it may.
net::Task<Deliverer::Sent> Deliverer::send_message(const Message& message, Connection& connection,
                                                   net::Deadline& deadline, Patience patience,
                                                   const ClientGone& client_gone, bool& dot_sent) {
  state::BodyCursor cursor(message.body, state::BodyCursor::View::wire);
  auto prepended = message.prepended;
  auto ending = dot;
  while (!ending.empty()) {
    if (cursor.needs_load()) {
      const bool loaded = co_await load(message.body, cursor);
      if (!loaded) co_return Sent::unreadable;
      if (deadline.interrupted() != net::Interrupt::none && !dot_sent) co_return Sent::interrupted;
    }
    std::array<iovec, 64> parts;
    std::size_t count = 0;
    if (!prepended.empty()) parts[count++] = {const_cast<char*>(prepended.data()), prepended.size()};
    const auto content = cursor.gather(std::span(parts).subspan(count, parts.size() - count - 1));
    count += content.count;
    if (content.end) {
      if (!dot_sent && client_gone()) {
        deadline.interrupt(net::Interrupt::hung_up);
        co_return Sent::interrupted;
      }
      parts[count++] = {const_cast<char*>(ending.data()), ending.size()};
    }
    const auto written = connection.stream->write(std::span(parts).first(count));
    if (written.status == net::IoStatus::want_read || written.status == net::IoStatus::want_write) {
      const auto want = written.status == net::IoStatus::want_read ? net::Want::read : net::Want::write;
      const auto waited = co_await wait_for(connection, want, deadline, patience);
      if (waited == Talk::interrupted) co_return Sent::interrupted;
      if (waited == Talk::silent) co_return Sent::silent;
      continue;
    }
    if (written.status != net::IoStatus::done) co_return Sent::lost;
    const auto of_prepended = std::min(written.bytes, prepended.size());
    const auto of_content = std::min(written.bytes - of_prepended, content.bytes);
    const auto of_ending = written.bytes - of_prepended - of_content;
    prepended.remove_prefix(of_prepended);
    cursor.advance(of_content);
    ending.remove_prefix(of_ending);
    dot_sent = dot_sent || of_ending > 0;
  }
  co_return Sent::whole;
}

net::Task<bool> Deliverer::load(const state::Body& body, state::BodyCursor& cursor) {
  // Not interruptible: the reading thread holds a pointer into the cursor.
  net::Deadline patience;
  const auto part = cursor.load();
  net::OneShot<bool> done(context_.get_executor());
  spill_.read(body.file(), cursor.load_buffer(part), part.file_offset, context_.get_executor(),
              [&done](bool good) { done.set(good); });
  co_await done.wait(patience);
  if (done.get()) cursor.loaded(part);
  co_return done.get();
}

Deliverer::Attempt Deliverer::interrupted(const net::Deadline& deadline) {
  return deadline.interrupted() == net::Interrupt::hung_up ? Attempt::vanished : Attempt::out_of_time;
}

void Deliverer::fail(Delivery& delivery, smtp::Ending ending, smtp::Say why, std::string_view argument) {
  delivery.answer = {ending, argument.empty() ? smtp::reply(why) : smtp::reply(why, {argument})};
}

}  // namespace gatepost::relay
