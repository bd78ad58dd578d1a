#include <gtest/gtest.h>

#include "core/net/proxy_protocol.hpp"

namespace gatepost::net {
namespace {

using namespace std::string_literals;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string v2_tcp4 =
    signature + "\x21\x11\x00\x0C"s + "\xCB\x00\x71\x09\xC0\x00\x02\x01\x12\x34\x00\x19"s;
const std::string v2_tcp6 = signature + "\x21\x21\x00\x24"s + "\x20\x01\x0d\xb8"s + std::string(11, '\0') +
                            "\x01"s + "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x02"s +
                            "\x12\x34\x00\x19"s;

struct Case {
  std::string input;
  ProxyParse result;
  std::string source = {};
};

TEST(ProxyProtocol, is_parsed) {
  const Case cases[] = {
      {"PROXY TCP4 203.0.113.9 192.0.2.1 4660 25\r\nEHLO", ProxyParse::complete, "203.0.113.9:4660"},
      {"PROXY TCP6 2001:db8::1 2001:db8::2 4660 25\r\n", ProxyParse::complete, "[2001:db8::1]:4660"},
      {"PROXY UNKNOWN\r\n", ProxyParse::complete},
      {"PROXY UNKNOWN ff:ff x y 1 2\r\n", ProxyParse::complete},
      {"PROXY TCP4 203.0.113.9 192.0.2.1 4660 25\n", ProxyParse::incomplete},
      {"PROXY TCP4 203.0.113.9 192.0.2.1 4660\r\n", ProxyParse::malformed},
      {"PROXY TCP4 2001:db8::1 2001:db8::2 4660 25\r\n", ProxyParse::malformed},
      {"PROXY TCP4 203.0.113.9 192.0.2.1 70000 25\r\n", ProxyParse::malformed},
      {"PROXY UDP4 203.0.113.9 192.0.2.1 4660 25\r\n", ProxyParse::malformed},
      {"PROXY " + std::string(120, 'x'), ProxyParse::malformed},
      {"EHLO client", ProxyParse::malformed},
      {"", ProxyParse::incomplete},
      {"PRO", ProxyParse::incomplete},
      {v2_tcp4, ProxyParse::complete, "203.0.113.9:4660"},
      {v2_tcp4 + "EHLO x", ProxyParse::complete, "203.0.113.9:4660"},
      {v2_tcp6, ProxyParse::complete, "[2001:db8::1]:4660"},
      {signature + "\x20\x00\x00\x00"s, ProxyParse::complete},  // LOCAL
      {signature + "\x21\x00\x00\x00"s, ProxyParse::complete},  // UNSPEC
      {signature + "\x21\x11\x00\x0F"s + v2_tcp4.substr(16) + "\x04\x00\x00"s, ProxyParse::complete,
       "203.0.113.9:4660"},                                                           // TLV
      {signature + "\x11\x11\x00\x0C"s + v2_tcp4.substr(16), ProxyParse::malformed},  // version 1
      {signature + "\x22\x11\x00\x0C"s + v2_tcp4.substr(16), ProxyParse::malformed},  // command 2
      {signature + "\x21\x11\x00\x0B"s + v2_tcp4.substr(16), ProxyParse::malformed},  // too short
      {signature + "\x21\x12\x00\x0C"s + v2_tcp4.substr(16), ProxyParse::malformed},  // UDP
      {signature + "\x21\x11\xFF\xFF"s, ProxyParse::malformed},                       // endless
      {v2_tcp4.substr(0, 20), ProxyParse::incomplete},
  };
  for (const auto& c : cases) {
    ProxyHeader header;
    EXPECT_EQ(parse_proxy_header(c.input, header), c.result) << testing::PrintToString(c.input);
    if (c.result != ProxyParse::complete) continue;
    EXPECT_EQ(header.source ? header.source->to_string() : "", c.source) << testing::PrintToString(c.input);
    EXPECT_LE(header.length, c.input.size());
  }
}

TEST(ProxyProtocol, takes_only_the_header) {
  ProxyHeader header;
  ASSERT_EQ(parse_proxy_header("PROXY UNKNOWN\r\nEHLO", header), ProxyParse::complete);
  EXPECT_EQ(header.length, 15U);
  ASSERT_EQ(parse_proxy_header(v2_tcp4 + "EHLO", header), ProxyParse::complete);
  EXPECT_EQ(header.length, v2_tcp4.size());
}

TEST(ProxyProtocol, is_incomplete_at_every_cut) {
  const std::string v1 = "PROXY TCP4 203.0.113.9 192.0.2.1 4660 25\r\n";
  for (const auto& whole : {v1, v2_tcp4, v2_tcp6}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      ProxyHeader header;
      EXPECT_EQ(parse_proxy_header(whole.substr(0, size), header), ProxyParse::incomplete) << size;
    }
  }
}

}  // namespace
}  // namespace gatepost::net
