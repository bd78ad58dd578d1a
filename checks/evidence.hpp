// What checks ask for beyond the facts: each question is answered at once, or noted and answered later, and
// then the check runs again. Checks so have no coroutines, no cancellation and no order.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "directory/domain_table.hpp"
#include "smtp/facts.hpp"
#include "smtp/reply.hpp"

namespace gatepost::checks {

/// An answer that may come later. It outlives whoever asked: sessions end when they like.
template <class T>
class Answer {
 public:
  const T* get() const { return value_ ? &*value_ : nullptr; }
  void set(T value) {
    value_ = std::move(value);
    if (auto call = std::exchange(arrived_, nullptr)) call();
  }
  void on_arrival(std::function<void()> call) { arrived_ = std::move(call); }

 private:
  std::optional<T> value_;
  std::function<void()> arrived_;
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

/// Answers questions; gateway/ implements it with the real things, tests with tables.
class EvidenceSource {
 public:
  virtual ~EvidenceSource() = default;
  virtual void recipient(const mail::Mailbox& mailbox,
                         const std::shared_ptr<Answer<RecipientAnswer>>& answer) = 0;
  /// Answered at once: it is in memory. May be asked once per RCPT, since a repeated 4xx is forgotten
  /// thereby.
  virtual PastAnswer past(const smtp::RcptFacts& facts) = 0;
};

/// One session's questions and answers.
class Evidence {
 public:
  explicit Evidence(EvidenceSource& source) : source_(source) {}

  /// Null while the answer is not there.
  const RecipientAnswer* recipient(const mail::Mailbox& mailbox);
  const PastAnswer& past(const smtp::RcptFacts& facts);
  /// Another RCPT: what was said of the same recipient before is asked anew.
  void begin_recipient() { past_of_.clear(); }

  /// Are there unanswered questions?
  bool pending() const;
  /// Calls once, when all questions are answered.
  void when_answered(std::function<void()> call);

  /// Forgets the answers about recipients: the transaction is over.
  void end_transaction();

 private:
  struct Asked {
    std::string address;
    std::shared_ptr<Answer<RecipientAnswer>> answer;
  };
  EvidenceSource& source_;
  std::vector<Asked> recipients_;
  std::string past_of_;
  PastAnswer past_;
};

}  // namespace gatepost::checks
