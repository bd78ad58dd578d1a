// The addresses in a From, Sender, To or like field (RFC 5322 3.4 and 4.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gatepost::mail {

/// Without comments and white space. The text is as written: quotes are kept, upper case, too.
struct ListedAddress {
  std::string local;
  std::string domain;  ///< may be a domain literal
};

struct AddressList {
  /// Addresses behind so many are only counted.
  static constexpr std::size_t most_addresses = 100;

  std::vector<ListedAddress> addresses;
  std::size_t count = 0;
  /// It is not what RFC 5322 allows, obsolete forms included. The addresses are those that could be made out:
  /// of `a@b <c@d>` it is c@d.
  bool malformed = false;
};

/// Reads the body of a field, folded or not. Groups, empty places between commas, routes and comments are
/// understood; encoded words are only text. Where even the end of an address cannot be found, the list ends.
AddressList parse_address_list(std::string_view body);

}  // namespace gatepost::mail
