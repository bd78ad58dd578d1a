// What senders' mail servers have said when they were asked whether they take an address (callouts).
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ip.hpp"
#include "core/state/table.hpp"
#include "mail/address.hpp"

namespace gatepost::checks {

/// How to ask: options of sender_callout.
struct CalloutSettings {
  std::string probe_sender;  ///< in MAIL; empty: the null reverse-path
  base::Millis wait = std::chrono::seconds(6);
  base::Millis probe_time = std::chrono::seconds(60);
  base::Millis keep_taken = std::chrono::hours(24);
  base::Millis keep_refused = std::chrono::hours(2);
  base::Millis keep_domain = std::chrono::hours(7 * 24);
  base::Millis keep_unknown = std::chrono::minutes(15);
  std::int64_t max_probes = 20;
  std::int64_t max_per_domain = 100;
  std::int64_t port = 25;
  bool probe_private = false;
};

enum class CalloutResult : std::uint8_t {
  unknown,         ///< no answer, 4xx, or one that says nothing about the address
  taken,           ///< the server takes this address, and not any that one makes up
  refused,         ///< it refuses this address
  takes_all,       ///< it takes also an address that was made up, so that it says nothing about others
  selective,       ///< it refuses such an address; of a domain only
  sender_refused,  ///< it refuses the probe's own sender
  not_asked,       ///< nobody is to be asked, or could be
};
inline constexpr std::array<std::string_view, 7> callout_result_names{
    "unknown", "taken", "refused", "takes_all", "selective", "sender_refused", "not_asked"};
constexpr std::string_view name_of(CalloutResult result) {
  return callout_result_names[static_cast<std::size_t>(result)];
}

struct CalloutQuestion {
  mail::Mailbox address;
  base::IpAddress client;  ///< who claims to be it
  std::shared_ptr<const CalloutSettings> how;
};

struct CalloutAnswer {
  CalloutResult result = CalloutResult::unknown;
  std::string words;  ///< of the server, or why nothing is known; printable
  bool cached = false;
};

/// What is remembered under "address a@b.example" or "domain b.example".
struct CalloutRecord {
  static constexpr bool survives = true;
  static constexpr bool newcomers_yield = false;
  static constexpr std::size_t longest_words = 120;
  /// Deferrals are remembered so long, and counted so far.
  static constexpr state::Second deferral_memory = 24 * 3600;
  static constexpr unsigned most_deferrals = 3;
  static constexpr state::Second hour = 3600;

  CalloutResult result = CalloutResult::unknown;
  std::uint8_t deferrals = 0;  ///< of the sender's mail, for want of an answer
  std::uint16_t asked = 0;     ///< addresses of the domain, in the hour since `asked_since`
  state::Second until = 0;     ///< the result holds; 0: there is none
  state::Second deferred = 0;  ///< the last time
  state::Second asked_since = 0;

  bool holds(state::Second now) const { return now < until; }
  std::string_view words() const { return {words_.data(), size_}; }
  void set(CalloutResult to, std::string_view said, state::Second holds_until);

  /// All its moments, for an import.
  void move(std::int64_t seconds) {
    for (auto* moment : {&until, &deferred, &asked_since}) *moment = state::moved(*moment, seconds);
  }
  state::Second expires() const;
  unsigned worth(state::Second now) const;
  std::string encode() const;
  static std::optional<CalloutRecord> decode(std::string_view value);
  /// "refused for another 2 h 0 min: 550 5.1.1 no such user; deferred 2 times"
  std::string describe(state::Second now) const;

 private:
  std::uint8_t size_ = 0;
  std::array<char, longest_words> words_{};
};

using Callouts = state::Table<CalloutRecord>;

std::string callout_name(const mail::Mailbox& address);
std::string callout_domain_name(std::string_view domain_key);

/// What is known of an address by itself or by its domain.
std::optional<CalloutAnswer> recall(const Callouts& callouts, const mail::Mailbox& address,
                                    state::Second now);
/// Does the domain's server refuse addresses that were made up, as far as is known?
bool known_selective(const Callouts& callouts, std::string_view domain_key, state::Second now);
/// Keeps a result under a name, for as long as the settings say.
void remember(Callouts& callouts, const std::string& name, const CalloutAnswer& answer,
              const CalloutSettings& how, state::Second now);
/// Counts a question about an address of the domain. False: there have been enough in this hour.
bool may_ask(Callouts& callouts, std::string_view domain_key, std::int64_t most, state::Second now);

/// How often the sender's mail has been deferred for want of an answer, and another time.
unsigned deferrals(const Callouts& callouts, const mail::Mailbox& address, state::Second now);
void count_deferral(Callouts& callouts, const mail::Mailbox& address, state::Second now);

/// A local part that no domain has, the same each time for a domain: a server that greylists would defer a
/// new one for ever.
std::string made_up_local_part(const Callouts& callouts, std::string_view domain_key);

}  // namespace gatepost::checks
