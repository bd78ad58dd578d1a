#include "telemetry/log.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>

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
  stop();
  if (descriptor_ > 2) ::close(descriptor_);
}

void Log::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  condition_.notify_one();
  if (thread_.joinable()) thread_.join();
}

LogBuffer& Log::make_buffer() {
  const std::lock_guard lock(mutex_);
  return *buffers_.emplace_back(std::make_unique<LogBuffer>());
}

void Log::open() {
  if (!path_.empty() && path_ != "-") {
    const int opened = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    astray_ = opened < 0;
    if (opened >= 0) {
      const int old = descriptor_.exchange(opened);
      if (old > 2) ::close(old);
    }
  }
  struct stat what {};
  if (::fstat(descriptor_, &what) != 0) return;
  kind_ = S_ISREG(what.st_mode) ? Kind::file : S_ISSOCK(what.st_mode) ? Kind::socket : Kind::pipe;
}

void Log::reopen() {
  reopen_ = true;
  wake();
}

void Log::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    condition_.wait_for(lock, std::chrono::milliseconds(100));
    lock.unlock();
    flush();
    lock.lock();
  }
  lock.unlock();
  flush();
}

void Log::flush() {
  const std::lock_guard lock(write_mutex_);
  if (reopen_.exchange(false)) open();
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
    const auto result = write_some(lines.data() + written, lines.size() - written);
    if (result > 0) {
      written += static_cast<std::size_t>(result);
      waits_ = 0;
    } else if ((result < 0 && errno != EINTR) || !patient()) {
      lost_ += static_cast<std::uint64_t>(
          std::count(lines.begin() + static_cast<std::ptrdiff_t>(written), lines.end(), '\n'));
      return;
    }
  }
}

/// Never blocks for longer than 100 ms. 0: whoever reads the log does not.
long Log::write_some(const char* bytes, std::size_t size) const {
  if (kind_ == Kind::file) return ::write(descriptor_, bytes, size);
  pollfd ready{descriptor_, POLLOUT, 0};
  if (::poll(&ready, 1, 100) <= 0) return 0;
  if (kind_ == Kind::pipe) return ::write(descriptor_, bytes, std::min<std::size_t>(size, PIPE_BUF));
  const auto sent = ::send(descriptor_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 && errno == EAGAIN ? 0 : sent;
}

/// Go on waiting for the reader? While the program runs, always: what comes meanwhile is bounded and counted.
bool Log::patient() {
  static constexpr int most_waits = 20;
  return !stop_ || ++waits_ < most_waits;
}

std::uint64_t Log::dropped() const {
  const std::lock_guard lock(mutex_);
  std::uint64_t sum = lost_;
  for (const auto& buffer : buffers_) sum += buffer->dropped();
  return sum;
}

}  // namespace gatepost::telemetry
