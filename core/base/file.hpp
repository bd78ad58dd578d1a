// Whole files, read and replaced.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace gatepost::base {

/// The content of `file`. Fails with the system's words for why it cannot be read ("Is a directory").
Result<std::string> read_file(const std::string& file);

/// What changes when a file is written or replaced; all zero if it is not there.
struct FileStamp {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const std::string& file);
using FileStamps = std::map<std::string, FileStamp>;

/// Replaces `file` by `content` at once, or leaves it as it was.
Result<void> replace_file(const std::string& file, std::string_view content);

}  // namespace gatepost::base
