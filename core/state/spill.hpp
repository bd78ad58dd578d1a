// Large messages leave memory for an unlinked temporary file, written and read by a thread of its own, so
// that a slow disk never stalls other sessions.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/net/asio.hpp"
#include "core/net/callback.hpp"

namespace gatepost::state {

/// An open file without a name; closed, and so deleted, with its last user.
class SpillFile {
 public:
  explicit SpillFile(int descriptor) : descriptor_(descriptor) {}
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

/// Writes to and reads from spill files. The callbacks run on `executor`. Buffers must stay until then, and
/// do so even if their session gave up: `keep` is held meanwhile.
class SpillStore {
 public:
  using Written = net::Callback<std::shared_ptr<SpillFile>>;  ///< null: it could not be written
  using Read = net::Callback<bool>;
  virtual ~SpillStore() = default;

  /// Appends `parts` to `file` at `offset`; makes the file if it is null.
  virtual void write(std::shared_ptr<SpillFile> file, std::vector<iovec> parts, std::uint64_t offset,
                     net::Executor executor, Written done) = 0;
  virtual void read(std::shared_ptr<SpillFile> file, std::span<char> into, std::uint64_t offset,
                    net::Executor executor, Read done) = 0;
};

/// The real one: files in `directory`. Its thread ends with the object, after what it was asked to do.
std::unique_ptr<SpillStore> make_disk_spill_store(std::string directory);

}  // namespace gatepost::state
