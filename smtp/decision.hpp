// What policy says at a stage, for the protocol to carry out.
#pragma once

#include <optional>

#include "core/base/clock.hpp"
#include "smtp/reply.hpp"

namespace gatepost::smtp {

struct Decision {
  enum class Act : std::uint8_t {
    accept,
    refuse,   ///< say `reply`, a 4xx or 5xx; the session goes on
    drop,     ///< say `reply`, then close
    discard,  ///< say 250 and throw the message away (message stage only)
  };
  Act act = Act::accept;
  std::optional<Reply> reply;
  base::Millis delay{0};  ///< it is said only so much later; nothing is read meanwhile

  static Decision accept() { return {}; }
  static Decision refuse(Reply reply) { return {Act::refuse, std::move(reply)}; }
  static Decision drop(Reply reply) { return {Act::drop, std::move(reply)}; }
};

}  // namespace gatepost::smtp
