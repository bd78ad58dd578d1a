#include "checks/client_name.hpp"

#include <algorithm>

namespace gatepost::checks {
namespace {

constexpr std::size_t most_names = 10;  // as RFC 7208 4.6.4 looks at

}  // namespace

std::optional<ClientName> find_client_name(const base::IpAddress& client, dns::Lookup& dns) {
  ClientName found;
  const auto* pointers = dns.lookup(dns::reverse_question(client));
  if (pointers == nullptr) return std::nullopt;
  if (pointers->failed()) {
    found.why = pointers->why;
    return found;
  }
  if (!pointers->found()) {
    found.state = ClientName::State::none;
    return found;
  }
  found.names = pointers->names;
  if (found.names.size() > most_names) found.names.resize(most_names);
  found.name = found.names.front();
  bool pending = false;
  bool failed = false;
  for (const auto& name : found.names) {
    const auto* addresses = dns.lookup({name, client.is_v4() ? dns::Type::a : dns::Type::aaaa});
    if (addresses == nullptr) {
      pending = true;
      continue;
    }
    if (addresses->failed()) {
      failed = true;
      found.why = addresses->why;
    }
    if (std::find(addresses->addresses.begin(), addresses->addresses.end(), client) !=
        addresses->addresses.end()) {
      found.state = ClientName::State::confirmed;
      found.name = name;
      found.why.clear();
      return found;
    }
  }
  if (pending) return std::nullopt;
  if (!failed) found.state = ClientName::State::unconfirmed;
  return found;
}

}  // namespace gatepost::checks
