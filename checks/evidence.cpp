#include "checks/evidence.hpp"

#include <algorithm>

namespace gatepost::checks {

const RecipientAnswer* Evidence::recipient(const mail::Mailbox& mailbox) {
  for (const auto& asked : recipients_) {
    if (asked.address == mailbox.text()) return asked.answer->get();
  }
  auto& asked = recipients_.emplace_back(Asked{mailbox.text(), std::make_shared<Answer<RecipientAnswer>>()});
  source_.recipient(mailbox, asked.answer);
  return asked.answer->get();
}

const PastAnswer& Evidence::past(const smtp::RcptFacts& facts) {
  if (past_of_ != facts.recipient.text()) {
    past_ = source_.past(facts);
    past_of_ = facts.recipient.text();
  }
  return past_;
}

void Evidence::end_transaction() {
  recipients_.clear();
  past_of_.clear();
}

bool Evidence::pending() const {
  return std::any_of(recipients_.begin(), recipients_.end(),
                     [](const Asked& asked) { return asked.answer->get() == nullptr; });
}

void Evidence::when_answered(std::function<void()> call) {
  auto left = std::make_shared<std::size_t>(0);
  for (const auto& asked : recipients_) {
    if (asked.answer->get() != nullptr) continue;
    ++*left;
    asked.answer->on_arrival([left, call] {
      if (--*left == 0) call();
    });
  }
  if (*left == 0) call();
}

}  // namespace gatepost::checks
