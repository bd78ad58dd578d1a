#include "checks/greylist_table.hpp"

#include <limits>

#include <fmt/format.h>

#include "core/base/text.hpp"
#include "core/state/octets.hpp"

namespace gatepost::checks {

using state::Second;

namespace {

constexpr char version = 1;
constexpr std::size_t encoded_size = 12;

void count(GreylistRecord& record, Second now, Second lifetime) {
  if (record.until == 0) record.first = now;
  if (record.passes < std::numeric_limits<std::uint16_t>::max()) ++record.passes;
  record.until = now + lifetime;
}

}  // namespace

unsigned GreylistRecord::worth(Second now) const {
  if (passes > 0) return 3;
  if (kept) return 2;
  return age(now) < patience ? 1 : 0;
}

std::string GreylistRecord::encode() const {
  std::string out(1, version);
  state::put_number(out, first, 4);
  state::put_number(out, until, 4);
  state::put_number(out, passes, 2);
  state::put_number(out, kept ? 1 : 0, 1);
  return out;
}

std::optional<GreylistRecord> GreylistRecord::decode(std::string_view octets) {
  if (octets.size() != encoded_size || octets.front() != version) return std::nullopt;
  octets.remove_prefix(1);
  GreylistRecord record;
  record.first = state::take_number(octets, 4);
  record.until = state::take_number(octets, 4);
  record.passes = static_cast<std::uint16_t>(state::take_number(octets, 2));
  const auto flags = state::take_number(octets, 1);
  if (flags > 1 || record.until < record.first || record.until == 0) return std::nullopt;
  record.kept = flags == 1;
  return record;
}

std::string GreylistRecord::describe(Second now) const {
  auto text = fmt::format("first seen {} ago, ", base::duration_in_words(age(now)));
  if (passes > 0) return text + fmt::format("{} message{} came through", passes, passes == 1 ? "" : "s");
  return text + (kept ? "delivered without being held back" : "not come back yet");
}

std::string Greylist::name(std::string_view who, std::string_view sender, std::string_view recipient) {
  return fmt::format("{} {} {}", who, sender, recipient);
}

std::string Greylist::client_name(std::string_view who) {
  return fmt::format("client {}", who);
}

std::optional<GreylistRecord> Greylist::see(std::string_view name, Second now, Second retry) {
  if (const auto known = table_.find(name, now)) return known;
  GreylistRecord seen;
  const bool stored = table_.update(name, now, [&](GreylistRecord& record) {
    // Another session may have been faster.
    if (record.until == 0) {
      record.first = now;
      record.until = now + retry;
    }
    seen = record;
  });
  return stored ? std::optional(seen) : std::nullopt;
}

bool Greylist::delivered(std::string_view name, Second now, Second window, Second lifetime) {
  const auto known = table_.find(name, now);
  if (!known) return false;
  const bool came_back = known->passes > 0 || known->age(now) >= window;
  table_.update(name, now, [&](GreylistRecord& record) {
    if (came_back) return count(record, now, lifetime);
    if (record.until == 0) record.first = now;
    record.kept = true;
    record.until = now + lifetime;
  });
  return came_back;
}

void Greylist::count_client(std::string_view who, Second now, Second lifetime) {
  table_.update(client_name(who), now, [&](GreylistRecord& record) { count(record, now, lifetime); });
}

}  // namespace gatepost::checks
