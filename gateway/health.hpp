// `gatepost health`: asks a running gateway how it is, for containers that have no curl.
#pragma once

#include <string>

namespace gatepost::gateway {

/// GETs `url` (http only) within 5 s. 0: the answer was 200; 1: anything else, told on standard error.
int run_health(const std::string& url);

}  // namespace gatepost::gateway
