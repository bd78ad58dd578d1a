// /api/v1/status: what the page shows, for programs. docs/web.md documents the keys; within v1 they only
// grow.
#pragma once

#include <string>

#include "webui/queries.hpp"

namespace gatepost::webui {

std::string status_json(const Status& status);

}  // namespace gatepost::webui
