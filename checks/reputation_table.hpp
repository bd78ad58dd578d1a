// Who has done what: by the client's address and network, and by the sender and its domain.
#pragma once

#include <string>

#include "checks/repute.hpp"
#include "core/base/ip.hpp"
#include "core/state/table.hpp"
#include "mail/address.hpp"

namespace gatepost::checks {

/// Safe to use from any thread.
class Reputation {
 public:
  Reputation(const base::HashKey& hash_key, std::size_t bytes) : table_("reputation", hash_key, bytes) {}

  /// What a client did, under its address (IPv6: /64) and its network (/24, IPv6: /48).
  void add(const base::IpAddress& client, const Deeds& deeds, state::Second now);
  /// What a sender did who has shown to be himself, under the address and its organisational domain.
  void add(const mail::Mailbox& sender, const Deeds& deeds, state::Second now);

  // Nothing is known: an empty record.
  Repute of_address(const base::IpAddress& client, state::Second now) const;
  Repute of_network(const base::IpAddress& client, state::Second now) const;
  Repute of_domain(const mail::Mailbox& sender, state::Second now) const;
  Repute of_sender(const mail::Mailbox& sender, state::Second now) const;
  /// Has mail from this client been delivered before, and is there little to be said against it?
  bool known_good(const base::IpAddress& client, state::Second now) const {
    return of_address(client, now).known_good(now);
  }

  state::Table<Repute>& table() { return table_; }

 private:
  Repute of(const std::string& name, state::Second now) const {
    return table_.find(name, now).value_or(Repute{});
  }

  state::Table<Repute> table_;
};

/// "192.0.2.1", "2001:db8:1:2::/64".
std::string client_in_words(const base::IpAddress& client);
/// "192.0.2.0/24", "2001:db8:1::/48".
std::string network_in_words(const base::IpAddress& client);
/// The sender's key, without what BATV changes from day to day.
std::string sender_in_words(const mail::Mailbox& sender);
/// The part of the sender's domain that one organisation holds.
std::string sender_organisation(const mail::Mailbox& sender);

}  // namespace gatepost::checks
