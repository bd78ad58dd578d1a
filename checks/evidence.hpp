// What checks ask for beyond the facts: each question is answered at once, or noted and answered later, and
// then the check runs again. Checks so have no coroutines, no cancellation and no order.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checks/client_name.hpp"
#include "checks/memory.hpp"
#include "checks/witness.hpp"
#include "core/base/clock.hpp"
#include "core/dns/answer.hpp"
#include "directory/domain_table.hpp"
#include "mail/header_block.hpp"
#include "mail/spf.hpp"
#include "smtp/facts.hpp"
#include "smtp/header_content.hpp"
#include "smtp/reply.hpp"

namespace gatepost::checks {

/// Rung once, when something new is known; silent when whoever listened is gone.
class Bell {
 public:
  void on_ring(std::function<void()> call) { call_ = std::move(call); }
  void ring() {
    if (muffled_) return;
    if (auto call = std::exchange(call_, nullptr)) call();
  }
  /// Asks somebody who may answer at once. Then nobody is called, since who asks sees the answer: a listener
  /// would run checks within a check.
  template <class Ask>
  void while_muffled(Ask ask) {
    muffled_ = true;
    ask();
    muffled_ = false;
  }

 private:
  std::function<void()> call_;
  bool muffled_ = false;
};

/// An answer that may come later. It outlives whoever asked: sessions end when they like.
template <class T>
class Answer {
 public:
  explicit Answer(std::shared_ptr<Bell> bell) : bell_(std::move(bell)) {}
  const T* get() const { return value_ ? &*value_ : nullptr; }
  /// A second value changes nothing.
  void set(T value) {
    if (value_) return;
    value_ = std::move(value);
    bell_->ring();
  }

 private:
  std::optional<T> value_;
  std::shared_ptr<Bell> bell_;
};

/// Who a recipient is and which way its mail goes.
struct RecipientAnswer {
  directory::DomainTable::Answer::Kind kind = directory::DomainTable::Answer::Kind::not_ours;
  std::string route;
  bool route_up = true;  ///< some server of the route is worth trying
};

/// What a backend said earlier to the same sender and recipient.
struct PastAnswer {
  enum class Kind { none, refuse, not_now };
  Kind kind = Kind::none;
  std::uint16_t code = 0;
  smtp::Enhanced enhanced;
  std::string text;
};

using DnsAnswer = std::shared_ptr<const dns::Answer>;

/// Who we are.
struct Site {
  std::string hostname;
  std::vector<base::IpAddress> addresses;   ///< where we listen
  std::vector<base::Network> real_clients;  ///< policy.clients_are_real
};

/// A message's header, read once for all who look at it.
struct MessageHeader {
  explicit MessageHeader(const state::Body& body) : content(body), block(content.view()) {}

  const smtp::HeaderContent content;
  const mail::HeaderBlock block;
};

/// What the checks make of the session: when those are asked that come last, what the others do.
struct Suspicion {
  /// Did one find something that speaks against the mail, whether it is enforced or only observed?
  bool any() const { return !because.empty(); }
  double score = 0;
  unsigned refusals = 0;  ///< only observed
  std::string because;    ///< "helo.mismatch, reverse_dns.none"
};

/// What was found when the session began, for checks of how much a client does.
struct Admission {
  std::optional<Crowd::Place> place;  ///< among the client's open sessions
  bool crowded = false;               ///< there was none left
  bool too_many_sessions = false;     ///< of late
};

/// Answers questions; gateway/ implements it with the real things, tests with tables.
class EvidenceSource {
 public:
  virtual ~EvidenceSource() = default;
  virtual void recipient(const mail::Mailbox& mailbox,
                         const std::shared_ptr<Answer<RecipientAnswer>>& answer) = 0;
  /// Answered at once: it is in memory. May be asked once per RCPT, since a repeated 4xx is forgotten
  /// thereby.
  virtual PastAnswer past(const smtp::RcptFacts& facts) = 0;

  /// What the cache has, or null: then `answer` is set later.
  virtual DnsAnswer dns(const dns::Question& question, const std::shared_ptr<Answer<DnsAnswer>>& answer) = 0;
  /// It failed its last examination, or gave itself away since: nobody asks it.
  virtual bool suspended(const Witness& witness) const = 0;
  /// Sets `answer` at once if the last examination holds still.
  virtual void examine(const WitnessPtr& witness, const std::shared_ptr<Answer<Testimony>>& answer) = 0;
  /// It gave itself away: suspended until it passes an examination; raises an alarm.
  virtual void impeach(const WitnessPtr& witness, std::string_view why) = 0;
  /// Vouches for "no such name".
  virtual WitnessPtr resolver() const = 0;

  /// Has the sender's mail server asked whether it takes the address. `answer` is set by itself when the time
  /// is over that the question's settings give a session; what comes later is remembered.
  virtual void callout(const CalloutQuestion& question,
                       const std::shared_ptr<Answer<CalloutAnswer>>& answer) = 0;

  /// What is remembered of clients and senders.
  virtual Memory& memory() = 0;

