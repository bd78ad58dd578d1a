#include "smtp/client_session.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::smtp {
namespace {

/// Reads an EHLO reply's lines; the first one is the server's greeting.
Extensions read_extensions(std::string_view text) {
  Extensions found;
  base::split_off(text, '\n');
  while (!text.empty()) {
    auto line = base::split_off(text, '\n');
    const auto keyword = base::split_off(line, ' ');
    for (std::size_t i = 0; i < extension_names.size(); ++i) {
      if (base::iequals(keyword, extension_names[i])) found.add(static_cast<Extension>(i));
    }
    std::uint64_t number = 0;
    if (base::iequals(keyword, "SIZE") && base::parse_number(base::trim(line), number))
      found.max_size = number;
    if (!base::iequals(keyword, "LIMITS")) continue;
    while (!line.empty()) {
      auto value = base::split_off(line, ' ');
      const auto limit = base::split_off(value, '=');
      if (base::iequals(limit, "RCPTMAX") && base::parse_number(value, number)) {
        found.rcpt_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(number, UINT32_MAX));
      }
    }
  }
  return found;
}

void append_mail(std::string& out, const Envelope& envelope, const Extensions& extensions) {
  out.append("MAIL FROM:<").append(envelope.sender).append(">");
  if (extensions.has(Extension::size) && !envelope.ask_only)
    out.append(" SIZE=").append(std::to_string(envelope.size));
  if (envelope.eight_bit) out.append(" BODY=8BITMIME");
  if (envelope.smtputf8) out.append(" SMTPUTF8");
  if (extensions.has(Extension::dsn)) out.append(envelope.dsn);
  out.append("\r\n");
}

void append_rcpt(std::string& out, const EnvelopeRecipient& recipient, const Extensions& extensions) {
  out.append("RCPT TO:<").append(recipient.address).append(">");
  if (extensions.has(Extension::dsn)) out.append(recipient.dsn);
  out.append("\r\n");
}

}  // namespace

std::string_view missing_capability(const Envelope& envelope, const Extensions& extensions) {
  if (envelope.smtputf8 && !extensions.has(Extension::smtputf8)) return "SMTPUTF8";
  if (envelope.eight_bit && !extensions.has(Extension::eight_bit_mime)) return "8BITMIME";
  const bool asks_dsn =
      !envelope.dsn.empty() || std::any_of(envelope.recipients.begin(), envelope.recipients.end(),
                                           [](const auto& r) { return !r.dsn.empty(); });
  if (asks_dsn && !extensions.has(Extension::dsn)) return "DSN";
  if (extensions.max_size > 0 && envelope.size > extensions.max_size) return "SIZE for a message as large";
  return {};
}

ClientSession::Action ClientSession::greet() {
  state_ = State::banner;
  return Action::read;
}

ClientSession::Action ClientSession::transact(const Envelope& envelope) {
  envelope_ = &envelope;
  replies_ = {};
  rcpts_sent_ = 0;
  data_sent_ = false;
  state_ = State::mail;
  if (needs_reset_) {
    output_.append("RSET\r\n");
    state_ = State::rset;
    if (!extensions_.has(Extension::pipelining)) return Action::read;
  }
  append_mail(output_, envelope, extensions_);
  if (!extensions_.has(Extension::pipelining)) return Action::read;
  for (const auto& recipient : envelope.recipients) append_rcpt(output_, recipient, extensions_);
  rcpts_sent_ = envelope.recipients.size();
  // With several recipients DATA waits until all have been taken: a message for some of them can't be
  // answered.
  if (rcpts_sent_ == 1 && !envelope.ask_only) {
    output_.append("DATA\r\n");
    data_sent_ = true;
  }
  return Action::read;
}

ClientSession::Action ClientSession::body_sent() {
  state_ = State::dot;
  return Action::read;
}

void ClientSession::quit() {
  if (state_ == State::closed) return;  // it might take QUIT for content
  output_.append("QUIT\r\n");
  state_ = State::closed;
}

ClientSession::Action ClientSession::tls_started() {
  encrypted_ = true;
  return say_ehlo();
}

ClientSession::Action ClientSession::feed(std::string_view input) {
  auto action = Action::read;
  while (!input.empty()) {
    if (action == Action::done || action == Action::ready) {
      // Said behind what counts, such as a 421 behind the answer to the dot: the answer stands.
      closing_ = true;
      return action;
    }
    if (action != Action::read) return fail("the server spoke out of turn: " + base::printable(input, 100));
    const auto fed = reader_.feed(input);
    input.remove_prefix(fed.consumed);
    if (fed.status == ReplyReader::Status::malformed) return fail("the server's reply is not SMTP");
    if (fed.status == ReplyReader::Status::complete) action = take(std::move(reader_.reply()));
  }
  return action;
}

