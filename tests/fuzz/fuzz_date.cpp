// Dates: what is taken is within the calendar, and reads the same again when we write it.
#include "fuzz_input.hpp"
#include "mail/date.hpp"

using namespace gatepost;
using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto when = mail::parse_date({reinterpret_cast<const char*>(data), size});
  if (!when) return 0;
  // The zone may move the first moments of 1900 into the year before, which cannot be written.
  constexpr base::WallTime year_1900 = std::chrono::sys_days(std::chrono::year(1900) / 1 / 1);
  require(*when > year_1900 - std::chrono::hours(100));
  if (*when >= year_1900) require(mail::parse_date(mail::format_date(*when)) == when);
  return 0;
}
