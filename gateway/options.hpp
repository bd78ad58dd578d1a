// The whole configuration: one struct per table, each owned by the module that uses it.
#pragma once

#include <map>

#include "checks/pipeline.hpp"
#include "checks/policy.hpp"
#include "core/dns/options.hpp"
#include "directory/options.hpp"
#include "relay/options.hpp"
#include "smtp/server_options.hpp"

namespace gatepost::gateway {

enum class LogFormat { json, text };

struct CertificateOptions {
  std::string certificate;
  std::string key;
  void visit(base::Visitor& v);
};

struct TlsOptions {
  CertificateOptions main{"auto", ""};
  std::vector<CertificateOptions> certificates;
  void visit(base::Visitor& v);
};

struct SmtpOptions {
  std::vector<base::Endpoint> listen;
  std::vector<base::Network> proxy_from;
  std::int64_t max_sessions = 10000;
  base::ByteSize memory = base::operator""_MiB(256);
  base::ByteSize receive_buffer = base::operator""_KiB(256);
  smtp::ServerOptions protocol;
  TlsOptions tls;
  void visit(base::Visitor& v);
};

struct StateOptions {
  base::ByteSize memory = base::operator""_MiB(96);
  base::Millis write_interval{500};
  void visit(base::Visitor& v);
};

struct WebOptions {
  std::vector<base::Endpoint> listen;
  base::Secret password_hash;
  void visit(base::Visitor& v);
};

struct LogOptions {
  LogFormat format = LogFormat::json;
  std::string path;
  void visit(base::Visitor& v);
};

struct Options {
  std::string hostname;
  std::string state_dir = "/var/lib/gatepost";
  std::string user = "gatepost";
  std::int64_t threads = 0;
  base::Millis drain_timeout = std::chrono::seconds(30);
  SmtpOptions smtp;
  std::vector<directory::DomainOptions> domains;
  std::map<std::string, directory::DirectoryOptions> directories;
  std::map<std::string, relay::RouteOptions> routes;
  relay::RelayOptions relay;
  dns::ResolverOptions dns;
  StateOptions state;
  checks::PolicyOptions policy;
  checks::ChecksOptions checks;
  WebOptions web;
  LogOptions log;

  void visit(base::Visitor& v);
  /// What can be said without looking at files; the rest is Snapshot::build().
  void validate(base::Problems& problems) const;
};

}  // namespace gatepost::gateway

namespace gatepost::base {

template <>
struct TextForm<gateway::LogFormat> {
  static constexpr std::array<std::string_view, 2> names{"json", "text"};
  static constexpr std::string_view form = "\"json\" or \"text\"";
  static std::string parse(std::string_view in, gateway::LogFormat& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const gateway::LogFormat& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

}  // namespace gatepost::base
