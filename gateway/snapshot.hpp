// The configuration made ready for use: immutable, built on the admin thread, posted to each session thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/net/tls_context.hpp"
#include "directory/domain_table.hpp"
#include "gateway/config.hpp"
#include "relay/route.hpp"
#include "smtp/server_session.hpp"

namespace gatepost::gateway {

/// Servers by address; they outlive reloads with their breakers, permits and connections.
class ServerRegistry {
 public:
  std::shared_ptr<relay::Server> get(const relay::HostPort& address, int max_connections);

 private:
  std::map<relay::HostPort, std::shared_ptr<relay::Server>> servers_;
};

struct Snapshot {
  Config config;
  std::shared_ptr<const smtp::ServerSession::Settings> settings;
  std::map<std::string, std::shared_ptr<const directory::FileDirectory>> directories;
  directory::DomainTable domains;
  std::map<std::string, std::shared_ptr<const relay::Route>> routes;
  std::shared_ptr<const checks::Pipeline> pipeline;
  std::shared_ptr<const net::TlsServerContext> tls;
  checks::Site site;

  /// Reads what `config` names. Problems are added to its list; null if there are errors among them.
  /// `make_certificate`: make the self-signed certificate if it is not there.
  static std::shared_ptr<const Snapshot> build(Config& config, ServerRegistry& servers,
                                               bool make_certificate);

  /// The same with checks made anew, since a file of theirs has changed. Null, with `mistakes`, if it is bad.
  std::shared_ptr<const Snapshot> with_checks_again(std::vector<ConfigProblem>& mistakes) const;

  /// The resolver as a witness, who knows our names to exist.
  checks::WitnessPtr make_resolver_witness() const;

  /// What EHLO may offer as things stand: what every backend seen so far can do.
  smtp::Extensions offer() const;
};

}  // namespace gatepost::gateway
