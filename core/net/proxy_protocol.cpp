#include "core/net/proxy_protocol.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/text.hpp"

namespace gatepost::net {
namespace {

constexpr std::string_view v1_start = "PROXY ";
constexpr std::string_view v2_signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t v1_longest = 107;
constexpr std::size_t v2_longest = 4096;

std::optional<base::Endpoint> endpoint(std::string_view address, std::string_view port, bool v4) {
  const auto ip = base::IpAddress::parse(address);
  std::uint64_t number = 0;
  if (!ip || !base::parse_number(port, number) || number > 65535) return std::nullopt;
  if (v4 != (address.find(':') == std::string_view::npos)) return std::nullopt;
  return base::Endpoint{*ip, static_cast<std::uint16_t>(number)};
}

ProxyParse parse_v1(std::string_view input, ProxyHeader& header) {
  const auto end = input.substr(0, v1_longest).find("\r\n");
  if (end == std::string_view::npos)
    return input.size() < v1_longest ? ProxyParse::incomplete : ProxyParse::malformed;
  header.length = end + 2;
  auto rest = input.substr(v1_start.size(), end - v1_start.size());
  const auto family = base::split_off(rest, ' ');
  if (family == "UNKNOWN") return ProxyParse::complete;
  if (family != "TCP4" && family != "TCP6") return ProxyParse::malformed;
  const auto source = base::split_off(rest, ' ');
  const auto destination = base::split_off(rest, ' ');
  const auto source_port = base::split_off(rest, ' ');
  header.source = endpoint(source, source_port, family == "TCP4");
  header.destination = endpoint(destination, rest, family == "TCP4");
  return header.source && header.destination ? ProxyParse::complete : ProxyParse::malformed;
}

std::uint16_t big_endian(std::string_view two) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(two[0]) << 8 |
                                    static_cast<unsigned char>(two[1]));
}

base::IpAddress address_at(std::string_view bytes) {
  if (bytes.size() == 4) {
    std::array<std::uint8_t, 4> v4{};
    std::memcpy(v4.data(), bytes.data(), 4);
    return base::IpAddress::from_v4(v4);
  }
  base::IpAddress::Bytes v6{};
  std::memcpy(v6.data(), bytes.data(), 16);
  return base::IpAddress::from_v6(v6);
}

ProxyParse parse_v2(std::string_view input, ProxyHeader& header) {
  if (input.size() < 16) return ProxyParse::incomplete;
  const auto version_command = static_cast<unsigned char>(input[12]);
  const auto family = static_cast<unsigned char>(input[13]);
  const std::size_t length = big_endian(input.substr(14));
  if (version_command != 0x20 && version_command != 0x21) return ProxyParse::malformed;
  if (16 + length > v2_longest) return ProxyParse::malformed;
  if (input.size() < 16 + length) return ProxyParse::incomplete;
  header.length = 16 + length;
  if (version_command == 0x20) return ProxyParse::complete;  // LOCAL: addresses are to be ignored
  const std::size_t size = family == 0x11 ? 4 : family == 0x21 ? 16 : 0;
  if (family == 0x00) return ProxyParse::complete;  // UNSPEC
  if (size == 0 || length < 2 * size + 4) return ProxyParse::malformed;
  const auto body = input.substr(16);
  header.source = base::Endpoint{address_at(body.substr(0, size)), big_endian(body.substr(2 * size))};
  header.destination =
      base::Endpoint{address_at(body.substr(size, size)), big_endian(body.substr(2 * size + 2))};
  return ProxyParse::complete;
}

bool agrees(std::string_view input, std::string_view start) {
  const auto common = std::min(input.size(), start.size());
  return input.substr(0, common) == start.substr(0, common);
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view input, ProxyHeader& header) {
  header = {};
  if (agrees(input, v2_signature)) {
    return input.size() < v2_signature.size() ? ProxyParse::incomplete : parse_v2(input, header);
  }
  if (agrees(input, v1_start))
    return input.size() < v1_start.size() ? ProxyParse::incomplete : parse_v1(input, header);
  return ProxyParse::malformed;
}

bool looks_like_proxy_header(std::string_view input) {
  return input.starts_with(v1_start) || input.starts_with(v2_signature);
}

}  // namespace gatepost::net
