// Answers that are still good. One per thread, so that there is no lock.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <unordered_map>

#include "core/base/clock.hpp"
#include "core/dns/answer.hpp"

namespace gatepost::dns {

class Cache {
 public:
  /// Holds at most `entries` answers, and a kilobyte for each of them: what was used least recently goes
  /// first.
  explicit Cache(std::size_t entries) : most_entries_(entries), most_bytes_(entries * 1024) {}

  /// The answer, or null.
  std::shared_ptr<const Answer> find(const Question& question, base::Instant now);
  /// Keeps it for keeping_time(), in place of an older one.
  void put(const Question& question, std::shared_ptr<const Answer> answer, base::Instant now);

  void clear();

  std::size_t size() const { return entries_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const Question& question) const;
  };
  using Order = std::list<const Question*>;  ///< keys of entries_, used last in front
  struct Entry {
    std::shared_ptr<const Answer> answer;
    base::Instant until;
    std::size_t bytes = 0;
    Order::iterator place;
  };
  using Entries = std::unordered_map<Question, Entry, Hash>;
  void erase(Entries::iterator which);

  std::size_t most_entries_;
  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  Entries entries_;
  Order order_;
};

/// How long an answer may be repeated: its TTL, but at most an hour (a list or a mistake that was corrected
/// must be seen some day) and 15 minutes if it says that there is nothing. Failures: 5 s, so that a burst of
/// sessions does not wait for the same silence again and again; bogus: 30 s, since signatures are not
/// mended within seconds (RFC 9520 wants between 1 s and 5 min for both).
std::chrono::seconds keeping_time(const Answer& answer);

}  // namespace gatepost::dns
