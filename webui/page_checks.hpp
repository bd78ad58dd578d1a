// The tables of the status page about what checks find and what they rest on.
#pragma once

#include "webui/html.hpp"
#include "webui/queries.hpp"

namespace gatepost::webui {

void write_checks(Html& html, const Status& status);
/// What checks in observe mode would have refused.
void write_observed(Html& html, const Status& status);
void write_resolvers(Html& html, const Status& status);
void write_witnesses(Html& html, const Status& status);

}  // namespace gatepost::webui
