#include "checks/repute.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "core/state/octets.hpp"

namespace gatepost::checks {

using state::Second;

namespace {

constexpr char version = 1;
constexpr std::size_t encoded_size = 1 + 4 * 4 + 4 * 2;
/// What is less than this of an event is forgotten, and of trust likewise.
constexpr float least = 0.25;
constexpr float least_trust = 0.5;
/// A record may be so much ahead: who writes it and who reads it need not agree to the second.
constexpr Second ahead = 60;
/// Sums are kept as float: what must not change while both fade alike is compared with this slack.
constexpr double slack = 1 + 1e-6;

float faded(float sum, Second age, Second half_life) {
  return sum <= 0 ? 0 : sum * std::exp2(-static_cast<float>(age) / static_cast<float>(half_life));
}

/// Until only `rest` of `sum` is there.
Second time_to(float sum, float rest, Second half_life) {
  const auto halvings = std::max(1.0F, std::log2(sum / rest));
  return static_cast<Second>(halvings * static_cast<float>(half_life));
}

bool sound(float sum, float most) {
  return std::isfinite(sum) && sum >= 0 && sum <= most;
}

}  // namespace

Repute Repute::at(Second now) const {
  if (as_of_ > now + ahead) return {};  // a record of another clock
  auto then = *this;
  if (as_of_ >= now) return then;
  const auto age = now - as_of_;
  then.good_ = faded(good_, age, half_life);
  then.bad_ = faded(bad_, age, half_life);
  then.trust_ = faded(trust_, age, trust_half_life);
  then.as_of_ = now;
  if (const auto turns = now / half_life - as_of_ / half_life; turns > 0) {
    then.good_places_before_ = turns == 1 ? good_places_ : 0;
    then.bad_places_before_ = turns == 1 ? bad_places_ : 0;
    then.good_places_ = then.bad_places_ = 0;
  }
  return then;
}

void Repute::add(const Deeds& deeds, Second now, std::optional<std::uint8_t> place) {
  *this = at(now);
  as_of_ = now;
  good_ += deeds.good;
  bad_ += deeds.bad;
  trust_ = std::min(std::max(trust_ + deeds.good - deeds.bad, 0.0F), most_trust);
  if (const auto sum = good_ + bad_; sum > most) {
    good_ *= most / sum;
    bad_ *= most / sum;
  }
  if (!place) return;
  const auto bit = static_cast<std::uint16_t>(1U << (*place % 16U));
  if (deeds.good > 0) good_places_ |= bit;
  if (deeds.bad > 0) bad_places_ |= bit;
}

bool Repute::is_bad(const ReputeLimits& limits, Second now) const {
  const auto then = at(now);
  return (double{then.good_} + then.bad_) * slack >= limits.min_events &&
         then.bad_ * slack >= limits.bad_share * then.all();
}

/// The sum only falls, and so does the share, since trust lasts longer than bad events.
Second Repute::ends(const ReputeLimits& limits, Second now) const {
  auto bad_until = now;
  auto good_from = now + 16 * half_life;
  while (good_from - bad_until > 1) {
    const auto middle = bad_until + (good_from - bad_until) / 2;
    (is_bad(limits, middle) ? bad_until : good_from) = middle;
  }
  return good_from;
}

bool Repute::known_good(Second now) const {
  const auto then = at(now);
  return then.trust_ >= known_trust && then.bad_ < known_bad_share * then.all();
}

Repute::Places Repute::places(Second now) const {
  const auto then = at(now);
  const auto bad = static_cast<unsigned>(then.bad_places_ | then.bad_places_before_);
  const auto good = static_cast<unsigned>(then.good_places_ | then.good_places_before_);
  return {std::popcount(bad), std::popcount(bad | good)};
}

Second Repute::expires() const {
  const auto events = time_to(std::max(good_, bad_), least, half_life);
  const auto trust = trust_ > least_trust ? time_to(trust_, least_trust, trust_half_life) : 0;
  return as_of_ + std::max(events, trust);
}

/// In powers of two: whoever did one thing makes way for whoever did more.
unsigned Repute::worth(Second now) const {
  return static_cast<unsigned>(std::log2(1 + at(std::max(now, as_of_)).all()));
}

std::string Repute::encode() const {
  std::string out(1, version);
  for (const auto sum : {good_, bad_, trust_}) state::put_number(out, std::bit_cast<std::uint32_t>(sum), 4);
  state::put_number(out, as_of_, 4);
  for (const auto places : {good_places_, good_places_before_, bad_places_, bad_places_before_})
    state::put_number(out, places, 2);
  return out;
}

std::optional<Repute> Repute::decode(std::string_view text) {
  if (text.size() != encoded_size || text[0] != version) return std::nullopt;
  text.remove_prefix(1);
  Repute repute;
  for (auto* sum : {&repute.good_, &repute.bad_, &repute.trust_})
    *sum = std::bit_cast<float>(state::take_number(text, 4));
  repute.as_of_ = state::take_number(text, 4);
  for (auto* places :
       {&repute.good_places_, &repute.good_places_before_, &repute.bad_places_, &repute.bad_places_before_})
    *places = static_cast<std::uint16_t>(state::take_number(text, 2));
  const bool fits = sound(repute.good_, most) && sound(repute.bad_, most) && sound(repute.trust_, most_trust);
  return fits ? std::optional(repute) : std::nullopt;
}

std::string Repute::describe(Second now) const {
  const auto then = at(now);
  auto text =
      fmt::format("{:.1f} good and {:.1f} bad of late, trust {:.1f}", then.good_, then.bad_, then.trust_);
  if (const auto seen = places(now); seen.all > 0)
    text += fmt::format(", bad from {} of {} addresses", seen.bad, seen.all);
  return then.known_good(now) ? text + ", known to be good" : text;
}

std::string about(Second seconds) {
  const auto minutes = (seconds + 59) / 60;
  return minutes < 120 ? fmt::format("{} min", minutes) : fmt::format("{} h", (minutes + 54) / 60);
}

}  // namespace gatepost::checks
