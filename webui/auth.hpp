// HTTP Basic authentication (RFC 7617) with one password and any user name.
//
// Checking a password takes about 0.2 s of the thread that also handles signals and reloads. So an accepted
// password is remembered, as an HMAC under a key of this process, and comes in without being computed again;
// the same goes for the last few refused ones; and whatever else is tried, no more than most_computations are
// made within `window`. Nothing is remembered on disk.
#pragma once

#include <array>
#include <deque>
#include <optional>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/secret.hpp"

namespace gatepost::webui {

class Authenticator {
 public:
  enum class Answer {
    granted,
    denied,
    too_many,  ///< not looked at: too many were computed just now
  };
  static constexpr std::size_t most_computations = 5;
  static constexpr base::seconds window{10};

  /// `hash` is from password_hash(). Empty: everybody is granted; not a hash: nobody is.
  explicit Authenticator(base::Secret hash);

  /// Takes another hash, and forgets what was remembered if it is another.
  void set_hash(base::Secret hash);

  /// `field` is the value of the Authorization field.
  Answer ask(std::string_view field, base::Instant now);

 private:
  using Digest = std::array<unsigned char, 32>;
  static constexpr std::size_t most_refused_kept = 16;

  Digest digest_of(std::string_view password) const;
  bool may_compute(base::Instant now);

  base::Secret hash_;
  bool hash_is_good_ = false;
  Digest key_{};
  std::optional<Digest> accepted_;
  std::deque<Digest> refused_;
  std::deque<base::Instant> computed_;
};

}  // namespace gatepost::webui
