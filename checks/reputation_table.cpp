#include "checks/reputation_table.hpp"

#include "mail/organisational_domain.hpp"

namespace gatepost::checks {
namespace {

std::string address_name(const base::IpAddress& client) {
  return "address " + client_in_words(client);
}
std::string network_name(const base::IpAddress& client) {
  return "network " + network_in_words(client);
}
std::string domain_name(const mail::Mailbox& sender) {
  return "domain " + sender_organisation(sender);
}
std::string sender_name(const mail::Mailbox& sender) {
  return "sender " + sender_in_words(sender);
}

/// Where it is in its network: the last octet of a /24, or what tells a /64 from its neighbours in a /48.
std::uint8_t place_of(const base::IpAddress& client) {
  const auto& bytes = client.bytes();
  return client.is_v4() ? bytes[15] : static_cast<std::uint8_t>(bytes[6] ^ bytes[7]);
}

}  // namespace

std::string client_in_words(const base::IpAddress& client) {
  return client.is_v4() ? client.to_string() : base::Network::around(client, 32, 64).to_string();
}

std::string network_in_words(const base::IpAddress& client) {
  return base::Network::around(client, 24, 48).to_string();
}

std::string sender_organisation(const mail::Mailbox& sender) {
  const auto& domain = sender.domain_key();
  auto organisation = mail::organisational_domain(domain);
  return organisation.empty() ? domain : organisation;
}

std::string sender_in_words(const mail::Mailbox& sender) {
  const auto local = sender.local_key();
  return std::string(mail::without_batv(local)) + "@" + sender.domain_key();
}

void Reputation::add(const base::IpAddress& client, const Deeds& deeds, state::Second now) {
  table_.update(address_name(client), now, [&](Repute& repute) { repute.add(deeds, now); });
  table_.update(network_name(client), now,
                [&, place = place_of(client)](Repute& repute) { repute.add(deeds, now, place); });
}

void Reputation::add(const mail::Mailbox& sender, const Deeds& deeds, state::Second now) {
  const auto change = [&](Repute& repute) { repute.add(deeds, now); };
  table_.update(domain_name(sender), now, change);
  table_.update(sender_name(sender), now, change);
}

Repute Reputation::of_address(const base::IpAddress& client, state::Second now) const {
  return of(address_name(client), now);
}
Repute Reputation::of_network(const base::IpAddress& client, state::Second now) const {
  return of(network_name(client), now);
}
Repute Reputation::of_domain(const mail::Mailbox& sender, state::Second now) const {
  return of(domain_name(sender), now);
}
Repute Reputation::of_sender(const mail::Mailbox& sender, state::Second now) const {
  return of(sender_name(sender), now);
}

}  // namespace gatepost::checks
