#include "core/state/body.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/state/spill.hpp"

namespace gatepost::state {

ChunkPool::~ChunkPool() {
  for (char* memory : free_small_) delete[] memory;
  for (char* memory : free_large_) delete[] memory;
}

char* ChunkPool::get(std::size_t capacity) {
  slice_.take(capacity);
  auto& free = capacity == small ? free_small_ : free_large_;
  if (free.empty()) return new char[capacity];
  char* memory = free.back();
  free.pop_back();
  return memory;
}

void ChunkPool::put(char* memory, std::size_t capacity) {
  slice_.give(capacity);
  auto& free = capacity == small ? free_small_ : free_large_;
  if (free.size() < (capacity == small ? keep_small : keep_large)) {
    free.push_back(memory);
  } else {
    delete[] memory;
  }
}

void OffsetList::append(std::uint64_t offset) {
  auto delta = offset - last_;
  last_ = offset;
  ++count_;
  for (; delta >= 0x80; delta >>= 7) deltas_.push_back(static_cast<std::uint8_t>(delta | 0x80));
  deltas_.push_back(static_cast<std::uint8_t>(delta));
}

std::uint64_t OffsetList::Walk::next() {
  if (at_ == list_->deltas_.size()) return end;
  std::uint64_t delta = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = list_->deltas_[at_++];
    delta |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  return last_ += delta;
}

Body::Body(Body&& other) noexcept
    : pool_(other.pool_),
      chunks_(std::exchange(other.chunks_, {})),
      dots_(std::exchange(other.dots_, {})),
      file_(std::move(other.file_)),
      size_(std::exchange(other.size_, 0)),
      memory_(std::exchange(other.memory_, 0)),
      form_(other.form_),
      forgetting_(other.forgetting_) {}

Body& Body::operator=(Body&& other) noexcept {
  if (this != &other) {
    clear();
    pool_ = other.pool_;
    chunks_ = std::exchange(other.chunks_, {});
    dots_ = std::exchange(other.dots_, {});
    file_ = std::move(other.file_);
    size_ = std::exchange(other.size_, 0);
    memory_ = std::exchange(other.memory_, 0);
    form_ = other.form_;
    forgetting_ = other.forgetting_;
  }
  return *this;
}

Body::~Body() {
  clear();
}

std::span<char> Body::space() {
  if (forgetting_) slide();
  if (chunks_.empty() || chunks_.back().size == chunks_.back().capacity) {
    const auto capacity = chunks_.empty() ? ChunkPool::small : ChunkPool::large;
    chunks_.push_back({pool_->get(capacity), 0, capacity, size_});
    memory_ += capacity;
  }
  auto& last = chunks_.back();
  return {last.memory + last.size, last.capacity - last.size};
}

void Body::commit(std::size_t bytes) {
  chunks_.back().size += bytes;
  size_ += bytes;
}

void Body::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto to = space();
    const auto take = std::min(to.size(), bytes.size());
    std::memcpy(to.data(), bytes.data(), take);
    commit(take);
    bytes.remove_prefix(take);
  }
}

void Body::replace_last(char c) {
  // A chunk just begun by space() may still be empty.
  auto chunk = chunks_.rbegin();
  while (chunk->size == 0) ++chunk;
  chunk->memory[chunk->size - 1] = c;
}

void Body::truncate(std::uint64_t size) {
  while (size_ > size) {
    auto& last = chunks_.back();
    const auto cut = std::min<std::uint64_t>(last.size, size_ - size);
    last.size -= cut;
    size_ -= cut;
    if (last.size == 0 && chunks_.size() > 1) {
      release(last);
      chunks_.pop_back();
    }
  }
}

void Body::note_dot(std::uint64_t offset) {
  if (forgetting_) return;
  const auto before = dots_.memory();
  dots_.append(offset);
  const auto more = dots_.memory() - before;
  if (more > 0) {
    pool_->slice().take(more);
    memory_ += more;
  }
}

