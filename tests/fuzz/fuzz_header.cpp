// The header scan counts the same in any split.
#include "fuzz_input.hpp"
#include "mail/header_scan.hpp"

using namespace gatepost;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  mail::HeaderScan whole;
  whole.feed(input.text);
  mail::HeaderScan split;
  for (auto rest = input.text; !rest.empty();) split.feed(input.portion(rest, 20));
  fuzz::require(whole.complete() == split.complete() && whole.size() == split.size() &&
                whole.received() == split.received());
  fuzz::require(whole.size() <= input.text.size());
  return 0;
}
