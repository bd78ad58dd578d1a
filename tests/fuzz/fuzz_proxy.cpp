// PROXY headers: a header that is complete stays the same with more behind it, and is incomplete before its
// end.
#include "core/net/proxy_protocol.hpp"
#include "fuzz_input.hpp"

using namespace gatepost;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  net::ProxyHeader header;
  const auto result = net::parse_proxy_header(input, header);
  if (result != net::ProxyParse::complete) return 0;
  require(header.length > 0 && header.length <= input.size() && header.length <= 536);
  net::ProxyHeader again;
  require(net::parse_proxy_header(input.substr(0, header.length), again) == net::ProxyParse::complete);
  require(again.length == header.length && again.source == header.source &&
          again.destination == header.destination);
  require(net::parse_proxy_header(input.substr(0, header.length - 1), again) == net::ProxyParse::incomplete);
  return 0;
}
