#include "core/base/ip.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "core/base/text.hpp"

namespace gatepost::base {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

struct ScopedNetwork {
  Network network;
  Scope scope;
};

const std::array<ScopedNetwork, 5>& special_v6() {
  static const std::array<ScopedNetwork, 5> networks{{{*Network::parse("::/128"), Scope::unspecified},
                                                      {*Network::parse("::1/128"), Scope::loopback},
                                                      {*Network::parse("fe80::/10"), Scope::link_local},
                                                      {*Network::parse("fc00::/7"), Scope::private_use},
                                                      {*Network::parse("ff00::/8"), Scope::multicast}}};
  return networks;
}

/// As inet_pton() reads it, but without a terminated copy: SPF records hold dozens of networks.
bool read_v4(std::string_view text, std::array<std::uint8_t, 4>& bytes) {
  std::size_t dots = 0;
  std::size_t digits = 0;
  unsigned value = 0;
  for (const char c : text) {
    if (c == '.' && digits > 0 && dots < 3) {
      bytes[dots++] = static_cast<std::uint8_t>(value);
      digits = value = 0;
      continue;
    }
    const bool leading_zero = digits > 0 && value == 0;
    if (!is_digit(c) || leading_zero) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 255) return false;
    ++digits;
  }
  bytes[3] = static_cast<std::uint8_t>(value);
  return dots == 3 && digits > 0;
}

}  // namespace

IpAddress IpAddress::from_v4(std::array<std::uint8_t, 4> bytes) {
  IpAddress address;
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), address.bytes_.begin());
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin() + 12);
  return address;
}

IpAddress IpAddress::from_v6(const Bytes& bytes) {
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<std::uint8_t, 4> v4{};
  if (read_v4(text, v4)) return from_v4(v4);
  // Most that is no IPv4 address is a name.
  if (text.size() >= INET6_ADDRSTRLEN || text.find(':') == std::string_view::npos ||
      text.find('\0') != std::string_view::npos)
    return std::nullopt;
  const std::string terminated(text);
  Bytes v6{};
  if (::inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return from_v6(v6);
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes_.begin());
}

std::array<std::uint8_t, 4> IpAddress::v4_bytes() const {
  std::array<std::uint8_t, 4> v4{};
  std::copy(bytes_.begin() + 12, bytes_.end(), v4.begin());
  return v4;
}

Scope IpAddress::scope() const {
  if (is_v4()) {
    const auto b = v4_bytes();
    if (b[0] == 127) return Scope::loopback;
    if (b[0] == 0) return Scope::unspecified;
    if (b[0] == 10 || (b[0] == 192 && b[1] == 168) || (b[0] == 172 && (b[1] & 0xF0) == 16))
      return Scope::private_use;
    if (b[0] == 100 && (b[1] & 0xC0) == 64) return Scope::shared;
    if (b[0] == 169 && b[1] == 254) return Scope::link_local;
    if (b[0] >= 224) return Scope::multicast;
    return Scope::global;
  }
  for (const auto& special : special_v6()) {
    if (special.network.contains(*this)) return special.scope;
  }
  return Scope::global;
}

std::string IpAddress::to_string() const {
  if (is_v4()) {  // each message has it written several times, and inet_ntop() of glibc does it by sprintf()
    std::array<char, INET_ADDRSTRLEN> text;
    auto* at = text.data();
    for (const auto byte : v4_bytes()) {
      if (at != text.data()) *at++ = '.';
      at = std::to_chars(at, text.data() + text.size(), byte).ptr;
    }
    return {text.data(), at};
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::string IpAddress::literal() const {
  return (is_v4() ? "" : "IPv6:") + to_string();
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  std::uint64_t port = 0;
  if (!address || !parse_number(text.substr(colon + 1), port) || port > 65535) return std::nullopt;
  if (!bracketed && host.find(':') != std::string_view::npos) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(port)};
}

std::string Endpoint::to_string() const {
  const auto host = address.to_string();
  return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

std::optional<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned bits = address->is_v4() && text.find(':') == std::string_view::npos ? 32 : 128;
  std::uint64_t prefix = bits;
  if (slash != std::string_view::npos && (!parse_number(text.substr(slash + 1), prefix) || prefix > bits)) {
    return std::nullopt;
  }
  return Network(*address, static_cast<unsigned>(128 - bits + prefix));
}

Network Network::around(const IpAddress& address, unsigned v4_bits, unsigned v6_bits) {
  return {address, address.is_v4() ? 96 + v4_bits : v6_bits};
}

Network::Network(const IpAddress& address, unsigned prefix) : prefix_(static_cast<std::uint8_t>(prefix)) {
  auto bytes = address.bytes();
  for (unsigned bit = prefix_; bit < 128; ++bit)
    bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  address_ = IpAddress::from_v6(bytes);
}

bool Network::contains(const IpAddress& address) const {
  const auto& a = address_.bytes();
  const auto& b = address.bytes();
  const unsigned whole = prefix_ / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  const unsigned rest = prefix_ % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

std::string Network::to_string() const {
  const bool v4 = address_.is_v4() && prefix_ >= 96;
  return address_.to_string() + "/" + std::to_string(v4 ? prefix_ - 96 : prefix_);
}

}  // namespace gatepost::base
