#include "core/dns/cache.hpp"

#include <algorithm>
#include <functional>

namespace gatepost::dns {
namespace {

/// Roughly what an answer takes.
std::size_t size_of(const Question& question, const Answer& answer) {
  constexpr std::size_t bookkeeping = 128;  // nodes of the list and of the table
  auto size = bookkeeping + sizeof(Question) + sizeof(Answer) + question.name.size() + answer.why.size();
  size += answer.addresses.size() * sizeof(base::IpAddress);
  for (const auto& exchange : answer.exchanges) size += sizeof exchange + exchange.host.size();
  for (const auto& name : answer.names) size += sizeof name + name.size();
  for (const auto& text : answer.texts) size += sizeof text + text.size();
  return size;
}

}  // namespace

std::size_t Cache::Hash::operator()(const Question& question) const {
  return std::hash<std::string>()(question.name) * 31 + static_cast<std::size_t>(question.type);
}

std::shared_ptr<const Answer> Cache::find(const Question& question, base::Instant now) {
  const auto found = entries_.find(question);
  if (found == entries_.end()) return nullptr;
  if (found->second.until <= now) {
    erase(found);
    return nullptr;
  }
  order_.splice(order_.begin(), order_, found->second.place);
  return found->second.answer;
}

void Cache::put(const Question& question, std::shared_ptr<const Answer> answer, base::Instant now) {
  if (const auto old = entries_.find(question); old != entries_.end()) erase(old);
  const auto time = keeping_time(*answer);
  if (time <= std::chrono::seconds(0)) return;
  const auto bytes = size_of(question, *answer);
  const auto added = entries_.emplace(question, Entry{std::move(answer), now + time, bytes, {}}).first;
  order_.push_front(&added->first);
  added->second.place = order_.begin();
  bytes_ += bytes;
  while (entries_.size() > most_entries_ || bytes_ > most_bytes_) erase(entries_.find(*order_.back()));
}

void Cache::clear() {
  entries_.clear();
  order_.clear();
  bytes_ = 0;
}

void Cache::erase(Entries::iterator which) {
  bytes_ -= which->second.bytes;
  order_.erase(which->second.place);
  entries_.erase(which);
}

namespace {

/// Some resolvers say "no such name" without the SOA record that would tell for how long: not every session
/// is to ask, and wait, for the same name again.
constexpr std::chrono::seconds shortest_negative{5};

}  // namespace

std::chrono::seconds keeping_time(const Answer& answer) {
  using std::chrono::seconds;
  switch (answer.outcome) {
    case Outcome::found: return std::min(answer.ttl, seconds(3600));
    case Outcome::no_data:
    case Outcome::no_name: return std::clamp(answer.ttl, shortest_negative, seconds(900));
    case Outcome::temporary_failure: return seconds(5);
    case Outcome::bogus: return seconds(30);
  }
  return seconds(0);
}

}  // namespace gatepost::dns
