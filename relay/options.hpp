// Routes to the inside, as configured under [routes.<name>], and the budgets of [relay].
#pragma once

#include "core/base/text_forms.hpp"

namespace gatepost::relay {

/// A server: "10.0.0.5:25", "[2001:db8::1]:25", "mail.internal" (port 25).
struct HostPort {
  std::string host;
  std::uint16_t port = 25;
  std::string to_string() const;
  auto operator<=>(const HostPort&) const = default;
};

enum class TlsMode {
  none,
  opportunistic,  ///< if offered, whatever the certificate says
  require,        ///< always, whatever the certificate says
  verify,         ///< always, and the certificate must be valid for the server's name
};

struct RouteOptions {
  std::vector<HostPort> servers;
  TlsMode tls = TlsMode::opportunistic;
  std::string ca_file;
  std::int64_t max_connections = 18;
  base::Millis idle_timeout = std::chrono::seconds(60);
  base::Millis max_age = std::chrono::minutes(8);
  base::Millis connect_timeout = std::chrono::seconds(10);

  void visit(base::Visitor& v);
};

struct RelayOptions {
  base::Millis before_dot = std::chrono::seconds(120);
  base::Millis after_dot = std::chrono::seconds(570);
  base::Millis reply_timeout = std::chrono::seconds(30);
  std::int64_t learned_entries = 100000;
  base::ByteSize send_buffer = base::operator""_KiB(512);

  void visit(base::Visitor& v);
};

}  // namespace gatepost::relay

namespace gatepost::base {

template <>
struct TextForm<relay::TlsMode> {
  static constexpr std::array<std::string_view, 4> names{"none", "opportunistic", "require", "verify"};
  static constexpr std::string_view form = "\"none\", \"opportunistic\", \"require\" or \"verify\"";
  static std::string parse(std::string_view in, relay::TlsMode& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const relay::TlsMode& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

template <>
struct TextForm<relay::HostPort> {
  static constexpr std::string_view form = "host:port";
  static std::string parse(std::string_view in, relay::HostPort& value);
  static std::string print(const relay::HostPort& value) { return value.to_string(); }
};

}  // namespace gatepost::base
