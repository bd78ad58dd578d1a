// The status page. No scripts; all that others sent goes through Html::text().
#pragma once

#include <string>

#include "webui/queries.hpp"

namespace gatepost::webui {

std::string status_page(const Status& status);

}  // namespace gatepost::webui
