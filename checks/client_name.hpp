// The client's host name: what its PTR records say, confirmed by a forward lookup.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/dns/answer.hpp"

namespace gatepost::checks {

struct ClientName {
  enum class State {
    confirmed,    ///< `name` has the client's address
    unconfirmed,  ///< there are PTR records, but none of their names has the client's address
    none,         ///< there is no PTR record
    unknown,      ///< DNS does not tell at the moment
  };
  State state = State::unknown;
  std::string name;                ///< the confirmed one; else the first of `names`, or empty
  std::vector<std::string> names;  ///< of the PTR records, at most ten
  std::string why;                 ///< of unknown

  /// The confirmed name, or empty.
  std::string_view confirmed() const {
    return state == State::confirmed ? std::string_view(name) : std::string_view{};
  }
};

/// Nothing while an answer is missing.
std::optional<ClientName> find_client_name(const base::IpAddress& client, dns::Lookup& dns);

}  // namespace gatepost::checks
