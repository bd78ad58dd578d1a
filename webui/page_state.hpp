// The table of the status page about what is remembered from one session to the next.
#pragma once

#include "webui/html.hpp"
#include "webui/queries.hpp"

namespace gatepost::webui {

void write_state(Html& html, const Status& status);

}  // namespace gatepost::webui
