#include "checks/evidence.hpp"

#include <algorithm>

namespace gatepost::checks {
namespace {

/// Of one message, with all checks.
constexpr std::size_t questions_as_a_rule = 16;

DnsAnswer no_time_left() {
  static const auto answer = [] {
    dns::Answer failure;
    failure.why = "the session's time for DNS is over";
    return std::make_shared<const dns::Answer>(std::move(failure));
  }();
  return answer;
}

}  // namespace

Evidence::~Evidence() {
  bell_->on_ring(nullptr);
}

const dns::Answer* Evidence::see(AskedDns& asked) {
  if (!asked.answer && asked.later) {
    if (const auto* arrived = asked.later->get()) asked.answer = *arrived;
  }
  // That nobody could be asked is no answer from the cache.
  if (asked.answer && rests_ != Rests::live)
    rests_ = asked.later || asked.answer->failed() ? Rests::live : Rests::cache;
  return asked.answer.get();
}

const dns::Answer* Evidence::lookup(const dns::Question& question) {
  for (auto& asked : dns_) {
    if (asked.question == question) return see(asked);
  }
  if (dns_.empty()) dns_.reserve(questions_as_a_rule);
  if (!spare_) spare_ = std::make_shared<Answer<DnsAnswer>>(bell_);
  AskedDns asked{question, source_.dns(question, spare_), {}};
  if (!asked.answer) asked.later = std::move(spare_);
  if (!asked.answer && given_up_) asked.answer = no_time_left();
  return see(dns_.emplace_back(std::move(asked)));
}

const RecipientAnswer* Evidence::recipient(const mail::Mailbox& mailbox) {
  for (const auto& asked : recipients_) {
    if (asked.about == mailbox.text()) return asked.answer->get();
  }
  auto& asked = recipients_.emplace_back(
      Asked<RecipientAnswer>{mailbox.text(), std::make_shared<Answer<RecipientAnswer>>(bell_)});
  bell_->while_muffled([&] { source_.recipient(mailbox, asked.answer); });
  return asked.answer->get();
}

const ClientName* Evidence::client_name(const base::IpAddress& client) {
  if (!client_name_) client_name_ = find_client_name(client, *this);
  return client_name_ ? &*client_name_ : nullptr;
}

mail::SpfQuestion Evidence::spf_question(const smtp::MailFacts& facts, mail::SpfIdentity identity) const {
  mail::SpfQuestion question;
  question.client = facts.helo.connect.client.address;
  question.identity = identity;
  if (!facts.null_sender)
    question.sender = std::string(facts.sender.local()) + "@" + facts.sender.domain_key();
  question.helo = facts.helo.name;
  question.receiver = source_.site().hostname;
  question.now = source_.wall();
  return question;
}

const mail::SpfAnswer* Evidence::known_spf(mail::SpfIdentity identity) const {
  for (const auto& asked : spf_) {
    if (asked->identity == identity) return &asked->answer;
  }
  return nullptr;
}

const mail::SpfAnswer* Evidence::spf(const smtp::MailFacts& facts, mail::SpfIdentity identity) {
  if (const auto* known = known_spf(identity)) return known;
  auto answer = mail::check_spf(spf_question(facts, identity), *this);
  if (!answer) return nullptr;
  return &spf_.emplace_back(std::make_unique<AskedSpf>(AskedSpf{identity, std::move(*answer)}))->answer;
}

const Testimony* Evidence::examine(const WitnessPtr& witness) {
  auto asked = std::find_if(testimonies_.begin(), testimonies_.end(),
                            [&](const auto& other) { return other.about == witness->name; });
  if (asked == testimonies_.end())
    asked = testimonies_.insert(asked, {witness->name, std::make_shared<Answer<Testimony>>(bell_)});
  else if (const auto* known = asked->answer->get(); known == nullptr || known->trusted)
    return known;
  else
    asked->answer = std::make_shared<Answer<Testimony>>(bell_);  // it may have proved itself since
  const auto answer = asked->answer;
  bell_->while_muffled([&] {
    source_.examine(witness, answer);
    if (given_up_) answer->set({false, no_time_left()->why});
  });
  return answer->get();
}

const CalloutAnswer* Evidence::callout(const CalloutQuestion& question) {
  const auto about = question.address.key();
  auto asked = std::find_if(callouts_.begin(), callouts_.end(),
                            [&](const auto& other) { return other.about == about; });
  if (asked == callouts_.end()) {
    asked = callouts_.insert(asked, {about, std::make_shared<Answer<CalloutAnswer>>(bell_)});
    bell_->while_muffled([&] { source_.callout(question, asked->answer); });
  }
  const auto* answer = asked->answer->get();
  if (answer != nullptr) rests_ = answer->cached ? Rests::cache : Rests::live;
  return answer;
}

bool Evidence::calling_out() const {
  return std::any_of(callouts_.begin(), callouts_.end(),
                     [](const auto& asked) { return asked.answer->get() == nullptr; });
}

const MessageHeader& Evidence::header(const smtp::DataFacts& facts) {
  if (!header_) header_ = std::make_unique<const MessageHeader>(facts.body);
  return *header_;
}

const PastAnswer& Evidence::past(const smtp::RcptFacts& facts) {
  if (past_of_ != facts.recipient.text()) {
    past_ = source_.past(facts);
    past_of_ = facts.recipient.text();
  }
  return past_;
}

void Evidence::end_transaction() {
  header_.reset();
  recipients_.clear();
  past_of_.clear();
  // An examination holds for a minute, a session may last longer.
  testimonies_.clear();
  callouts_.clear();
  // Else a session of many transactions would look through the answers of all of them, each time.
  std::erase_if(dns_, [](const AskedDns& asked) { return !asked.open(); });
  // Postmaster at the name in HELO is the same whoever the sender is (RFC 7208 2.3).
  std::erase_if(spf_, [](const auto& asked) {
    return asked->identity != mail::SpfIdentity::helo || asked->answer.result == mail::SpfResult::temperror;
  });
}

bool Evidence::pending() const {
  const auto open = [](const auto& asked) { return asked.answer->get() == nullptr; };
  return std::any_of(dns_.begin(), dns_.end(), [](const AskedDns& asked) { return asked.open(); }) ||
         std::any_of(recipients_.begin(), recipients_.end(), open) ||
         std::any_of(testimonies_.begin(), testimonies_.end(), open) || calling_out();
}

void Evidence::when_answered(std::function<void()> call) {
  if (!pending()) return call();
  bell_->on_ring(std::move(call));
}

bool Evidence::give_up() {
  if (!pending()) return false;
  given_up_ = true;
  bell_->on_ring(nullptr);
  for (auto& asked : dns_) {
    if (see(asked) == nullptr) asked.answer = no_time_left();
  }
  for (const auto& asked : testimonies_) asked.answer->set({false, no_time_left()->why});
  return true;
}

}  // namespace gatepost::checks
