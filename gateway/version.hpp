// Which Gatepost this is.
#pragma once

#include <string>

namespace gatepost::gateway {

/// From the build: CMake's project version.
inline std::string version() {
  return GATEPOST_VERSION;
}

}  // namespace gatepost::gateway