ClientSession::Action ClientSession::take(BackendReply reply) {
  if (reply.code == 421) closing_ = true;
  switch (state_) {
    case State::banner:
      if (!reply.positive()) return fail("the server greeted with: " + base::printable(reply.line()));
      server_name_ = reply.text.substr(0, reply.text.find_first_of(" \n"));
      return say_ehlo();
    case State::ehlo: return take_ehlo(reply);
    case State::helo:
      if (!reply.positive()) return fail("the server refused HELO: " + base::printable(reply.line()));
      state_ = State::idle;
      return Action::ready;
    case State::starttls:
      if (reply.code == 220) return Action::start_tls;
      if (tls_ == ClientTls::required)
        return fail("the server refused STARTTLS: " + base::printable(reply.line()));
      state_ = State::idle;
      return Action::ready;
    case State::mail:
      replies_.mail = std::move(reply);
      state_ = State::rcpt;
      if (rcpts_sent_ > 0) return Action::read;
      if (!replies_.mail->positive()) return finish(false);
      append_rcpt(output_, envelope_->recipients[rcpts_sent_++], extensions_);
      return Action::read;
    case State::rcpt: return take_rcpt(std::move(reply));
    case State::data: return take_data(std::move(reply));
    case State::dot: {
      const bool taken = reply.positive();
      replies_.dot = std::move(reply);
      return finish(!taken);
    }
    case State::sending:
      // It would not hear the message out. The connection is of no use afterwards, but the answer counts.
      if (reply.code < 400) return fail("the server spoke out of turn: " + base::printable(reply.line()));
      if (!closing_) replies_.dot = std::move(reply);
      state_ = State::closed;
      return Action::done;
    case State::rset:
      if (!reply.positive()) return fail("the server refused RSET: " + base::printable(reply.line()));
      needs_reset_ = false;
      state_ = State::mail;
      if (!extensions_.has(Extension::pipelining)) append_mail(output_, *envelope_, extensions_);
      return Action::read;
    default: return fail("the server spoke out of turn: " + base::printable(reply.line()));
  }
}

ClientSession::Action ClientSession::take_ehlo(const BackendReply& reply) {
  if (!reply.positive()) {
    if (closing_ || tls_ == ClientTls::required)
      return fail("the server refused EHLO: " + base::printable(reply.line()));
    output_.append("HELO ").append(hostname_).append("\r\n");
    state_ = State::helo;
    return Action::read;
  }
  extensions_ = read_extensions(reply.text);
  if (!encrypted_ && tls_ != ClientTls::none) {
    if (extensions_.has(Extension::starttls)) {
      output_.append("STARTTLS\r\n");
      asked_for_tls_ = true;
      state_ = State::starttls;
      return Action::read;
    }
    if (tls_ == ClientTls::required)
      return fail("the server does not offer STARTTLS, which this route requires");
  }
  state_ = State::idle;
  return Action::ready;
}

ClientSession::Action ClientSession::take_rcpt(BackendReply reply) {
  replies_.rcpts.push_back(std::move(reply));
  if (replies_.rcpts.size() < rcpts_sent_) return Action::read;
  if (rcpts_sent_ < envelope_->recipients.size()) {
    append_rcpt(output_, envelope_->recipients[rcpts_sent_++], extensions_);
    return Action::read;
  }
  return after_recipients();
}

bool ClientSession::all_accepted() const {
  return replies_.mail->positive() && std::all_of(replies_.rcpts.begin(), replies_.rcpts.end(),
                                                  [](const BackendReply& r) { return r.positive(); });
}

ClientSession::Action ClientSession::after_recipients() {
  if (!data_sent_) {
    if (envelope_->ask_only || !all_accepted()) return finish(true);
    output_.append("DATA\r\n");
    data_sent_ = true;
  }
  state_ = State::data;
  return Action::read;
}

ClientSession::Action ClientSession::take_data(BackendReply reply) {
  const bool go = reply.code == 354;
  if (go && !all_accepted()) {
    // It would take a dot now as the end of an empty message.
    replies_.data.reset();
    return fail("the server wants the message of a refused transaction");
  }
  replies_.data = std::move(reply);
  if (!go) return finish(true);
  state_ = State::sending;
  return Action::body;
}

ClientSession::Action ClientSession::say_ehlo() {
  output_.append("EHLO ").append(hostname_).append("\r\n");
  state_ = State::ehlo;
  return Action::read;
}

ClientSession::Action ClientSession::finish(bool reset_needed) {
  needs_reset_ = reset_needed;
  state_ = State::idle;
  return Action::done;
}

ClientSession::Action ClientSession::fail(std::string why) {
  failure_ = std::move(why);
  state_ = State::closed;
  return Action::close;
}

}  // namespace gatepost::smtp
