// A message's content as received: chunks of memory from a per-thread pool, of which the middle may have been
// moved to an unlinked file. Bytes are written once and never moved; dot stuffing is undone or done by the
// reader (BodyCursor), not by copying.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/memory_budget.hpp"

namespace gatepost::state {

class SpillFile;

/// Memory for bodies, recycled. One per thread.
class ChunkPool {
 public:
  static constexpr std::size_t small = 16 << 10;   ///< a message's first chunk
  static constexpr std::size_t large = 256 << 10;  ///< every other chunk
  explicit ChunkPool(base::MemoryBudget& budget) : slice_(budget) {}
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  char* get(std::size_t capacity);
  void put(char* memory, std::size_t capacity);
  base::MemorySlice& slice() { return slice_; }

 private:
#ifdef __SANITIZE_ADDRESS__
  // So that a use after the return is seen.
  static constexpr std::size_t keep_small = 0;
  static constexpr std::size_t keep_large = 0;
#else
  static constexpr std::size_t keep_small = 64;
  static constexpr std::size_t keep_large = 16;
#endif
  base::MemorySlice slice_;
  std::vector<char*> free_small_;
  std::vector<char*> free_large_;
};

/// Ascending offsets, one byte each while they are close together.
class OffsetList {
 public:
  void append(std::uint64_t offset);
  void clear() { *this = {}; }
  std::size_t size() const { return count_; }
  std::size_t memory() const { return deltas_.capacity(); }

  /// Walks the offsets; next() gives `end` behind the last.
  class Walk {
   public:
    static constexpr std::uint64_t end = UINT64_MAX;
    explicit Walk(const OffsetList& list) : list_(&list) {}
    std::uint64_t next();

   private:
    const OffsetList* list_;
    std::size_t at_ = 0;
    std::uint64_t last_ = 0;
  };

 private:
  std::vector<std::uint8_t> deltas_;  ///< LEB128 differences
  std::uint64_t last_ = 0;
  std::size_t count_ = 0;
};

class Body {
 public:
  enum class Form : std::uint8_t {
    stuffed,  ///< from DATA: dots() are the dots that dot stuffing (RFC 5321 4.5.2) put in
    plain,    ///< from BDAT: dots() are the leading dots that want stuffing on the way out
  };

  Body(ChunkPool& pool, Form form) : pool_(&pool), form_(form) {}
  Body(Body&& other) noexcept;
  Body& operator=(Body&& other) noexcept;
  ~Body();

  /// Where the next bytes may be read to; never empty. Allocates a chunk if the last one is full.
  std::span<char> space();
  /// Takes the first `bytes` of space() in.
  void commit(std::size_t bytes);
  /// Copies bytes in. They must not come from space().
  void append(std::string_view bytes);
  /// Overwrites the last byte, which is always in memory.
  void replace_last(char c);
  /// Cuts off the end; only what is in memory behind the last spill.
  void truncate(std::uint64_t size);
  /// Remembers a dot (see Form). Ascending.
  void note_dot(std::uint64_t offset);
  /// From now on only the end is kept: the message will be refused, but its end must still be found. Offsets
  /// go on counting; dots are no longer remembered.
  void forget();
  /// Frees everything.
  void clear();

  Form form() const { return form_; }
  std::uint64_t size() const { return size_; }
  /// Without stuffed dots.
  std::uint64_t content_size() const { return form_ == Form::stuffed ? size_ - dots_.size() : size_; }
  const OffsetList& dots() const { return dots_; }
  /// Bytes of memory held.
  std::size_t memory() const { return memory_; }

  /// Calls `see(std::string_view)` with the stored bytes from `offset` on, which must be in memory.
  template <class See>
  void view_from(std::uint64_t offset, See see) const {
    for (const auto& chunk : chunks_) {
      if (chunk.start + chunk.size <= offset) continue;
      const auto skip = offset > chunk.start ? offset - chunk.start : 0;
      see(std::string_view(chunk.memory + skip, chunk.size - skip));
    }
  }

  /// The first chunk, which is never spilled: at most ChunkPool::small bytes.
  std::string_view head() const;

  /// Full chunks in memory behind the first: what a spill would write, at spill_offset() of the file.
  std::vector<iovec> spillable() const;
  std::uint64_t spill_offset() const;
  /// To be called when spillable() has been written to `file`: frees that memory.
  void spilled(std::shared_ptr<SpillFile> file);
  const std::shared_ptr<SpillFile>& file() const { return file_; }

 private:
  friend class BodyCursor;
  struct Chunk {
    char* memory;  ///< null: in the file, at offset start - chunks_[1].start
    std::size_t size;
    std::size_t capacity;
    std::uint64_t start;  ///< offset of its first byte in the body
  };
  void release(Chunk& chunk);
  void slide();
  void view_end(std::size_t bytes, std::string& end) const;

  static constexpr std::size_t kept_when_forgetting = 2;  ///< what replace_last() and truncate() may touch
  ChunkPool* pool_;
  std::vector<Chunk> chunks_;
  OffsetList dots_;
  std::shared_ptr<SpillFile> file_;
  std::uint64_t size_ = 0;
  std::size_t memory_ = 0;
  Form form_;
  bool forgetting_ = false;
};

/// Reads a body from front to end as gathered pieces, without copying what is in memory.
class BodyCursor {
 public:
  enum class View {
    wire,     ///< as DATA wants it: dots stuffed
    content,  ///< as it was meant: no stuffed dots
  };
  BodyCursor(const Body& body, View view);

  struct Gathered {
    std::size_t count = 0;  ///< of parts
    std::size_t bytes = 0;
    bool end = false;  ///< they reach the end of the body
  };
  /// Fills `parts` from the current place on. None: at_end(), or needs_load().
  Gathered gather(std::span<iovec> parts) const;
  void advance(std::size_t bytes);
  bool at_end() const;

  /// What must be read from the body's file before gather() can go on.
  struct Load {
    std::uint64_t file_offset;
    std::size_t size;
  };
  bool needs_load() const;
  Load load() const;
  /// Where to read it to; valid until the next call.
  std::span<char> load_buffer(const Load& load);
  void loaded(const Load& load);

 private:
  struct Place {
    std::uint64_t offset;
    std::uint64_t next_dot;
    OffsetList::Walk walk;
    bool stuffed;  ///< the dot for `offset` has been put in
    std::size_t chunk;
  };
  iovec piece(Place& place) const;
  void step(Place& place, std::size_t bytes) const;
  void settle(Place& place) const;
  const char* memory_at(const Place& place) const;

  const Body& body_;
  bool insert_;
  bool skip_;
  Place place_;
  std::unique_ptr<char[]> buffer_;
  std::size_t buffer_chunk_ = SIZE_MAX;
};

}  // namespace gatepost::state
