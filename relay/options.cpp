#include "relay/options.hpp"

#include "core/base/text.hpp"
#include "mail/address.hpp"

namespace gatepost::relay {

std::string HostPort::to_string() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

void RouteOptions::visit(base::Visitor& v) {
  v.field(
      {.key = "servers",
       .help =
           "The internal servers in order of preference; the next one is tried when one cannot be reached.",
       .example = "[\"10.0.0.5:25\"]"},
      servers);
  v.field({.key = "tls",
           .help = "none; opportunistic: if the server offers it; require: always; verify: always, with a "
                   "valid certificate for the server's name."},
          tls);
  v.field(
      {.key = "ca_file", .help = "For tls = \"verify\": PEM file of the CAs to trust; empty: the system's."},
      ca_file);
  v.field({.key = "max_connections",
           .help = "Connections to each server at the same time. Exchange allows 20 from one address unless "
                   "told otherwise.",
           .min = 1,
           .max = 10000},
          max_connections);
  v.field({.key = "idle_timeout",
           .help = "An unused connection is closed after this time (Exchange closes it after 5 min)."},
          idle_timeout);
  v.field({.key = "max_age",
           .help = "A connection is not used for another message after this time (Exchange ends it after 10 "
                   "min, even while busy)."},
          max_age);
  v.field(
      {.key = "connect_timeout",
       .help =
           "How long a server may take to accept the connection and to greet before the next one is tried."},
      connect_timeout);
}

void RelayOptions::visit(base::Visitor& v) {
  v.field({.key = "before_dot",
           .help = "From the end of the message on: checks, connection, recipients and body must be done in "
                   "this time, or the sender gets 451 and nothing was delivered."},
          before_dot);
  v.field(
      {.key = "after_dot",
       .help = "How long the backend may take to answer the message. Senders wait 10 minutes (RFC 5321)."},
      after_dot);
  v.field(
      {.key = "reply_timeout",
       .help = "A server that is silent for so long within a transaction, the message not yet complete, is "
               "given up for the next server of the route. The last one gets what is left of before_dot."},
      reply_timeout);
  v.field({.key = "learned_entries",
           .help = "How many refusals of backends are remembered at most.",
           .min = 1000,
           .max = 10000000,
           .restart = true},
          learned_entries);
  v.field({.key = "send_buffer",
           .help = "Socket buffer towards backends; 0 leaves it to the system.",
           .restart = true},
          send_buffer);
}

}  // namespace gatepost::relay

namespace gatepost::base {

std::string TextForm<relay::HostPort>::parse(std::string_view in, relay::HostPort& value) {
  static constexpr const char* wrong =
      "must be a host and a port like \"10.0.0.5:25\", \"[2001:db8::1]:25\" or \"mail.internal:25\"";
  if (const auto endpoint = Endpoint::parse(in)) {
    value = {endpoint->address.to_string(), endpoint->port};
    return endpoint->port == 0 ? wrong : "";
  }
  if (const auto address = IpAddress::parse(in)) {
    value = {address->to_string(), 25};
    return {};
  }
  const auto colon = in.find(':');
  const auto host = in.substr(0, colon);
  std::uint64_t port = 25;
  if (colon != std::string_view::npos &&
      (!parse_number(in.substr(colon + 1), port) || port == 0 || port > 65535))
    return wrong;
  // A name of digits and dots is a mistyped address.
  if (!mail::domain_key(host) || host.find_first_not_of("0123456789.") == std::string_view::npos)
    return wrong;
  value = {std::string(host), static_cast<std::uint16_t>(port)};
  return {};
}

}  // namespace gatepost::base
