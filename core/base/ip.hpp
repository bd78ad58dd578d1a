// IP addresses, networks and endpoints as values; no sockets here.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gatepost::base {

/// What an address can be used for (RFC 6890 and its companions). Documentation networks count as global.
enum class Scope {
  global,
  loopback,
  link_local,
  private_use,
  shared /* CGNAT, RFC 6598 */,
  unspecified,
  multicast
};

/// An IPv4 or IPv6 address. IPv4-mapped IPv6 (::ffff:a.b.c.d) is the IPv4 address.
class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;  ///< IPv6 form; IPv4 as ::ffff:a.b.c.d

  IpAddress() = default;  ///< ::
  static IpAddress from_v4(std::array<std::uint8_t, 4> bytes);
  static IpAddress from_v6(const Bytes& bytes);
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  const Bytes& bytes() const { return bytes_; }
  std::array<std::uint8_t, 4> v4_bytes() const;  ///< only if is_v4()
  Scope scope() const;
  std::string to_string() const;
  /// As an RFC 5321 address literal without brackets: "192.0.2.1" or "IPv6:2001:db8::1".
  std::string literal() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Bytes bytes_{};
};

/// Address and TCP port.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  /// "192.0.2.1:25" or "[2001:db8::1]:25".
  static std::optional<Endpoint> parse(std::string_view text);
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

/// A CIDR network: "192.0.2.0/24", "2001:db8::/32", or a single address.
class Network {
 public:
  Network() = default;
  static std::optional<Network> parse(std::string_view text);
  /// The network that an address is in, with a prefix of so many bits for IPv4 (0 to 32) or IPv6 (0 to 128).
  static Network around(const IpAddress& address, unsigned v4_bits, unsigned v6_bits);
  const IpAddress& first() const { return address_; }
  bool contains(const IpAddress& address) const;
  std::string to_string() const;
  auto operator<=>(const Network&) const = default;

 private:
  /// `prefix` in bits of the IPv6 form.
  Network(const IpAddress& address, unsigned prefix);

  IpAddress address_;
  std::uint8_t prefix_ = 128;  ///< in bits of the IPv6 form (IPv4 /24 is 120 here)
};

}  // namespace gatepost::base
