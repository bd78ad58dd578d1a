#include "gateway/snapshot.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "gateway/resolver_witness.hpp"

namespace gatepost::gateway {
namespace {

/// Room for what we put in front of a message, below what a backend says it takes.
constexpr std::uint64_t header_reserve = 64 << 10;

void load_directories(const Options& options, Snapshot& snapshot, Config& config, base::Problems& problems) {
  for (const auto& [name, directory] : options.directories) {
    const auto path = "directories." + name + ".path";
    if (directory.path.empty()) {
      problems.error(path, "names no file");
      continue;
    }
    std::vector<directory::FileDirectory::Mistake> mistakes;
    auto loaded = directory::FileDirectory::load(directory.path, directory.separator, mistakes);
    if (!loaded) {
      problems.error(path, loaded.error().message);
      continue;
    }
    constexpr std::size_t most_shown = 20;
    const auto more = mistakes.size() > most_shown ? mistakes.size() - most_shown : 0;
    mistakes.resize(mistakes.size() - more);
    if (more > 0)
      problems.error(
          path, directory.path + " has " + std::to_string(more) + " more lines that are no mail addresses");
    for (const auto& mistake : mistakes) {
      config.problems.push_back({directory.path, mistake.line, 1, mistake.message,
                                 "one address a line; # begins a comment", false});
    }
    if (mistakes.empty() && (*loaded)->size() == 0)
      problems.warning(path, directory.path + " holds no address: every recipient there is unknown");
    snapshot.directories[name] = *loaded;
  }
}

/// A server has one set of connections, whichever routes name it.
void warn_of_different_limits(const Options& options, base::Problems& problems) {
  std::map<relay::HostPort, std::int64_t> limits;
  for (const auto& [name, route] : options.routes) {
    for (const auto& server : route.servers) {
      const auto first = limits.emplace(server, route.max_connections).first;
      if (first->second != route.max_connections)
        problems.warning(
            "routes." + name + ".max_connections",
            server.to_string() + " stands in another route with another limit; the last one by name counts");
    }
  }
}

void build_routes(const Options& options, ServerRegistry& servers, Snapshot& snapshot,
                  base::Problems& problems) {
  for (const auto& [name, from] : options.routes) {
    auto route = std::make_shared<relay::Route>();
    route->name = name;
    route->options = from;
    for (const auto& address : from.servers)
      route->servers.push_back(servers.get(address, static_cast<int>(from.max_connections)));
    if (from.tls != relay::TlsMode::none) {
      auto context = net::TlsClientContext::make(from.tls == relay::TlsMode::verify, from.ca_file);
      if (context) {
        route->tls = *context;
      } else {
        problems.error("routes." + name + ".ca_file", context.error().message);
      }
    }
    for (const auto& listen : options.smtp.listen) {
      for (const auto& server : from.servers) {
        if (relay::HostPort{listen.address.to_string(), listen.port} == server) {
          problems.error("routes." + name + ".servers",
                         server.to_string() + " is where we listen ourselves: mail would go round in a loop");
        }
      }
    }
    snapshot.routes[name] = std::move(route);
  }
}

void load_tls(const Options& options, Snapshot& snapshot, bool make_certificate, base::Problems& problems) {
  std::vector<net::CertificateFiles> files;
  const auto& main = options.smtp.tls.main;
  if (main.certificate.empty() || main.certificate == "auto") {
    if (!make_certificate) return;
    auto made = net::self_signed(options.state_dir, options.hostname);
    if (!made) {
      problems.error("smtp.tls.certificate", made.error().message);
      return;
    }
    files.push_back(*made);
  } else {
    files.push_back({main.certificate, main.key.empty() ? main.certificate : main.key});
  }
  for (const auto& more : options.smtp.tls.certificates)
    files.push_back({more.certificate, more.key.empty() ? more.certificate : more.key});
  auto loaded = net::TlsServerContext::load(files);
  if (!loaded) {
    problems.error("smtp.tls.certificate", loaded.error().message);
    return;
  }
  for (const auto& certificate : (*loaded)->certificates()) {
    const auto left = certificate.not_after - std::chrono::system_clock::now();
    if (left < std::chrono::hours(0)) {
      problems.warning("smtp.tls.certificate", certificate.file + " has expired");
    } else if (left < std::chrono::hours(24 * 14)) {
      problems.warning("smtp.tls.certificate",
                       certificate.file + " expires in " +
                           std::to_string(std::chrono::duration_cast<std::chrono::hours>(left).count() / 24) +
                           " days");
    }
  }
  snapshot.tls = *loaded;
}

void warn_of_unreachable(const Options& options, const Snapshot& snapshot, base::Problems& problems) {
  for (std::size_t i = 0; i < options.domains.size(); ++i) {
    const auto& domain = options.domains[i];
    const auto path = "domains[" + std::to_string(i) + "]";
    if (const auto target = mail::Mailbox::parse(domain.postmaster)) {
      if (snapshot.domains.find(*target).kind != directory::DomainTable::Answer::Kind::found)
        problems.warning(path + ".postmaster",
                         domain.postmaster + " is not known here: mail for postmaster may be refused inside");
    }
    for (const auto& name : domain.names) {
      const auto key = mail::domain_key(name);
      const bool any =
          std::any_of(domain.recipients.begin(), domain.recipients.end(), [&](const std::string& from) {
            const auto known = snapshot.directories.find(from.substr(from.find(':') + 1));
            return from == "any" || known == snapshot.directories.end() || known->second->size() == 0 ||
                   known->second->has_any(*key);
          });
      if (!any)
        problems.warning(path + ".names", "no address of " + name + " is known: all its mail is refused");
    }
  }
}

void warn_of_missing_roles(const directory::DomainTable& domains, base::Problems& problems) {
  for (const auto& domain : domains.names()) {
    for (const auto* role : {"postmaster", "abuse"}) {
      const auto mailbox = mail::Mailbox::parse(std::string(role) + "@" + domain);
      if (mailbox && domains.find(*mailbox).kind == directory::DomainTable::Answer::Kind::unknown) {
        problems.warning(
            "domains",
            std::string(role) + "@" + domain + " is not known, but must take mail (RFC 5321 4.5.1, RFC 2142)",
            std::string(role) == "postmaster" ? "add it to the directory, or set postmaster = \"...\""
                                              : "add it to the directory");
      }
    }
  }
}

void add_mistakes(const checks::CheckFiles& files, std::vector<ConfigProblem>& problems) {
  for (const auto& mistake : files.mistakes)
    problems.push_back(
        {mistake.file, mistake.line, mistake.line == 0 ? 0U : 1U, mistake.message, mistake.hint, false});
}

}  // namespace

std::shared_ptr<const Snapshot> Snapshot::with_checks_again(std::vector<ConfigProblem>& mistakes) const {
  checks::CheckFiles files;
  auto made = std::make_shared<checks::Pipeline>(config.options.checks, config.options.policy, files);
  add_mistakes(files, mistakes);
  if (!files.mistakes.empty()) return nullptr;
  auto snapshot = std::make_shared<Snapshot>(*this);
  snapshot->pipeline = std::move(made);
  return snapshot;
}

std::shared_ptr<relay::Server> ServerRegistry::get(const relay::HostPort& address, int max_connections) {
  auto& server = servers_[address];
  if (!server) server = std::make_shared<relay::Server>(address, max_connections);
  return server;
}

std::shared_ptr<const Snapshot> Snapshot::build(Config& config, ServerRegistry& servers,
                                                bool make_certificate) {
  const auto& options = config.options;
  auto snapshot = std::make_shared<Snapshot>();
  base::Problems problems;
  load_directories(options, *snapshot, config, problems);
  build_routes(options, servers, *snapshot, problems);
  warn_of_different_limits(options, problems);
  load_tls(options, *snapshot, make_certificate, problems);
  directory::DomainTable::Directories directories(snapshot->directories.begin(), snapshot->directories.end());
  std::vector<std::string_view> routes;
  for (const auto& [name, route] : options.routes) routes.push_back(name);
  snapshot->domains =
      directory::DomainTable::build(options.domains, options.directories, directories, routes, problems);
  config.add(problems);
  if (!config.has_errors()) {
    base::Problems roles;
    warn_of_missing_roles(snapshot->domains, roles);
    warn_of_unreachable(options, *snapshot, roles);
    config.add(roles);
  }
  checks::CheckFiles files;
  snapshot->pipeline = std::make_shared<checks::Pipeline>(options.checks, options.policy, files);
  add_mistakes(files, config.problems);
  if (config.has_errors()) return nullptr;
  snapshot->site = {options.hostname, {}, options.policy.clients_are_real};
  for (const auto& endpoint : options.smtp.listen) {
    if (endpoint.address.scope() != base::Scope::unspecified)
      snapshot->site.addresses.push_back(endpoint.address);
  }
  snapshot->config = std::move(config);
  const auto& kept = snapshot->config.options;
  snapshot->settings = std::make_shared<smtp::ServerSession::Settings>(
      smtp::ServerSession::Settings{kept.hostname, kept.policy.help, kept.smtp.protocol});
  return snapshot;
}

checks::WitnessPtr Snapshot::make_resolver_witness() const {
  constexpr std::size_t enough = 2;
  auto names = domains.names();
  names.resize(std::min(names.size(), enough));
  names.push_back(config.options.hostname);
  return gateway::make_resolver_witness(names);
}

smtp::Extensions Snapshot::offer() const {
  using smtp::Extension;
  smtp::Extensions offered;
  offered.add(Extension::pipelining)
      .add(Extension::size)
      .add(Extension::enhanced_status_codes)
      .add(Extension::chunking);
  if (tls) offered.add(Extension::starttls);
  bool seen = false;
  smtp::Extensions common;
  common.add(Extension::eight_bit_mime).add(Extension::smtputf8).add(Extension::dsn);
  for (const auto& [name, route] : routes) {
    for (const auto& server : route->servers) {
      const auto known = server->known();
      if (!known) continue;
      seen = true;
      for (const auto e : {Extension::eight_bit_mime, Extension::smtputf8, Extension::dsn}) {
        if (!known->has(e)) common.remove(e);
      }
      if (known->max_size > 0) {
        const auto room = known->max_size - std::min(header_reserve, known->max_size / 8);
        offered.max_size = offered.max_size == 0 ? room : std::min(offered.max_size, room);
      }
      if (known->rcpt_max > 0)
        offered.rcpt_max =
            offered.rcpt_max == 0 ? known->rcpt_max : std::min(offered.rcpt_max, known->rcpt_max);
    }
  }
  if (!seen) return offered.add(Extension::eight_bit_mime);
  for (const auto e : {Extension::eight_bit_mime, Extension::smtputf8, Extension::dsn}) {
    if (common.has(e)) offered.add(e);
  }
  return offered.add(Extension::limits);
}

}  // namespace gatepost::gateway
