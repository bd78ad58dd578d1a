#include "core/dns/options.hpp"

namespace gatepost::dns {

void ResolverOptions::visit(base::Visitor& v) {
  v.field({.key = "servers",
           .help = "Resolvers to ask, the first that works. They should validate DNSSEC, stand near, and not "
                   "be a public service, which DNS lists refuse to answer. None: those of /etc/resolv.conf.",
           .example = "[\"127.0.0.1:53\"]",
           .restart = true},
          servers);
  v.field({.key = "timeout",
           .help = "How long a resolver may take for one try. A question is tried three times, at the next "
                   "resolver if there is one.",
           .restart = true},
          timeout);
  v.field({.key = "cache_entries",
           .help = "Answers kept per thread, about a kilobyte each.",
           .max = 10000000,
           .restart = true},
          cache_entries);
}

}  // namespace gatepost::dns