  virtual const Site& site() const = 0;
  /// One of the domains that we take mail for?
  virtual bool ours(std::string_view domain_key) const = 0;
  virtual base::Instant now() const = 0;
  virtual base::WallTime wall() const = 0;
};

/// One session's questions and answers. The pointers it gives are valid, and what they point at the same,
/// until the transaction ends; that to the client's name until the session does.
class Evidence final : public dns::Lookup {
 public:
  explicit Evidence(EvidenceSource& source) : source_(source) {}
  ~Evidence();
  Evidence(const Evidence&) = delete;
  Evidence& operator=(const Evidence&) = delete;

  // Each is null while the answer is not there.
  const dns::Answer* lookup(const dns::Question& question) override;
  const RecipientAnswer* recipient(const mail::Mailbox& mailbox);
  const ClientName* client_name(const base::IpAddress& client);
  /// As far as some check has asked for it: asks nothing.
  const ClientName* known_client_name() const { return client_name_ ? &*client_name_ : nullptr; }
  /// The result for an identity; HELO and sender are those of `facts`.
  const mail::SpfAnswer* spf(const smtp::MailFacts& facts, mail::SpfIdentity identity);
  /// As far as some check has asked for it: asks nothing.
  const mail::SpfAnswer* known_spf(mail::SpfIdentity identity) const;
  /// What spf() asks.
  mail::SpfQuestion spf_question(const smtp::MailFacts& facts, mail::SpfIdentity identity) const;
  /// To be asked before a refusal rests on a witness's word. Valid until it is asked again: who failed is
  /// examined anew then.
  const Testimony* examine(const WitnessPtr& witness);

  /// The answer for an address.
  const CalloutAnswer* callout(const CalloutQuestion& question);
  /// A mail server is being asked: that takes its own time, not that for DNS.
  bool calling_out() const;
  /// Of the transaction's message.
  const MessageHeader& header(const smtp::DataFacts& facts);

  const PastAnswer& past(const smtp::RcptFacts& facts);
  bool suspended(const Witness& witness) const { return source_.suspended(witness); }
  void impeach(const WitnessPtr& witness, std::string_view why) { source_.impeach(witness, why); }
  WitnessPtr resolver() const { return source_.resolver(); }
  Memory& memory() { return source_.memory(); }
  const Site& site() const { return source_.site(); }
  /// Set by the pipeline for checks that are asked last; when a transaction has ended, of all of it.
  const Suspicion& suspicion() const { return suspicion_; }
  void set_suspicion(Suspicion suspicion) { suspicion_ = std::move(suspicion); }
  /// Kept until the session ends.
  Admission& admission() { return admission_; }
  bool ours(std::string_view domain_key) const { return source_.ours(domain_key); }
  base::Instant now() const { return source_.now(); }
  base::WallTime wall() const { return source_.wall(); }

  /// Another RCPT: what was said of the same recipient before is asked anew.
  void begin_recipient() { past_of_.clear(); }
  /// Another HELO: what SPF says of its name, and of a sender behind it, is worked out anew.
  void forget_spf() { spf_.clear(); }
  /// Forgets the answers, but for those about the client's name and HELO: the transaction is over. What is
  /// open stays so.
  void end_transaction();

  /// Are there unanswered questions?
  bool pending() const;
  /// Calls once, at the next answer; at once if nothing is pending.
  void when_answered(std::function<void()> call);
  /// The session's time for DNS is over: what is open counts as a temporary failure, and so does what is
  /// asked from now on and not in the cache. A callout goes on. False if nothing was open.
  bool give_up();

  /// What the answers given since the last call of begin_check() rest on.
  enum class Rests : std::uint8_t { nothing, cache, live };
  void begin_check() { rests_ = Rests::nothing; }
  Rests rests() const { return rests_; }

 private:
  template <class T>
  struct Asked {
    std::string about;
    std::shared_ptr<Answer<T>> answer;
  };
  struct AskedDns {
    dns::Question question;
    DnsAnswer answer;                          ///< null: `later` will have it
    std::shared_ptr<Answer<DnsAnswer>> later;  ///< null: it came from the cache
    bool open() const { return !answer && later->get() == nullptr; }
  };
  struct AskedSpf {
    mail::SpfIdentity identity;
    mail::SpfAnswer answer;
  };
  const dns::Answer* see(AskedDns& asked);

  EvidenceSource& source_;
  std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  std::vector<AskedDns> dns_;
  std::shared_ptr<Answer<DnsAnswer>> spare_;  ///< unused yet
  std::vector<Asked<RecipientAnswer>> recipients_;
  std::vector<Asked<Testimony>> testimonies_;
  std::vector<Asked<CalloutAnswer>> callouts_;
  std::optional<ClientName> client_name_;
  std::vector<std::unique_ptr<AskedSpf>> spf_;
  std::unique_ptr<const MessageHeader> header_;
  std::string past_of_;
  PastAnswer past_;
  Suspicion suspicion_;
  Admission admission_;
  Rests rests_ = Rests::nothing;
  bool given_up_ = false;
};

}  // namespace gatepost::checks
