#include "gateway/options.hpp"

#include "core/base/text.hpp"
#include "mail/address.hpp"
#include "webui/server.hpp"

namespace gatepost::gateway {

void CertificateOptions::visit(base::Visitor& v) {
  v.field({.key = "certificate",
           .help = "PEM file with the certificate and its chain. In [smtp.tls], \"auto\" makes a self-signed "
                   "one in state_dir, which is enough for opportunistic TLS.",
           .example = "\"/etc/gatepost/fullchain.pem\""},
          certificate);
  v.field({.key = "key",
           .help = "PEM file with the private key; readable for `user`.",
           .example = "\"/etc/gatepost/key.pem\""},
          key);
}

void TlsOptions::visit(base::Visitor& v) {
  main.visit(v);
  v.list({.key = "certificates", .help = "More certificates, for clients that ask for another name (SNI)."},
         certificates);
}

void SmtpOptions::visit(base::Visitor& v) {
  v.field({.key = "listen",
           .help = "Addresses and ports to take mail at.",
           .example = "[\"0.0.0.0:25\", \"[::]:25\"]",
           .restart = true},
          listen);
  protocol.visit(v);
  v.field({.key = "proxy_from",
           .help = "Load balancers that begin each connection with a PROXY header (v1 or v2). From anybody "
                   "else such a header is an error.",
           .example = "[\"10.0.0.0/24\"]"},
          proxy_from);
  v.field({.key = "max_sessions",
           .help = "More sessions at the same time are answered with 421 4.3.2.",
           .min = 1,
           .max = 1000000},
          max_sessions);
  v.field({.key = "memory",
           .help = "What messages in all sessions may take together. From half of it on large messages go to "
                   "disk earlier; at nine tenths new ones get 452 4.3.1 and new sessions 421 4.3.2.",
           .restart = true},
          memory);
  v.field({.key = "receive_buffer",
           .help = "Socket buffer for clients; 0 leaves it to the system.",
           .restart = true},
          receive_buffer);
  v.section({.key = "tls", .help = "STARTTLS for clients: TLS 1.2 and 1.3."}, tls);
}

void StateOptions::visit(base::Visitor& v) {
  v.field(
      {.key = "memory",
       .help = "Memory that what the checks remember of clients and senders may take at most. What is worth "
               "least is forgotten first.",
       .restart = true},
      memory);
  v.field({.key = "write_interval",
           .help = "How often what has changed is written to state_dir/state.db, from 50 ms to 1 s: a crash "
                   "forgets no more than that.",
           .restart = true},
          write_interval);
}

void WebOptions::visit(base::Visitor& v) {
  v.field({.key = "listen",
           .help = "Where the status page, /api/v1/status, /metrics, /livez and /readyz are served; none if "
                   "empty. Other addresses than loopback need password_hash.",
           .example = "[\"127.0.0.1:8025\"]",
           .restart = true},
          listen);
  v.field({.key = "password_hash",
           .help = "What `gatepost web passwd` printed: asked for as HTTP Basic authentication, any user "
                   "name. /livez and /readyz stay open.",
           .secret = true},
          password_hash);
}

void LogOptions::visit(base::Visitor& v) {
  v.field({.key = "format",
           .help = "One line per transaction and per session, as JSON or as key=value text.",
           .restart = true},
          format);
  v.field({.key = "path",
           .help = "The log file, opened again at SIGUSR1; empty: standard output.",
           .restart = true},
          path);
}

void Options::visit(base::Visitor& v) {
  v.field({.key = "hostname",
           .help = "Our name in the banner, in EHLO towards backends and in Received: the name that the MX "
                   "record and the address's PTR record have.",
           .example = "\"mx1.example.org\""},
          hostname);
  v.field({.key = "state_dir",
           .help = "For what is to survive a restart, and for messages too large for memory. Must be "
                   "writable for `user`.",
           .restart = true},
          state_dir);
  v.field({.key = "user",
           .help = "Started as root, the program becomes this user once its ports are open.",
           .restart = true},
          user);
  v.field({.key = "threads",
           .help = "Threads for sessions; 0: one per processor, at most 8.",
           .max = 256,
           .restart = true},
          threads);
  v.field({.key = "drain_timeout", .help = "How long SIGTERM waits for messages under way."}, drain_timeout);
  v.section({.key = "smtp", .help = "The SMTP server."}, smtp);
  v.list(
      {.key = "domains", .help = "Our domains: whose recipients are where, and which way their mail goes."},
      domains);
  v.map({.key = "directories", .help = "Sources of recipients, by name."}, directories);
  v.map({.key = "routes", .help = "Ways to internal servers, by name."}, routes);
  v.section({.key = "relay", .help = "Handing messages on."}, relay);
  v.section({.key = "dns", .help = "The domain name system."}, dns);
  v.section({.key = "state", .help = "What is remembered from one session to the next."}, state);
  v.section({.key = "policy", .help = "What holds for all checks."}, policy);
  v.section({.key = "checks", .help = "The checks, each in a table of its own."}, checks);
  v.section({.key = "web", .help = "The status page."}, web);
  v.section({.key = "log", .help = "The log."}, log);
}

void Options::validate(base::Problems& problems) const {
  if (hostname.empty()) {
    problems.error("hostname", "is missing",
                   "add hostname = \"mx1.example.org\" with the name of your MX record");
  } else if (!mail::domain_key(hostname) || !base::is_ascii(hostname)) {
    problems.error("hostname", "\"" + base::printable(hostname) + "\" is no host name");
  } else if (hostname.find('.') == std::string::npos) {
    problems.warning("hostname", "\"" + hostname + "\" has no domain; other servers may distrust it");
  }
  if (smtp.listen.empty())
    problems.error("smtp.listen", "is missing", "add listen = [\"0.0.0.0:25\", \"[::]:25\"] to [smtp]");
  if (domains.empty())
    problems.error("domains", "there are none, so that no mail would be taken",
                   "add [[domains]] with names, recipients and route");
  constexpr std::uint64_t largest = 2ULL << 30;
  if (smtp.protocol.max_message_size.bytes > largest)
    problems.error("smtp.max_message_size", "must be at most 2 GiB");
  if (smtp.protocol.max_message_size.bytes < 64 << 10)
    problems.error("smtp.max_message_size", "must be at least 64 KiB (RFC 5321 4.5.3.1.7)");
  if (smtp.protocol.max_line.bytes < 512 || smtp.protocol.max_line.bytes > 65536)
    problems.error("smtp.max_line", "must be between 512 bytes and 64 KiB");
  if (state.write_interval < base::Millis(50) || state.write_interval > base::Millis(1000))
    problems.error("state.write_interval", "must be between 50 ms and 1 s");
  if (smtp.memory.bytes < 16 << 20) problems.error("smtp.memory", "must be at least 16 MiB");
  if (smtp.protocol.soft_error_limit > smtp.protocol.hard_error_limit)
    problems.warning("smtp.soft_error_limit", "is above hard_error_limit and so has no effect");
  if (smtp.protocol.max_recipients < 100)
    problems.warning("smtp.max_recipients", "RFC 5321 wants at least 100");
  const auto at_least = [&problems](std::string key, base::Millis value, base::Millis limit) {
    if (value < limit)
      problems.error(std::move(key), "must be at least " + base::TextForm<base::Millis>::print(limit));
  };
  constexpr base::Millis least{100};
  at_least("smtp.command_timeout", smtp.protocol.command_timeout, least);
  at_least("smtp.data_timeout", smtp.protocol.data_timeout, least);
  at_least("smtp.max_session_time", smtp.protocol.max_session_time, least);
  at_least("dns.timeout", dns.timeout, least);
  at_least("relay.before_dot", relay.before_dot, least);
  at_least("relay.after_dot", relay.after_dot, least);
  at_least("relay.reply_timeout", relay.reply_timeout, least);
  for (const auto& [name, route] : routes)
    at_least("routes." + name + ".connect_timeout", route.connect_timeout, least);
  for (const auto& [name, route] : routes) {
    if (route.servers.empty()) problems.error("routes." + name + ".servers", "names no server");
  }
  if (relay.before_dot + relay.after_dot > std::chrono::minutes(14))
    problems.warning("relay.after_dot", "senders give up after 10 minutes, and then deliver twice");
  for (const auto& endpoint : web.listen) {
    if (endpoint.address.scope() != base::Scope::loopback && web.password_hash.empty()) {
      problems.error("web.listen", endpoint.to_string() + " is not loopback, and password_hash is not set",
                     "run `gatepost web passwd`, or listen at 127.0.0.1");
    }
  }
  if (!web.password_hash.empty() && !webui::is_password_hash(web.password_hash.reveal()))
    problems.error("web.password_hash", "is nothing that `gatepost web passwd` prints",
                   "run it, and paste its line");
  if (dns.timeout > std::chrono::seconds(30)) problems.error("dns.timeout", "must be at most 30 s");
  policy.validate(problems);
  checks.validate(problems);
}

}  // namespace gatepost::gateway
