// What message content means, written as plainly as possible: the reference that the fast readers are
// compared with.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gatepost::tests {

struct NaiveData {
  std::string content;   ///< what the backend must store
  std::size_t consumed;  ///< octets up to and with the end of data
};

/// DATA's octets from behind the 354; nothing if the end of data is not among them.
std::optional<NaiveData> naive_data(std::string_view octets);
/// All chunks of a BDAT message put together.
std::string naive_bdat(std::string_view octets);

}  // namespace gatepost::tests
