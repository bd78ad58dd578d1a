// An SPF record as terms (RFC 7208 4.5, 4.6, 5, 6, 12). Syntax only: nothing is expanded or looked up.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/base/ip.hpp"
#include "core/base/result.hpp"
#include "mail/spf.hpp"

namespace gatepost::mail {

enum class SpfMechanism { all, include, a, mx, ptr, ip4, ip6, exists };

/// A directive. The views point into the record.
struct SpfDirective {
  std::string_view text;  ///< as written
  SpfResult qualifier = SpfResult::pass;
  SpfMechanism mechanism = SpfMechanism::all;
  std::string_view domain_spec;  ///< empty: the domain whose record this is
  base::IpAddress network;       ///< of ip4 and ip6
  unsigned length4 = 32;         ///< of the prefix, for IPv4 clients
  unsigned length6 = 128;
};

struct SpfRecord {
  std::vector<SpfDirective> directives;
  std::string_view redirect;     ///< a domain-spec; empty: there is none
  std::string_view explanation;  ///< a domain-spec; empty: there is none
};

/// Does this text begin like a record of this version (RFC 7208 4.5)?
bool is_spf_record(std::string_view text);

/// All terms, or what is wrong with the first that is none, in words for its author. `text` must be
/// `is_spf_record()`; the views point into a copy that the result keeps. What many domains include is read
/// again and again: each thread remembers what it has parsed lately.
std::shared_ptr<const base::Result<SpfRecord>> parse_spf_record(std::string_view text);

}  // namespace gatepost::mail
