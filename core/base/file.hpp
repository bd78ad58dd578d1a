// Whole files, read and replaced.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace gatepost::base {

/// The content of `file`. Fails with the system's words for why it cannot be read ("Is a directory").
Result<std::string> read_file(const std::string& file);

/// Replaces `file` by `content` at once, or leaves it as it was.
Result<void> replace_file(const std::string& file, std::string_view content);

}  // namespace gatepost::base
