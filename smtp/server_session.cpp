#include "smtp/server_session.hpp"

#include <algorithm>

#include "core/base/text.hpp"
#include "core/net/proxy_protocol.hpp"
#include "smtp/command_table.hpp"

namespace gatepost::smtp {
namespace {

/// Refused recipients listed one by one in a transaction's record.
constexpr std::size_t recipients_listed = 1000;

/// A line as the protocol wants it: no CR, LF or NUL within.
bool is_clean(std::string_view line) {
  return std::none_of(line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

/// The codes there are where a client expects 220 (RFC 5321 3.1, 3.8).
Reply in_place_of_banner(const Reply& reply) {
  return Reply(reply.permanent() ? 554 : 421, reply.enhanced(), reply.token(), reply.text());
}

}  // namespace

ServerSession::ServerSession(const Settings& settings, ServerHost& host, ConnectFacts facts)
    : settings_(settings), host_(host), connect_(facts), helo_{connect_, {}, false, false, {}, {}, 0, {}} {}

void ServerSession::note_proxy(const base::Endpoint& client, const base::Endpoint& local) {
  connect_.via = connect_.client;
  connect_.client = client;
  connect_.local = local;
}

Step ServerSession::consulted(Decision decision) {
  if (const auto delay = std::exchange(decision.delay, base::Millis{0}); delay > base::Millis{0}) {
    held_ = std::make_unique<Decision>(std::move(decision));
    return {Action::pause, stage(), delay};
  }
  if (decision.act == Decision::Act::drop) {
    const auto subject =
        state_ == State::open && transaction_ ? transaction_->candidate.mailbox.text() : std::string();
    if (!subject.empty()) list_recipient(subject, *decision.reply);
    refuse(*decision.reply, subject);
    end_transaction(decision.reply->permanent() ? Ending::refused : Ending::deferred, decision.reply);
    state_ = State::closed;
    return {Action::close};
  }
  switch (state_) {
    case State::connected:
      if (decision.act == Decision::Act::refuse) return close(in_place_of_banner(*decision.reply));
      say(reply(Say::banner, {settings_.hostname}));
      state_ = State::greeted;
      return go_on();
    case State::greeted:
    case State::ready:
      return transaction_ ? mail_decided(std::move(decision)) : helo_decided(std::move(decision));
    case State::open: return rcpt_decided(std::move(decision));
    default: return message_decided(std::move(decision));
  }
}

// ---- Command lines

ServerSession::Fed ServerSession::feed(std::string_view input) {
  const auto limit = settings_.options.max_line.bytes;
  if (totals_.commands == 0 && net::looks_like_proxy_header(input)) {
    return {input.size(), close(reply(Say::proxy_unexpected))};
  }
  const auto end = input.find('\n');
  if (end == std::string_view::npos) {
    if (input.size() < limit && !skipping_line_) return {0, go_on()};
    skipping_line_ = true;
    return {input.size(), go_on()};
  }
  const auto consumed = end + 1;
  ++totals_.commands;
  if (std::exchange(skipping_line_, false) || consumed > limit) {
    return {consumed, error(reply(Say::line_too_long, {std::to_string(limit)}), {})};
  }
  const auto line = input.substr(0, end);
  if (!line.ends_with('\r') || !is_clean(line.substr(0, line.size() - 1))) {
    return {consumed, error(reply(Say::bare_newline_command), {})};
  }
  return {consumed, command(line.substr(0, line.size() - 1), input.size() > consumed)};
}

Step ServerSession::command(std::string_view line, bool more) {
  const auto split = split_command(line);
  const auto& rule = CommandTable::rule(split.verb);
  if (rule.ends_group && more) return close(reply(Say::pipelining, {base::to_upper(split.word)}));
  const auto column = static_cast<std::size_t>(state_) - static_cast<std::size_t>(State::greeted);
  const auto refusal = rule.refusals[column];
  if (refusal != Say::noop) {
    // A pipelining client said this before it could know that its MAIL was refused.
    if (refusal == Say::mail_first && mail_refusal_) return refuse(*mail_refusal_, split.word);
    return error(reply(refusal), split.word);
  }
  if (rule.junk) {
    ++totals_.junk;
    if (++junk_ > settings_.options.junk_command_limit) return cut_off(CutOff::junk);
  }
  return (this->*rule.run)(split);
}

Step ServerSession::run_helo(const CommandLine& line) {
  if (!valid_helo(line.argument)) return error(reply(Say::bad_helo, {base::to_upper(line.word)}), line.word);
  end_transaction(Ending::aborted, std::nullopt);
  mail_refusal_.reset();
  if (helo_.name_before.empty()) helo_.name_before = std::move(helo_.name);
  helo_.name = line.argument.substr(0, line.argument.find(' '));
  helo_.extended = line.verb == Verb::ehlo;
  return {Action::consult, Stage::helo};
}

Step ServerSession::helo_decided(Decision decision) {
  if (decision.act == Decision::Act::refuse) return refuse(*decision.reply, helo_.name);
  state_ = State::ready;
  if (!helo_.extended) {
    // Limits hold whether or not they are announced.
    const auto limits = host_.extensions();
    offered_ = {};
    offered_.max_size = limits.max_size;
    offered_.rcpt_max = limits.rcpt_max;
    say(reply(Say::helo, {settings_.hostname}));
    return go_on();
  }
  offered_ = host_.extensions();
  if (helo_.tls) offered_.remove(Extension::starttls);
  if (!settings_.options.dsn) offered_.remove(Extension::dsn);
  std::vector<std::string> lines{std::string(settings_.hostname)};
  for (std::size_t i = 0; i < extension_names.size(); ++i) {
    const auto extension = static_cast<Extension>(i);
    if (!offered_.has(extension)) continue;
    lines.emplace_back(extension_names[i]);
    if (extension == Extension::size) lines.back() += " " + std::to_string(size_limit());
    if (extension == Extension::limits) lines.back() += " RCPTMAX=" + std::to_string(recipient_limit());
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    output_.append(i + 1 == lines.size() ? "250 " : "250-").append(lines[i]).append("\r\n");
  }
  return go_on();
}

Step ServerSession::run_mail(const CommandLine& line) {
  mail_refusal_.reset();
  if (totals_.transactions >= static_cast<unsigned>(settings_.options.max_messages))
    return close(reply(Say::too_many_messages));
  auto parsed = parse_mail(line.argument, offered_);
  if (parsed.refusal) return error(*parsed.refusal, line.argument);
  auto& [path, parameters] = parsed.value;
  transaction_ = std::make_unique<Transaction>(helo_);
  transaction_->facts.sender = std::move(path.mailbox);
  transaction_->facts.null_sender = path.null;
  transaction_->facts.parameters = std::move(parameters);
  auto& record = transaction_->record;
  record.number = ++totals_.transactions;
  record.sender = transaction_->facts.sender.text();
  record.eight_bit = transaction_->facts.parameters.body == BodyType::eight_bit_mime;
  record.smtputf8 = transaction_->facts.parameters.smtputf8;
  const auto& size = transaction_->facts.parameters.size;
  if (size && *size > size_limit())
    return mail_decided(Decision::refuse(reply(Say::message_too_big, {std::to_string(size_limit())})));
  if (!host_.has_room()) return mail_decided(Decision::refuse(reply(Say::no_memory)));
  return {Action::consult, Stage::mail};
}

Step ServerSession::mail_decided(Decision decision) {
  if (decision.act == Decision::Act::refuse) {
    mail_refusal_ = std::make_unique<Reply>(*decision.reply);
    const auto step = refuse(*decision.reply, transaction_->record.sender);
    end_transaction(decision.reply->permanent() ? Ending::refused : Ending::deferred, decision.reply);
    return step;
  }
  state_ = State::open;
  say(Say::mail_ok);
  return go_on();
}

Step ServerSession::run_rcpt(const CommandLine& line) {
  auto parsed = parse_rcpt(line.argument, offered_, transaction_->facts.parameters.smtputf8);
  if (parsed.refusal) {
    transaction_->refused = true;
    list_recipient(base::printable(line.argument, 200), *parsed.refusal);
    return error(*parsed.refusal, line.argument);
  }
  transaction_->record.stage = Stage::rcpt;
  transaction_->candidate = {std::move(parsed.value.path.mailbox), std::move(parsed.value.dsn)};
  if (transaction_->accepted.size() >= recipient_limit()) {
    return rcpt_decided(Decision::refuse(reply(Say::too_many_recipients)));
  }
  return {Action::consult, Stage::rcpt};
}

void ServerSession::list_recipient(std::string address, const Reply& answer) {
  auto& record = transaction_->record;
  if (record.recipients.size() < recipients_listed || answer.positive()) {
    record.recipients.push_back({std::move(address), answer});
  } else {
    ++record.recipients_unlisted;
  }
}

Step ServerSession::rcpt_decided(Decision decision) {
  auto& t = *transaction_;
  const bool accepted = decision.act != Decision::Act::refuse;
  const auto answer = accepted ? reply(Say::rcpt_ok) : *decision.reply;
  list_recipient(t.candidate.mailbox.text(), answer);
  if (!accepted) {
    (answer.permanent() ? t.refused : t.deferred) = true;
    // Nobody has so many recipients refused who does not try out addresses.
    if (++refused_recipients_ > recipients_listed) return error(answer, t.candidate.mailbox.text());
    return refuse(answer, t.candidate.mailbox.text());
  }
  t.accepted.push_back(std::move(t.candidate));
  t.candidate = {};
  say(answer);
  return go_on();
}

/// Why there can be no message: nobody would get it.
std::optional<Reply> ServerSession::no_recipients() const {
  const auto& t = *transaction_;
  if (!t.accepted.empty()) return std::nullopt;
  if (t.deferred) return reply(Say::some_rcpts_deferred);
  return reply(t.refused ? Say::all_rcpts_refused : Say::rcpt_first);
}

Step ServerSession::run_data(const CommandLine& line) {
  if (!line.argument.empty()) return error(reply(Say::bad_arguments, {"DATA"}), line.word);
  if (auto refusal = no_recipients()) {
    // Not an error of the client's: it pipelined, or it hopes. Nor news: the recipients' refusals were.
    say(std::move(*refusal));
    return go_on();
  }
  if (!host_.has_room()) return refuse(reply(Say::no_memory), line.word);
  begin_body(state::Body::Form::stuffed);
  transaction_->reader.emplace<DataReader>();
  state_ = State::data;
  say(Say::data_go);
  return {Action::body};
}

Step ServerSession::run_bdat(const CommandLine& line) {
  auto parsed = parse_bdat(line.argument);
  // A message must not go on without one of its chunks.
  if (parsed.refusal && state_ == State::chunking) refuse_message(*parsed.refusal);
  // What was announced comes all the same, and is not to be taken for commands.
  if (parsed.refusal && parsed.value.size == 0) return error(*parsed.refusal, line.argument);
  chunk_ = std::make_unique<Chunk>();
  chunk_->refusal = parsed.refusal;
  chunk_->left = chunk_->size = parsed.value.size;
  chunk_->last = parsed.value.last;
  refuse_chunk();
  if (!chunk_->refusal && state_ == State::open) {
    begin_body(state::Body::Form::plain);
    transaction_->record.bdat = true;
    transaction_->reader.emplace<BdatReader>();
    state_ = State::chunking;
  }
  if (chunk_->refusal) {
    // Its bytes go nowhere, but they must be read. There may be no transaction to hold a body.
    if (chunk_->size > 2 * size_limit()) return close(*chunk_->refusal);
  } else if (transaction_->received + chunk_->size > size_limit()) {
    refuse_message(reply(Say::message_too_big, {std::to_string(size_limit())}));
    if (transaction_->received + chunk_->size > 2 * size_limit()) return close(Reply(*transaction_->verdict));
  }
  if (chunk_->left == 0) return chunk_complete();
  return {Action::body};
}

/// Finds out whether the chunk that begins here counts.
void ServerSession::refuse_chunk() {
  auto& refusal = chunk_->refusal;
  if (refusal) {
    chunk_->mistake = true;
    return;
  }
  if (state_ == State::greeted) refusal = reply(Say::helo_first);
  if (state_ == State::ready && !mail_refusal_) refusal = reply(Say::mail_first);
  if (state_ == State::open && !transaction_->refused && !transaction_->deferred) refusal = no_recipients();
  chunk_->mistake = refusal.has_value();
  if (state_ == State::ready && mail_refusal_) refusal = *mail_refusal_;
  if (state_ == State::open && !refusal) refusal = no_recipients();
  if (state_ == State::open && !refusal && !host_.has_room()) refusal = reply(Say::no_memory);
}

Step ServerSession::run_rset(const CommandLine&) {
  end_transaction(Ending::aborted, std::nullopt);
  mail_refusal_.reset();
  say(Say::reset);
  return go_on();
}

Step ServerSession::run_simple(const CommandLine& line) {
  say(line.verb == Verb::vrfy ? Say::vrfy : line.verb == Verb::help ? Say::help : Say::noop);
  return go_on();
}

Step ServerSession::run_starttls(const CommandLine& line) {
  if (!line.argument.empty()) return error(reply(Say::bad_arguments, {"STARTTLS"}), line.word);
  if (helo_.tls) return error(reply(Say::tls_already), line.word);
  if (!host_.extensions().has(Extension::starttls)) return refuse(reply(Say::tls_unavailable), line.word);
  say(Say::starttls_go);
  return {Action::start_tls};
}

Step ServerSession::run_quit(const CommandLine&) {
  end_transaction(Ending::aborted, std::nullopt);
  say(Say::bye);
  quit_ = true;
  state_ = State::closed;
  return {Action::close};
}

Step ServerSession::run_not_offered(const CommandLine& line) {
  if (line.verb == Verb::unknown) return error(reply(Say::unknown_command), line.word);
  if (line.verb == Verb::auth) return error(reply(Say::auth_not_offered), line.word);
  return error(reply(Say::not_implemented, {base::to_upper(line.word)}), line.word);
}

Step ServerSession::run_foreign(const CommandLine& line) {
  return close(reply(line.verb == Verb::proxy ? Say::proxy_unexpected : Say::not_smtp));
}

// ---- The message

void ServerSession::begin_body(state::Body::Form form) {
  transaction_->record.stage = Stage::data;
  transaction_->body.emplace(host_.chunks(), form);
}

std::span<char> ServerSession::body_space() {
  if (state_ == State::data) return transaction_->body->space();
  if (!transaction_ || !transaction_->body) {
    // A chunk that is refused outright: read and thrown away in place.
    static thread_local std::array<char, 16384> nowhere;
    return std::span<char>(nowhere).first(std::min<std::uint64_t>(nowhere.size(), chunk_->left));
  }
  const auto space = transaction_->body->space();
  return space.first(std::min<std::uint64_t>(space.size(), chunk_->left));
}

Step ServerSession::fed_body(std::size_t bytes, std::string& rest) {
  return state_ == State::data ? fed_data(bytes, rest) : fed_chunk(bytes);
}

Step ServerSession::fed_data(std::size_t bytes, std::string& rest) {
  auto& t = *transaction_;
  const auto from = t.body->size();
  const bool end = std::get<DataReader>(t.reader).feed(*t.body, bytes, rest);
  t.received += bytes - rest.size();
  inspect(from);
  if (end) return message_complete();
  if (t.received > 2 * size_limit()) return close(Reply(*t.verdict));
  return {Action::body};
}

Step ServerSession::fed_chunk(std::size_t bytes) {
  chunk_->left -= bytes;
  if (!chunk_->refusal && transaction_ && transaction_->body) {
    auto& t = *transaction_;
    const auto from = t.body->size();
    std::get<BdatReader>(t.reader).feed(*t.body, bytes);
    t.received += bytes;
    inspect(from);
  }
  if (chunk_->left > 0) return {Action::body};
  return chunk_complete();
}

/// Looks at what has just been stored.
void ServerSession::inspect(std::uint64_t from) {
  auto& t = *transaction_;
  if (t.verdict) return;
  if (!t.header.complete() && t.body->size() > from) {
    t.body->view_from(from, [&t](std::string_view bytes) { t.header.feed(bytes); });
    const auto limit = settings_.options.max_header_size.bytes;
    if (t.header.size() > limit) refuse_message(reply(Say::header_too_big, {std::to_string(limit)}));
  }
  if (t.body->content_size() > size_limit())
    refuse_message(reply(Say::message_too_big, {std::to_string(size_limit())}));
}

/// The first reason stays; the content is of no use any more.
void ServerSession::refuse_message(Reply why) {
  if (transaction_->verdict) return;
  transaction_->verdict = std::move(why);
  if (transaction_->body) transaction_->body->forget();
}

void ServerSession::storage_failed() {
  refuse_message(reply(Say::no_memory));
}

/// What can only be said of the whole.
void ServerSession::judge_content() {
  const auto& found = flaws();
  const auto max_received = settings_.options.max_received;
  if (found.nul) transaction_->verdict = reply(Say::contains_nul);
  if (settings_.options.bare_newline == BareNewline::reject && (found.bare_cr > 0 || found.bare_lf > 0)) {
    refuse_message(reply(Say::bare_newline));
  }
  if (transaction_->header.received() > max_received)
    refuse_message(reply(Say::too_many_received, {std::to_string(max_received)}));
}

const ContentFlaws& ServerSession::flaws() const {
  const auto& reader = transaction_->reader;
  static const ContentFlaws none{};
  if (const auto* data = std::get_if<DataReader>(&reader)) return data->flaws();
  if (const auto* bdat = std::get_if<BdatReader>(&reader)) return bdat->flaws();
  return none;
}

Step ServerSession::message_complete() {
  auto& t = *transaction_;
  judge_content();
  t.record.flaws = flaws();
  t.record.size = t.body->content_size();
  state_ = State::judging_header;
  if (t.verdict) return message_decided(Decision::refuse(*t.verdict));
  t.record.stage = Stage::message;
  return {Action::consult, Stage::data};
}

Step ServerSession::chunk_complete() {
  const auto chunk = std::move(chunk_);
  if (chunk->refusal)
    return chunk->mistake ? error(*chunk->refusal, "BDAT") : refuse(*chunk->refusal, "BDAT");
  auto& t = *transaction_;
  if (chunk->last) {
    std::get<BdatReader>(t.reader).finish(*t.body);
    return message_complete();
  }
  if (t.verdict) return refuse(*t.verdict, "BDAT");
  say(reply(Say::chunk_ok, {std::to_string(chunk->size)}));
  return go_on();
}

Step ServerSession::message_decided(Decision decision) {
  if (decision.act == Decision::Act::refuse) {
    const auto step = refuse(*decision.reply, recipients_in_words());
    end_transaction(decision.reply->permanent() ? Ending::refused : Ending::deferred, decision.reply);
    return step;
  }
  if (decision.act == Decision::Act::discard) {
    const auto answer = reply(Say::discarded, {connect_.id.view()});
    say(answer);
    end_transaction(Ending::discarded, answer);
    return go_on();
  }
  if (state_ == State::judging_header) {
    state_ = State::judging_message;
    return {Action::consult, Stage::message};
  }
  state_ = State::delivering;
  return {Action::deliver};
}

/// Whom a refused message was for.
std::string ServerSession::recipients_in_words() const {
  const auto& accepted = transaction_->accepted;
  return accepted.size() == 1 ? accepted.front().mailbox.text()
                              : std::to_string(accepted.size()) + " recipients";
}

Step ServerSession::delivered(DeliveryAnswer answer) {
  if (answer.ending == Ending::vanished) {
    end_transaction(Ending::vanished, std::move(answer.reply));
    state_ = State::closed;
    return {Action::close};
  }
  if (answer.reply.positive()) {
    say(answer.reply);
  } else {
    refuse(answer.reply, recipients_in_words());
  }
  end_transaction(answer.ending, std::move(answer.reply));
  return go_on();
}

// ---- The session's ends

Step ServerSession::tls_started(std::string_view version, std::string_view cipher, int bits) {
  helo_.name.clear();
  helo_.name_before.clear();
  helo_.tls = true;
  helo_.tls_version = version;
  helo_.tls_cipher = cipher;
  helo_.tls_bits = bits;
  mail_refusal_.reset();
  state_ = State::greeted;
  return go_on();
}

Step ServerSession::tls_failed(std::string_view why) {
  host_.refused(stage(), reply(Say::tls_failed), why);
  note_mistake(stage(), reply(Say::tls_failed), why);
  state_ = State::closed;
  return {Action::close};
}

Step ServerSession::resumed() {
  if (!held_) return go_on();
  const auto decision = std::exchange(held_, nullptr);
  // Who talks while the banner is held back is looked at again.
  if (state_ == State::connected && connect_.early_talk) return {Action::consult, Stage::connect};
  return consulted(std::move(*decision));
}

Step ServerSession::timed_out(Say why) {
  end_transaction(Ending::vanished, std::nullopt);
  return close(reply(why));
}

void ServerSession::hung_up() {
  end_transaction(Ending::vanished, std::nullopt);
  state_ = State::closed;
}

// ---- Saying things

std::uint64_t ServerSession::size_limit() const {
  const auto own = settings_.options.max_message_size.bytes;
  return offered_.max_size > 0 ? std::min(own, offered_.max_size) : own;
}

std::size_t ServerSession::recipient_limit() const {
  const auto own = static_cast<std::size_t>(settings_.options.max_recipients);
  return offered_.rcpt_max > 0 ? std::min<std::size_t>(own, offered_.rcpt_max) : own;
}

void ServerSession::say(Reply reply) {
  if (!reply.positive()) reply.sign(connect_.id.view(), settings_.help);
  reply.append_to(output_);
}

void ServerSession::note_mistake(Stage at, const Reply& reply, std::string_view subject) {
  if (totals_.mistakes.size() < SessionTotals::mistakes_kept)
    totals_.mistakes.push_back({at, base::printable(subject, 200), reply});
}

/// Says a 4xx or 5xx that is no mistake in the protocol.
Step ServerSession::refuse(Reply reply, std::string_view subject) {
  ++(reply.permanent() ? totals_.refused : totals_.deferred);
  host_.refused(stage(), reply, subject);
  if (!transaction_) note_mistake(stage(), reply, subject);
  say(std::move(reply));
  return go_on();
}

/// Says a 5xx that is one, and counts it.
Step ServerSession::error(Reply reply, std::string_view subject) {
  count_error(reply.token());
  host_.refused(stage(), reply, subject);
  note_mistake(stage(), reply, subject);
  if (totals_.errors >= settings_.options.hard_error_limit) return cut_off(CutOff::errors);
  say(std::move(reply));
  if (totals_.errors <= settings_.options.soft_error_limit) return go_on();
  ++totals_.slowed;
  return {Action::pause, stage(), settings_.options.error_delay};
}

void ServerSession::count_error(std::string_view reason) {
  ++totals_.errors;
  totals_.last_error = stage();
  auto& counts = totals_.errors_by_reason;
  const auto known =
      std::find_if(counts.begin(), counts.end(), [reason](const auto& one) { return one.reason == reason; });
  ++(known != counts.end() ? *known : counts.emplace_back(ErrorCount{reason})).count;
}

Step ServerSession::cut_off(CutOff why) {
  totals_.last_error = stage();
  totals_.cut_off = why;
  return close(reply(Say::too_many_errors));
}

/// Says it and ends the session.
Step ServerSession::close(Reply reply) {
  const auto at = stage();
  end_transaction(reply.permanent() ? Ending::refused : Ending::deferred, reply);
  ++(reply.permanent() ? totals_.refused : totals_.deferred);
  host_.refused(at, reply, {});
  note_mistake(at, reply, {});
  say(std::move(reply));
  state_ = State::closed;
  return {Action::close};
}

void ServerSession::end_transaction(Ending ending, std::optional<Reply> last) {
  if (!transaction_) return;
  auto& record = transaction_->record;
  record.ending = ending;
  record.reply = std::move(last);
  if (ending == Ending::aborted) explain_abort(*transaction_);
  if (record.reply && !record.reply->positive()) record.reply->sign(connect_.id.view(), settings_.help);
  if (ending == Ending::delivered) {
    ++totals_.delivered;
    refused_recipients_ = 0;
  }
  if (record.stage == Stage::message) junk_ = 0;
  host_.transaction_ended(record);
  transaction_.reset();
  if (state_ != State::greeted && state_ != State::closed) state_ = State::ready;
}

/// A client that gives up because it was refused was refused.
void ServerSession::explain_abort(Transaction& t) {
  if (t.verdict) {
    t.record.reply = t.verdict;
    t.record.ending = t.verdict->permanent() ? Ending::refused : Ending::deferred;
  } else if (t.accepted.empty() && (t.deferred || t.refused)) {
    t.record.ending = t.deferred ? Ending::deferred : Ending::refused;
  }
}

/// The stage that a refusal said now belongs to.
Stage ServerSession::stage() const {
  switch (state_) {
    case State::connected: return Stage::connect;
    case State::greeted: return Stage::helo;
    case State::ready: return transaction_ ? Stage::mail : Stage::helo;
    case State::open: return Stage::rcpt;
    case State::chunking:
    case State::data: return Stage::data;
    default: return Stage::message;
  }
}

}  // namespace gatepost::smtp
