// What greylisting remembers: who sent what to whom for the first time, and who came through.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/state/table.hpp"

namespace gatepost::checks {

/// A first sighting, or, under a client's name, how often it came through.
struct GreylistRecord {
  static constexpr bool survives = true;
  /// What is full of first sightings takes no more: the mail that is not remembered is let through.
  static constexpr bool newcomers_yield = true;
  /// Senders that have not come back after so long mostly never do: they make way.
  static constexpr state::Second patience = 6 * 3600;

  state::Second first = 0;   ///< seen
  state::Second until = 0;   ///< 0: there is nothing yet
  std::uint16_t passes = 0;  ///< messages that came through after the window
  bool kept = false;         ///< one was delivered within the window, since nobody held it back

  state::Second expires() const { return until; }
  unsigned worth(state::Second now) const;
  std::string encode() const;
  static std::optional<GreylistRecord> decode(std::string_view octets);
  /// For people: "first seen 6 min 52 s ago, 2 messages came through".
  std::string describe(state::Second now) const;

  /// All its moments, for an import.
  void move(std::int64_t seconds) {
    first = state::moved(first, seconds);
    until = state::moved(until, seconds);
  }
  state::Second age(state::Second now) const { return now > first ? now - first : 0; }
  bool operator==(const GreylistRecord&) const = default;
};

/// Safe to use from any thread. Times are in seconds.
class Greylist {
 public:
  Greylist(const base::HashKey& hash_key, std::size_t bytes) : table_("greylist", hash_key, bytes) {}

  /// `who`: what the client is recognised by; `sender`, `recipient`: in their comparable forms.
  static std::string name(std::string_view who, std::string_view sender, std::string_view recipient);
  static std::string client_name(std::string_view who);

  std::optional<GreylistRecord> find(std::string_view name, state::Second now) const {
    return table_.find(name, now);
  }
  /// What is known of `name`; if nothing is, this is the first sighting, and kept for `retry`. Nothing: it
  /// could not be stored.
  std::optional<GreylistRecord> see(std::string_view name, state::Second now, state::Second retry);
  /// A message that had been seen was delivered. False: it had not been seen, or its window is still open.
  bool delivered(std::string_view name, state::Second now, state::Second window, state::Second lifetime);
  /// A message of the client came through.
  void count_client(std::string_view who, state::Second now, state::Second lifetime);

  state::Table<GreylistRecord>& table() { return table_; }

 private:
  state::Table<GreylistRecord> table_;
};

}  // namespace gatepost::checks