void Body::forget() {
  if (forgetting_) return;
  forgetting_ = true;
  if (dots_.memory() > 0) {
    pool_->slice().give(dots_.memory());
    memory_ -= dots_.memory();
  }
  dots_.clear();
  file_.reset();
  std::string end;
  view_end(kept_when_forgetting, end);
  for (auto& chunk : chunks_) release(chunk);
  chunks_.clear();
  if (end.empty()) return;
  chunks_.push_back({pool_->get(ChunkPool::small), end.size(), ChunkPool::small, size_ - end.size()});
  memory_ += ChunkPool::small;
  std::memcpy(chunks_.back().memory, end.data(), end.size());
}

/// Makes room in the only chunk when it is full.
void Body::slide() {
  if (chunks_.empty() || chunks_.back().size < chunks_.back().capacity) return;
  auto& chunk = chunks_.back();
  const auto gone = chunk.size - kept_when_forgetting;
  std::memmove(chunk.memory, chunk.memory + gone, kept_when_forgetting);
  chunk.start += gone;
  chunk.size = kept_when_forgetting;
}

/// The last `bytes` bytes, or fewer; they are in memory unless nothing can touch them any more.
void Body::view_end(std::size_t bytes, std::string& end) const {
  for (auto chunk = chunks_.rbegin(); chunk != chunks_.rend() && end.size() < bytes; ++chunk) {
    const auto take = std::min(chunk->size, bytes - end.size());
    if (chunk->memory == nullptr) {
      end.insert(0, take, ' ');
    } else {
      end.insert(0, chunk->memory + chunk->size - take, take);
    }
  }
}

void Body::clear() {
  if (dots_.memory() > 0) pool_->slice().give(dots_.memory());
  for (auto& chunk : chunks_) release(chunk);
  chunks_.clear();
  dots_.clear();
  file_.reset();
  size_ = 0;
  memory_ = 0;
  forgetting_ = false;
}

void Body::release(Chunk& chunk) {
  if (chunk.memory == nullptr) return;
  memory_ -= chunk.capacity;
  pool_->put(std::exchange(chunk.memory, nullptr), chunk.capacity);
}

std::string_view Body::head() const {
  return chunks_.empty() ? std::string_view{}
                         : std::string_view{chunks_.front().memory, chunks_.front().size};
}

std::vector<iovec> Body::spillable() const {
  std::vector<iovec> parts;
  for (std::size_t i = 1; i + 1 < chunks_.size(); ++i) {
    if (chunks_[i].memory != nullptr) parts.push_back({chunks_[i].memory, chunks_[i].size});
  }
  return parts;
}

std::uint64_t Body::spill_offset() const {
  std::size_t i = 1;
  while (i + 1 < chunks_.size() && chunks_[i].memory == nullptr) ++i;
  return i < chunks_.size() ? chunks_[i].start - chunks_[1].start : 0;
}

void Body::spilled(std::shared_ptr<SpillFile> file) {
  file_ = std::move(file);
  for (std::size_t i = 1; i + 1 < chunks_.size(); ++i) release(chunks_[i]);
}

BodyCursor::BodyCursor(const Body& body, View view)
    : body_(body),
      insert_(view == View::wire && body.form() == Body::Form::plain),
      skip_(view == View::content && body.form() == Body::Form::stuffed),
      place_{0, OffsetList::Walk::end, OffsetList::Walk(body.dots()), false, 0} {
  if (insert_ || skip_) place_.next_dot = place_.walk.next();
  settle(place_);
}

/// Moves over stuffed dots that are to be skipped, and into the chunk that holds `offset`.
void BodyCursor::settle(Place& place) const {
  while (skip_ && place.offset == place.next_dot) {
    ++place.offset;
    place.next_dot = place.walk.next();
  }
  while (place.chunk < body_.chunks_.size() &&
         place.offset >= body_.chunks_[place.chunk].start + body_.chunks_[place.chunk].size) {
    ++place.chunk;
  }
}

