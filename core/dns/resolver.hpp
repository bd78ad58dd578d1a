// Asks the domain name system. One resolver per thread; flights belong to it and never to a session.
#pragma once

#include <functional>
#include <memory>

#include "core/dns/answer.hpp"

namespace gatepost::dns {

class Resolver {
 public:
  virtual ~Resolver() = default;

  using Answered = std::function<void(const std::shared_ptr<const Answer>&)>;
  enum class Freshness : std::uint8_t {
    any,   ///< from the cache as long as the TTL holds
    live,  ///< asked now, whatever the cache holds; the answer is not cached
  };

  /// The answer if it is at hand, as resolve() would give it at once; null says nothing. It spares those who
  /// ask often to say what is to be done with an answer that comes later.
  virtual std::shared_ptr<const Answer> known(const Question&) { return nullptr; }

  /// The answer from the cache, or null: then `answered` is called once, on this thread, never within this
  /// call. Questions under way are asked once for all. What is no name that could be asked (is_askable()) is
  /// Outcome::no_name at once; while healthy() is false the answer is a temporary failure at once.
  virtual std::shared_ptr<const Answer> resolve(const Question& question, Answered answered,
                                                Freshness freshness = Freshness::any) = 0;

  /// Forgets the answers in the cache.
  virtual void forget_answers() = 0;

  /// Some server answers. While none does, no question waits.
  virtual bool healthy() const = 0;
};

}  // namespace gatepost::dns
