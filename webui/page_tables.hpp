// The tables of the status page, but for those about checks.
#pragma once

#include "webui/html.hpp"
#include "webui/queries.hpp"

namespace gatepost::webui {

void write_figures(Html& html, const Status& status);
void write_reasons(Html& html, const Status& status);
void write_backends(Html& html, const Status& status);
void write_certificates(Html& html, const Status& status);
void write_directories(Html& html, const Status& status);
void write_memory(Html& html, const Status& status);
void write_refusals(Html& html, const Status& status);

}  // namespace gatepost::webui
