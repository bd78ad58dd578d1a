// The log: lines gather in a bounded buffer per thread, one thread writes them out. A full buffer or a broken
// log file loses lines, which is counted; sessions never wait for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gatepost::telemetry {

/// One thread's lines on their way out.
class LogBuffer {
 public:
  static constexpr std::size_t enough = 64 << 10;  ///< from here on the writer is woken early
  static constexpr std::size_t most = 4 << 20;     ///< beyond it, lines are dropped

  /// Appends what `write(std::string&)` appends. Returns true when the writer should be woken.
  template <class Write>
  bool append(Write write) {
    const std::lock_guard lock(mutex_);
    if (lines_.size() >= most) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    const bool was_small = lines_.size() < enough;
    write(lines_);
    return was_small && lines_.size() >= enough;
  }
  void take(std::string& into);
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  std::mutex mutex_;
  std::string lines_;
  std::atomic<std::uint64_t> dropped_{0};
};

class Log {
 public:
  /// Writes to `path`, or to standard output if it is empty, "-" or cannot be opened.
  explicit Log(std::string path);
  /// As stop().
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// A buffer for one thread; lives as long as the log.
  LogBuffer& make_buffer();
  void wake() { condition_.notify_one(); }
  /// Writes all that is there before it returns.
  void flush();
  /// Opens the file anew (after logrotate moved it) before the next line is written.
  void reopen();
  /// Writes what is there and ends, but waits for a reader of the log that does not read for two seconds
  /// only.
  void stop();
  std::uint64_t dropped() const;
  /// The file cannot be opened: lines go where they went before, at first to standard output.
  bool astray() const { return astray_; }

 private:
  void run();
  void write_out(const std::string& lines);
  long write_some(const char* bytes, std::size_t size) const;
  bool patient();
  void open();

  std::string path_;
  std::atomic<int> descriptor_{1};
  mutable std::mutex mutex_;
  std::condition_variable condition_;
  std::vector<std::unique_ptr<LogBuffer>> buffers_;
  std::mutex write_mutex_;
  std::atomic<std::uint64_t> lost_{0};
  enum class Kind : std::uint8_t { file, pipe, socket };
  Kind kind_ = Kind::file;  ///< of descriptor_
  std::atomic<bool> stop_{false};
  std::atomic<bool> reopen_{false};
  std::atomic<bool> astray_{false};
  int waits_ = 0;  ///< in a row for the reader, while stopping
  std::thread thread_;
};

}  // namespace gatepost::telemetry
