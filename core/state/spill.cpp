#include "core/state/spill.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cerrno>
#include <cstdlib>

namespace gatepost::state {
namespace {

/// A file that never has a name; on file systems without O_TMPFILE one whose name is gone at once.
int open_unlinked(const std::string& directory) {
  const int descriptor = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return descriptor;
  auto name = directory + "/spill-XXXXXX";
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

bool write_all(int descriptor, std::vector<iovec> parts, std::uint64_t offset) {
  for (auto& part : parts) {
    const auto* data = static_cast<const char*>(part.iov_base);
    while (part.iov_len > 0) {
      const auto written = ::pwrite(descriptor, data, part.iov_len, static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      data += written;
      part.iov_len -= static_cast<std::size_t>(written);
      offset += static_cast<std::uint64_t>(written);
    }
  }
  return true;
}

bool read_all(int descriptor, std::span<char> into, std::uint64_t offset) {
  while (!into.empty()) {
    const auto got = ::pread(descriptor, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    into = into.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

class DiskSpillStore final : public SpillStore {
 public:
  explicit DiskSpillStore(std::string directory) : directory_(std::move(directory)) {}
  ~DiskSpillStore() override { thread_.join(); }

  void write(std::shared_ptr<SpillFile> file, std::vector<iovec> parts, std::uint64_t offset,
             net::Executor executor, Written done) override {
    net::asio::post(thread_, [this, file = std::move(file), parts = std::move(parts), offset, executor,
                              done = std::move(done)]() mutable {
      if (!file) {
        const int descriptor = open_unlinked(directory_);
        if (descriptor >= 0) file = std::make_shared<SpillFile>(descriptor);
      }
      if (file && !write_all(file->descriptor(), std::move(parts), offset)) file.reset();
      net::asio::post(executor,
                      [file = std::move(file), done = std::move(done)]() mutable { done(std::move(file)); });
    });
  }

  void read(std::shared_ptr<SpillFile> file, std::span<char> into, std::uint64_t offset,
            net::Executor executor, Read done) override {
    net::asio::post(thread_,
                    [file = std::move(file), into, offset, executor, done = std::move(done)]() mutable {
                      const bool good = read_all(file->descriptor(), into, offset);
                      net::asio::post(executor, [good, done = std::move(done)]() mutable { done(good); });
                    });
  }

 private:
  std::string directory_;
  net::asio::thread_pool thread_{1};
};

}  // namespace

SpillFile::~SpillFile() {
  ::close(descriptor_);
}

std::unique_ptr<SpillStore> make_disk_spill_store(std::string directory) {
  return std::make_unique<DiskSpillStore>(std::move(directory));
}

}  // namespace gatepost::state