const char* BodyCursor::memory_at(const Place& place) const {
  const auto& chunk = body_.chunks_[place.chunk];
  const char* memory = chunk.memory;
  if (memory == nullptr && buffer_chunk_ == place.chunk) memory = buffer_.get();
  return memory == nullptr ? nullptr : memory + (place.offset - chunk.start);
}

/// The longest run of bytes at `place`; empty at the end or where the file must be read first.
iovec BodyCursor::piece(Place& place) const {
  static char dot = '.';
  if (place.chunk == body_.chunks_.size()) return {nullptr, 0};
  if (insert_ && place.offset == place.next_dot && !place.stuffed) return {&dot, 1};
  const char* memory = memory_at(place);
  if (memory == nullptr) return {nullptr, 0};
  const auto& chunk = body_.chunks_[place.chunk];
  auto end = chunk.start + chunk.size;
  if (place.next_dot > place.offset) {
    end = std::min(end, place.next_dot);
  } else {  // the dot here has been put in: run to the next one
    auto walk = place.walk;
    end = std::min(end, walk.next());
  }
  return {const_cast<char*>(memory), end - place.offset};
}

void BodyCursor::step(Place& place, std::size_t bytes) const {
  if (insert_ && place.offset == place.next_dot) {
    if (!place.stuffed) {
      place.stuffed = true;
      return;
    }
    place.next_dot = place.walk.next();
    place.stuffed = false;
  }
  place.offset += bytes;
  settle(place);
}

BodyCursor::Gathered BodyCursor::gather(std::span<iovec> parts) const {
  // Where dots are put in, pieces may be a few bytes each: these are copied together. Whoever gathers writes
  // before anybody else gathers on this thread.
  static constexpr std::size_t small = 256;
  static thread_local std::array<char, 16384> copies;
  std::size_t copied = 0;
  auto place = place_;
  Gathered gathered;
  while (gathered.count < parts.size()) {
    auto next = piece(place);
    if (next.iov_len == 0) break;
    if (insert_ && next.iov_len < small) {
      const auto from = copied;
      while (next.iov_len > 0 && next.iov_len < small && copied + next.iov_len <= copies.size()) {
        std::memcpy(copies.data() + copied, next.iov_base, next.iov_len);
        copied += next.iov_len;
        step(place, next.iov_len);
        next = piece(place);
      }
      if (copied == from) break;
      parts[gathered.count++] = {copies.data() + from, copied - from};
      gathered.bytes += copied - from;
      continue;
    }
    parts[gathered.count++] = next;
    gathered.bytes += next.iov_len;
    step(place, next.iov_len);
  }
  gathered.end = place.chunk == body_.chunks_.size();
  return gathered;
}

void BodyCursor::advance(std::size_t bytes) {
  while (bytes > 0) {
    const auto next = std::min(bytes, piece(place_).iov_len);
    step(place_, next);
    bytes -= next;
  }
}

bool BodyCursor::at_end() const {
  return place_.chunk == body_.chunks_.size();
}

bool BodyCursor::needs_load() const {
  return !at_end() && !(insert_ && place_.offset == place_.next_dot && !place_.stuffed) &&
         memory_at(place_) == nullptr;
}

BodyCursor::Load BodyCursor::load() const {
  const auto& chunk = body_.chunks_[place_.chunk];
  return {chunk.start - body_.chunks_[1].start, chunk.size};
}

std::span<char> BodyCursor::load_buffer(const Load& load) {
  if (!buffer_) buffer_.reset(new char[ChunkPool::large]);
  buffer_chunk_ = SIZE_MAX;
  return {buffer_.get(), load.size};
}

void BodyCursor::loaded(const Load&) {
  buffer_chunk_ = place_.chunk;
}

}  // namespace gatepost::state
