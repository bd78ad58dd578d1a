#include "telemetry/log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace gatepost::telemetry {

void LogBuffer::take(std::string& into) {
  const std::lock_guard lock(mutex_);
  if (into.empty()) {
    into.swap(lines_);
    lines_.reserve(into.size());  // no growing again and again under load
  } else {
    into.append(lines_);
    lines_.clear();
  }
}

Log::Log(std::string path) : path_(std::move(path)) {
  open();
  thread_ = std::thread([this] { run(); });
}

Log::~Log() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  condition_.notify_one();
  thread_.join();
  flush();
  if (descriptor_ > 2) ::close(descriptor_);
}

LogBuffer& Log::make_buffer() {
  const std::lock_guard lock(mutex_);
  return *buffers_.emplace_back(std::make_unique<LogBuffer>());
}

void Log::open() {
  if (path_.empty() || path_ == "-") return;
  const int opened = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (opened < 0) return;  // the old one stays; lines are counted as lost if there is none
  const int old = descriptor_.exchange(opened);
  if (old > 2) ::close(old);
}

void Log::reopen() {
  const std::lock_guard lock(write_mutex_);
  open();
}

void Log::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    condition_.wait_for(lock, std::chrono::milliseconds(100));
    lock.unlock();
    flush();
    lock.lock();
  }
}

void Log::flush() {
  const std::lock_guard lock(write_mutex_);
  std::vector<LogBuffer*> buffers;
  {
    const std::lock_guard list_lock(mutex_);
    for (const auto& buffer : buffers_) buffers.push_back(buffer.get());
  }
  for (auto* buffer : buffers) {
    std::string lines;
    buffer->take(lines);
    if (!lines.empty()) write_out(lines);
  }
}

void Log::write_out(const std::string& lines) {
  for (std::size_t written = 0; written < lines.size();) {
    const auto result = ::write(descriptor_, lines.data() + written, lines.size() - written);
    if (result > 0) {
      written += static_cast<std::size_t>(result);
    } else if (result < 0 && (errno == EAGAIN || errno == EINTR)) {
      pollfd ready{descriptor_, POLLOUT, 0};
      ::poll(&ready, 1, 1000);
    } else {
      lost_ += static_cast<std::uint64_t>(
          std::count(lines.begin() + static_cast<std::ptrdiff_t>(written), lines.end(), '\n'));
      return;
    }
  }
}

std::uint64_t Log::dropped() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = lost_;
  for (const auto& buffer : buffers_) sum += buffer->dropped();
  return sum;
}

}  // namespace gatepost::telemetry
