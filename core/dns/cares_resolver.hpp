// The resolver that works: asks the configured servers through c-ares.
#pragma once

#include <memory>

#include "core/base/clock.hpp"
#include "core/dns/health.hpp"
#include "core/dns/options.hpp"
#include "core/dns/resolver.hpp"
#include "core/net/asio.hpp"

namespace gatepost::dns {

/// For the thread that runs `context`. Questions under way when it is destroyed are dropped without a call.
/// A question is tried at most three times: each try at the next server that is up, after silence at the same
/// one if there is no other. With three failures in a row a server is suspected and probed at once (". NS"):
/// only if that fails too it is down, so that one slow zone does not make a resolver look dead. A server that
/// is down is probed every second until it answers. Throws std::runtime_error if c-ares cannot be set up.
std::unique_ptr<Resolver> make_cares_resolver(net::asio::io_context& context, const base::Clock& clock,
                                              const ResolverOptions& options,
                                              std::shared_ptr<ResolverHealth> health);

}  // namespace gatepost::dns
