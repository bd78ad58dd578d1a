// Which command is legal when, in one table.
#pragma once

#include <array>

#include "smtp/server_session.hpp"

namespace gatepost::smtp {

struct CommandTable {
  struct Rule {
    Verb verb;
    /// What to say in states greeted, ready, open and chunking; Say::noop: it is legal.
    std::array<Say, 4> refusals;
    bool ends_group;  ///< must be the last of a pipelined group, or the connection is closed (RFC 2920 3.1)
    bool junk;        ///< leads to no message
    Step (ServerSession::*run)(const CommandLine&);
  };
  static const Rule& rule(Verb verb);
};

}  // namespace gatepost::smtp
