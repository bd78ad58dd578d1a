// Configurations: errors, never a crash; what is taken can be dumped and read again.
#include "fuzz_input.hpp"
#include "gateway/config.hpp"

using namespace gatepost;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto config = gateway::read_config_text(text, "fuzz");
  for (const auto& problem : config.problems) fuzz::require(!problem.to_string().empty());
  if (config.has_errors()) return 0;
  const auto again = gateway::read_config_text(gateway::config_dump(config.options), "dump");
  fuzz::require(!again.has_errors());
  return 0;
}
