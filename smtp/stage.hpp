// The stages of a session at which questions are decided. There is no second list of stages.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gatepost::smtp {

enum class Stage : std::uint8_t {
  connect,  ///< the client's address is known
  helo,     ///< HELO or EHLO was said
  mail,     ///< the reverse-path was named
  rcpt,     ///< a forward-path was named
  data,     ///< the header block is there
  message,  ///< the whole message is there
};

inline constexpr std::array<std::string_view, 6> stage_names{"connect", "helo", "mail",
                                                             "rcpt",    "data", "message"};
constexpr std::string_view name_of(Stage stage) {
  return stage_names[static_cast<std::size_t>(stage)];
}

}  // namespace gatepost::smtp
