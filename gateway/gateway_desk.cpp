#include "gateway/gateway_desk.hpp"

#include "gateway/command_abuse.hpp"
#include "mail/message_id.hpp"
#include "mail/received.hpp"

namespace gatepost::gateway {
namespace {

/// Memory a message may take while there is plenty, and when there is not.
constexpr std::size_t generous_share = 4 << 20;
constexpr std::size_t tight_share = 256 << 10;

/// RFC 3848 and RFC 6531.
std::string_view protocol_name(const smtp::MailFacts& facts) {
  if (facts.parameters.smtputf8) return facts.helo.tls ? "UTF8SMTPS" : "UTF8SMTP";
  if (facts.helo.tls) return "ESMTPS";
  return facts.helo.extended ? "ESMTP" : "SMTP";
}

}  // namespace

smtp::Extensions GatewayDesk::extensions() const {
  return context_.evidence.live->offer();
}

bool GatewayDesk::has_room() const {
  return context_.chunks.slice().level() != base::MemoryBudget::Level::full;
}

std::size_t GatewayDesk::memory_share() const {
  return context_.chunks.slice().level() == base::MemoryBudget::Level::plenty ? generous_share : tight_share;
}

checks::Pipeline::Consultation GatewayDesk::ask(smtp::Stage stage) {
  const auto& pipeline = *context_.evidence.live->pipeline;
  switch (stage) {
    case smtp::Stage::connect: return pipeline.connect(session_->connect_facts(), evidence_, verdicts_);
    case smtp::Stage::helo: return pipeline.helo(session_->helo_facts(), evidence_, verdicts_);
    case smtp::Stage::mail: return pipeline.mail(session_->mail_facts(), evidence_, verdicts_);
    case smtp::Stage::rcpt: return pipeline.rcpt(session_->rcpt_facts(), evidence_, verdicts_);
    case smtp::Stage::data: return pipeline.data(session_->data_facts(), evidence_, verdicts_);
    case smtp::Stage::message: break;
  }
  const auto data = session_->data_facts();
  return pipeline.message(session_->message_facts(data), evidence_, verdicts_);
}

std::optional<smtp::Decision> GatewayDesk::consult(smtp::Stage stage, bool again) {
  if (waiting_since_ != base::Instant{}) {
    waited_ += std::chrono::duration_cast<base::Millis>(context_.evidence.clock.now() - waiting_since_);
    waiting_since_ = {};
  }
  if (!again) {
    if (stage == smtp::Stage::connect) verdicts_.begin_connect();
    if (stage == smtp::Stage::helo) {
      verdicts_.begin_helo();
      evidence_.forget_spf();
    }
    if (stage == smtp::Stage::rcpt) evidence_.begin_recipient();
    if (stage <= smtp::Stage::mail) reached_ = stage;
    if (stage == smtp::Stage::data) note_message_id();
  }
  auto answer = ask(stage);
  if (answer.pending) return std::nullopt;
  if (evidence_.pending()) go_on_meanwhile();
  return std::move(answer.decision);
}

/// For the log: with it a message is found again in the internal server's own.
void GatewayDesk::note_message_id() {
  const auto& header = evidence_.header(session_->data_facts());
  if (const auto* field = header.block.first("Message-ID"))
    message_id_ = mail::printable_message_id(field->value);
}

/// What was started early goes on while the client talks: a lookup that depends on another need not wait for
/// the next command.
void GatewayDesk::go_on_meanwhile() {
  evidence_.when_answered([this] {
    if (reached_ == smtp::Stage::mail && !session_->in_transaction()) return;
    ask(reached_);
    if (evidence_.pending()) go_on_meanwhile();
  });
}

void GatewayDesk::when_ready(std::function<void()> call) {
  if (!evidence_.calling_out()) waiting_since_ = context_.evidence.clock.now();
  evidence_.when_answered(std::move(call));
}

/// A callout ends by itself, and is made only when the other checks want nothing of DNS any more.
base::Millis GatewayDesk::patience() const {
  if (evidence_.calling_out()) return Desk::patience();
  return std::max(context_.evidence.live->pipeline->policy().dns_budget - waited_, base::Millis{0});
}

bool GatewayDesk::give_up() {
  return evidence_.give_up();
}

/// The confirmed name, as far as a check has asked for it.
std::string_view GatewayDesk::client_name() const {
  const auto* known = evidence_.known_client_name();
  return known == nullptr ? std::string_view{} : known->confirmed();
}

std::string GatewayDesk::make_received(const smtp::MailFacts& facts,
                                       std::span<const smtp::Recipient> recipients) const {
  const auto& helo = facts.helo;
  std::string tls;
  if (helo.tls)
    tls = std::string(helo.tls_version) + " with cipher " + std::string(helo.tls_cipher) + ", " +
          std::to_string(helo.tls_bits) + " bits";
  return mail::received_field(
      {helo.name, client_name(), helo.connect.client.address, context_.evidence.live->config.options.hostname,
       protocol_name(facts), tls, helo.connect.id.view(),
       recipients.size() == 1 ? std::string_view(recipients[0].mailbox.text()) : std::string_view{},
       context_.evidence.clock.wall()});
}

/// The way all recipients go. Null if a reload has taken a domain away or given them different ways.
std::shared_ptr<const relay::Route> GatewayDesk::route_of(std::span<const smtp::Recipient> recipients) const {
  const directory::Domain* first = nullptr;
  for (const auto& recipient : recipients) {
    const auto* domain = context_.evidence.live->domains.domain_of(recipient.mailbox);
    if (domain == nullptr || (first != nullptr && domain->route != first->route)) return nullptr;
    if (first == nullptr) first = domain;
  }
  return context_.evidence.live->routes.at(first->route);
}

net::Task<smtp::DeliveryAnswer> GatewayDesk::deliver(smtp::ServerSession& session, net::Deadline& deadline,
                                                     std::function<bool()> client_gone) {
  const auto started = context_.evidence.clock.now();
  const auto live = context_.evidence.live;  // a reload must not take the route away meanwhile
  const auto data = session.data_facts();
  const auto& facts = data.mail;
  const auto fields = live->pipeline->header_fields(verdicts_) + make_received(facts, data.recipients);
  smtp::Envelope envelope;
  envelope.sender = facts.sender.text();
  envelope.dsn = facts.parameters.dsn;
  envelope.eight_bit = facts.parameters.body == smtp::BodyType::eight_bit_mime;
  envelope.smtputf8 = facts.parameters.smtputf8;
  envelope.size = data.body.content_size() + fields.size();
  std::vector<std::string> keys;
  std::vector<bool> suspects;
  const auto sender = learned_key(facts);
  const auto remembered_at = context_.evidence.memory.now();
  const bool anything_learned = context_.evidence.learned.size() > 0;
  for (const auto& recipient : data.recipients) {
    // Postmaster and abuse are never learned, wherever their mail goes; nor is what was quoted, since a
    // backend that dislikes the quotes would speak of an address that others write without.
    const bool spared = recipient.mailbox.is_role() || recipient.mailbox.is_quoted();
    envelope.recipients.push_back({live->domains.delivery_address(recipient.mailbox), recipient.dsn, spared});
    keys.push_back(recipient.mailbox.key());
    if (anything_learned)
      suspects.push_back(context_.evidence.learned.is_suspect(sender, keys.back(), remembered_at));
  }
  const auto route = route_of(data.recipients);
  if (!route) {
    smtp::DeliveryAnswer answer{smtp::Ending::deferred, smtp::reply(smtp::Say::relay_failed)};
    co_return answer;
  }
  const relay::Message message{*route, envelope, data.body, fields, suspects, facts.helo.connect.id.view()};
  auto delivery = co_await context_.deliverer.deliver(message, deadline, std::move(client_gone));
  delivery_ = std::make_unique<relay::Delivery>(std::move(delivery));
  context_.evidence.learned.apply(sender, keys, delivery_->lessons, context_.evidence.memory.now());
  delivery_time_ =
      std::chrono::duration_cast<std::chrono::microseconds>(context_.evidence.clock.now() - started);
  co_return delivery_->answer;
}

void GatewayDesk::refused(smtp::Stage stage, const smtp::Reply& reply, std::string_view subject) {
  const auto sender = session_->in_transaction() ? std::string_view(session_->mail_facts().sender.text())
                                                 : std::string_view{};
  auto signed_reply = reply;
  signed_reply.sign(session_->connect_facts().id.view(), {});
  const auto basis = verdicts_.basis_of(reply.token(), subject);
  context_.recorder.record(telemetry::Refused{context_.evidence.clock.wall(), session_->helo_facts(), stage,
                                              signed_reply, sender, subject, basis});
}

void GatewayDesk::transaction_ended(const smtp::TransactionRecord& record, base::Millis duration,
                                    bool spilled) {
  const auto findings = verdicts_.transaction_findings();
  std::vector<telemetry::Finding> of_session;
  if (record.number == 1) of_session = verdicts_.session_findings();
  telemetry::TransactionEnded event{context_.evidence.clock.wall(), session_->helo_facts(), record, findings,
                                    of_session};
  if (delivery_) {
    event.server = delivery_->server;
    event.server_reply = delivery_->server_reply;
    event.attempts = delivery_->attempts;
    event.outcome_unknown = delivery_->outcome_unknown;
    event.server_tls = delivery_->encrypted;
    event.delivery = delivery_time_;
  }
  event.client_name = client_name();
  event.message_id = message_id_;
  event.spilled = spilled;
  event.duration = duration;
  context_.recorder.record(event);
  context_.evidence.live->pipeline->transaction_ended(session_->mail_facts(), record, evidence_, verdicts_);
  delivery_.reset();
  message_id_.clear();
  evidence_.end_transaction();
  verdicts_.end_transaction();
}

void GatewayDesk::session_closed(const smtp::HeloFacts& facts, const smtp::SessionTotals& totals,
                                 telemetry::Close how, base::Millis duration, std::uint64_t in,
                                 std::uint64_t out) {
  context_.evidence.live->pipeline->session_closed(facts, totals, evidence_, verdicts_);
  auto findings = verdicts_.session_findings();
  if (auto abuse = command_abuse(totals)) findings.push_back(std::move(*abuse));
  context_.recorder.record(telemetry::SessionClosed{context_.evidence.clock.wall(), facts, totals, findings,
                                                    how, duration, in, out});
}

}  // namespace gatepost::gateway
