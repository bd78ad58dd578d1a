#include "relay/capabilities.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::relay {

std::string write_capabilities(const Capabilities& all) {
  std::string out;
  for (const auto& [server, extensions] : all) {
    out += server;
    for (std::size_t i = 0; i < smtp::extension_names.size(); ++i) {
      if (extensions.has(static_cast<smtp::Extension>(i))) out.append(" ").append(smtp::extension_names[i]);
    }
    if (extensions.max_size > 0) out += " SIZE=" + std::to_string(extensions.max_size);
    if (extensions.rcpt_max > 0) out += " RCPTMAX=" + std::to_string(extensions.rcpt_max);
    out += '\n';
  }
  return out;
}

Capabilities read_capabilities(std::string_view text) {
  Capabilities all;
  while (!text.empty()) {
    auto line = base::split_off(text, '\n');
    const auto server = base::split_off(line, ' ');
    if (server.empty()) continue;
    auto& extensions = all[std::string(server)];
    while (!line.empty()) {
      auto value = base::split_off(line, ' ');
      const auto name = base::split_off(value, '=');
      std::uint64_t number = 0;
      if (!value.empty() && base::parse_number(value, number)) {
        // Less than RFC 5321 4.5.3.1.7 demands is no server's word: with it nothing would be sent that could
        // tell.
        if (name == "SIZE" && number >= 64 << 10) extensions.max_size = number;
        if (name == "RCPTMAX")
          extensions.rcpt_max = static_cast<std::uint32_t>(std::min<std::uint64_t>(number, UINT32_MAX));
        continue;
      }
      for (std::size_t i = 0; i < smtp::extension_names.size(); ++i) {
        if (name == smtp::extension_names[i]) extensions.add(static_cast<smtp::Extension>(i));
      }
    }
  }
  return all;
}

}  // namespace gatepost::relay
