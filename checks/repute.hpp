// What one client, network or sender has done so far: sums of events that fade with time. Time comes from
// outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/state/state_clock.hpp"

namespace gatepost::checks {

/// What has just happened, in messages: a delivered one is 1 good.
struct Deeds {
  float good = 0;
  float bad = 0;
  bool none() const { return good <= 0 && bad <= 0; }
};

/// From when on somebody is held to be bad.
struct ReputeLimits {
  double bad_share = 0.8;  ///< of all events, at least
  double min_events = 10;  ///< fewer say nothing
};

/// A record of state::Table.
class Repute {
 public:
  static constexpr bool survives = true;
  static constexpr bool newcomers_yield = false;

  /// Each message changes four of them; what is lost with a crash is little among days.
  static constexpr std::chrono::seconds may_wait{30};
  /// Good and bad events are halved in this time: who mends his ways is free of it within a day.
  static constexpr state::Second half_life = 6 * 3600;
  /// Trust, which only delivered mail earns, lasts from one monthly newsletter to the next.
  static constexpr state::Second trust_half_life = 30 * 86400;
  /// Beyond so many events older ones count less, in proportion: the share is that of about the last so many,
  /// and whatever came, it is over at most log2(most / min_events) half-lives after the last bad event.
  static constexpr float most = 160;
  static constexpr float most_trust = 50;
  /// Trust from which on somebody is known to be good, unless of all events this share was bad.
  static constexpr float known_trust = 5;
  static constexpr double known_bad_share = 0.2;

  /// `place`: of a network, the number of the address in it that did this.
  void add(const Deeds& deeds, state::Second now, std::optional<std::uint8_t> place = std::nullopt);

  float good(state::Second now) const { return at(now).good_; }
  float bad(state::Second now) const { return at(now).bad_; }
  float trust(state::Second now) const { return at(now).trust_; }
  bool is_bad(const ReputeLimits& limits, state::Second now) const;
  /// Of one that is bad: the first second in which it is not, if nothing more happens.
  state::Second ends(const ReputeLimits& limits, state::Second now) const;
  bool known_good(state::Second now) const;

  /// Of a network: places (16 are told apart) from which something bad came of late, and from which anything
  /// did.
  struct Places {
    int bad = 0;
    int all = 0;
  };
  Places places(state::Second now) const;

  // As state::Table wants it.
  state::Second expires() const;
  unsigned worth(state::Second now) const;
  std::string encode() const;
  static std::optional<Repute> decode(std::string_view text);
  std::string describe(state::Second now) const;
  /// All its moments, for an import.
  void move(std::int64_t seconds) { as_of_ = state::moved(as_of_, seconds); }

 private:
  /// As it has faded by `now`.
  Repute at(state::Second now) const;
  double all() const { return double{good_} + bad_ + trust_; }

  float good_ = 0;
  float bad_ = 0;
  float trust_ = 0;
  state::Second as_of_ = 0;  ///< of the sums
  // A bit per place; those of the half-life before, which are of the same length as the present one.
  std::uint16_t good_places_ = 0;
  std::uint16_t good_places_before_ = 0;
  std::uint16_t bad_places_ = 0;
  std::uint16_t bad_places_before_ = 0;
};

/// "40 min", "3 h": rounded up, but for a few minutes beyond an hour.
std::string about(state::Second seconds);

}  // namespace gatepost::checks
