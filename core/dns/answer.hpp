// What the domain name system is asked and what it says, as values. Policy needs to know "does not exist"
// from "cannot tell now", so that an answer has one of five outcomes.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ip.hpp"

namespace gatepost::dns {

/// Resource record types (RFC 1035 3.2.2, RFC 3596), with their numbers on the wire.
enum class Type : std::uint16_t { a = 1, ns = 2, cname = 5, soa = 6, ptr = 12, mx = 15, txt = 16, aaaa = 28 };
std::string_view name_of(Type type);

/// A question in class IN.
struct Question {
  std::string name;  ///< ASCII lower case, no trailing dot; empty: the root
  Type type = Type::a;
  auto operator<=>(const Question&) const = default;
  /// "example.org MX"
  std::string to_string() const;
};

/// The question for `name`, which may be in upper case and have a trailing dot.
Question question(std::string_view name, Type type);
/// For the PTR record of an address: "9.113.0.203.in-addr.arpa", "...ip6.arpa".
Question reverse_question(const base::IpAddress& address);
/// The address backwards without a zone, as lists want it (RFC 5782): "9.113.0.203", or 32 nibbles for IPv6.
std::string reversed(const base::IpAddress& address);

/// Can it be asked at all: labels of 1 to 63 octets, at most 253 octets, nothing but printable ASCII and
/// spaces (macros of SPF make such names)?
bool is_askable(std::string_view name);

enum class Outcome : std::uint8_t {
  found,              ///< there are records of the type
  no_data,            ///< the name exists, without records of the type
  no_name,            ///< the name does not exist (NXDOMAIN)
  temporary_failure,  ///< timeout, SERVFAIL, REFUSED, garbage: nothing is known
  bogus,              ///< the validating resolver says that the signatures are wrong (RFC 8914)
};
inline constexpr std::array<std::string_view, 5> outcome_names{"found", "no data", "no such name",
                                                               "temporary failure", "bogus"};
constexpr std::string_view name_of(Outcome outcome) {
  return outcome_names[static_cast<std::size_t>(outcome)];
}

struct Exchange {
  std::uint16_t preference = 0;
  std::string host;  ///< lower case, no trailing dot; empty in a null MX (RFC 7505)
  auto operator<=>(const Exchange&) const = default;
};

/// An answer. CNAMEs have been followed; the lists hold records of the type that was asked for only.
struct Answer {
  Outcome outcome = Outcome::temporary_failure;
  std::vector<base::IpAddress> addresses;  ///< A, AAAA
  std::vector<Exchange> exchanges;         ///< MX, by preference
  std::vector<std::string> names;  ///< PTR, NS, CNAME; SOA: the primary server. Lower case, no trailing dot
  std::vector<std::string> texts;  ///< TXT: untrusted octets, the strings of a record joined
  bool alias = false;              ///< the name that was asked for is a CNAME
  std::chrono::seconds ttl{0};     ///< the shortest of the chain; negative answers: by SOA (RFC 2308)
  std::string why;                 ///< of a failure, for people: "127.0.0.1:53 says SERVFAIL"

  bool found() const { return outcome == Outcome::found; }
  /// Does not exist: no such name, or none of that type.
  bool absent() const { return outcome == Outcome::no_data || outcome == Outcome::no_name; }
  /// Nothing is known.
  bool failed() const { return outcome == Outcome::temporary_failure || outcome == Outcome::bogus; }
};

/// What algorithms over DNS take: the answer, or null after noting the question; then they are run again when
/// it is there. An answer stays valid and the same as long as the Lookup.
class Lookup {
 public:
  virtual const Answer* lookup(const Question& question) = 0;

 protected:
  ~Lookup() = default;
};

}  // namespace gatepost::dns
