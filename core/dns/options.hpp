// Which resolvers are asked and how, as configured under [dns].
#pragma once

#include <vector>

#include "core/base/text_forms.hpp"

namespace gatepost::dns {

struct ResolverOptions {
  std::vector<base::Endpoint> servers;  ///< in order of preference; empty: the system's
  base::Millis timeout{1500};           ///< of one try
  std::int64_t cache_entries = 20000;   ///< per thread
  base::Millis probe_interval{1000};    ///< of a server that is down; not configured, tests are in a hurry

  void visit(base::Visitor& v);
};

}  // namespace gatepost::dns
