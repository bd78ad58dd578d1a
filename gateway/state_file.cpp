#include "gateway/state_file.hpp"

#include <unistd.h>

#include "core/state/sqlite_store.hpp"

namespace gatepost::gateway {

std::string state_file(const Options& options) {
  return options.state_dir + "/state.db";
}

std::optional<std::string> trouble_with_state_file(const Options& options) {
  const auto file = state_file(options);
  if (::access(file.c_str(), F_OK) != 0) return std::nullopt;
  const base::SystemClock clock;
  const auto opened = state::SqliteStore::open_to_read(file, clock);
  if (!opened) return opened.error().message;
  return std::nullopt;
}

}  // namespace gatepost::gateway
