#include "core/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

namespace gatepost::base {
namespace {

Failure failed() {
  return Failure{std::generic_category().message(errno)};
}

}  // namespace

Result<std::string> read_file(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failed();
  std::string content;
  std::array<char, 65536> buffer;
  while (true) {
    const auto got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      auto failure = failed();
      ::close(descriptor);
      return failure;
    }
    if (got == 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return {boost::system::in_place_value, std::move(content)};
}

FileStamp stamp_of(const std::string& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return {};
  return {found.st_ino, static_cast<std::uint64_t>(found.st_size),
          found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec};
}

Result<void> replace_file(const std::string& file, std::string_view content) {
  const auto temporary = file + ".new";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (descriptor < 0) return failed();
  const auto written = ::write(descriptor, content.data(), content.size());
  const int error = errno;
  ::close(descriptor);
  if (written != static_cast<ssize_t>(content.size()))
    return Failure{std::generic_category().message(written < 0 ? error : ENOSPC)};
  if (std::rename(temporary.c_str(), file.c_str()) != 0) return failed();
  return {};
}

}  // namespace gatepost::base
