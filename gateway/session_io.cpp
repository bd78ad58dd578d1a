// The session's bytes: command buffer, message, PROXY header, replies. What they mean is the state machine's.
#include <algorithm>
#include <cstring>

#include "core/net/proxy_protocol.hpp"
#include "gateway/session.hpp"

namespace gatepost::gateway {
namespace {

using smtp::Action;
using smtp::Say;
using smtp::Stage;

constexpr base::Millis proxy_patience{5000};
constexpr base::Millis linger_patience{2000};
constexpr std::size_t linger_octets = 1 << 20;

}  // namespace

std::unique_ptr<char[]> BufferPool::get() {
  if (free_.empty()) return std::unique_ptr<char[]>(new char[size_]);
  auto buffer = std::move(free_.back());
  free_.pop_back();
  return buffer;
}

void BufferPool::put(std::unique_ptr<char[]> buffer) {
  if (buffer && free_.size() < keep) free_.push_back(std::move(buffer));
}

// ---- Reading

/// Gives the machine one command, reading more if there is none.
Session::Progress Session::read_commands() {
  if (begin_ < end_) {
    const auto fed = machine_.feed(input());
    if (fed.consumed > 0) {
      begin_ += fed.consumed;
      take_step(fed.step);
      return Progress::stepped;
    }
  }
  if (draining_ && machine_.idle()) {
    how_ = telemetry::Close::shutdown;
    take_step(machine_.timed_out(Say::shutting_down));
    return Progress::stepped;
  }
  set_deadline(settings_->options.command_timeout);
  if (!readable_) return Progress::want_read;
  std::size_t got = 0;
  const auto progress = read_into(input_space(), got);
  end_ += got;
  return progress;
}

/// Reads into the message, from the command buffer first: a chunk may be pipelined behind its BDAT.
Session::Progress Session::read_body() {
  const auto space = machine_.body_space();
  std::size_t got = 0;
  if (body_octets_ == 0) body_started_ = context_.clock.now();
  if (begin_ < end_) {
    got = std::min(space.size(), end_ - begin_);
    std::memcpy(space.data(), buffer_.get() + begin_, got);
    begin_ += got;
  } else {
    set_body_deadline();
    if (!readable_) return Progress::want_read;
    const auto progress = read_into(space, got);
    if (got == 0) return progress;
  }
  body_octets_ += got;
  std::string rest;
  take_step(machine_.fed_body(got, rest));
  if (step_.action != Action::body) body_octets_ = 0;
  if (!rest.empty()) keep(rest);
  return Progress::stepped;
}

/// One read. Nothing to read yet is no step; the end of the connection is one.
Session::Progress Session::read_into(std::span<char> space, std::size_t& got) {
  const auto result = stream_->read(space);
  readable_ = result.more;
  switch (result.status) {
    case net::IoStatus::want_read: return Progress::want_read;
    case net::IoStatus::want_write: return Progress::want_write;
    case net::IoStatus::eof:
    case net::IoStatus::error: lost(); return Progress::stepped;
    case net::IoStatus::done: break;
  }
  got = result.bytes;
  octets_in_ += got;
  return Progress::stepped;
}

/// Room behind what is in the command buffer. The machine takes or skips whatever is as long as a line may
/// be, so that there always is some.
std::span<char> Session::input_space() {
  if (!buffer_) {
    buffer_ = context_.buffers.get();
    capacity_ = context_.buffers.size();
  }
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == capacity_) {  // a line longer than the buffers were made for, before a reload allowed it
    capacity_ *= 2;
    auto larger = std::unique_ptr<char[]>(new char[capacity_]);
    std::memcpy(larger.get(), buffer_.get(), end_);
    buffer_ = std::move(larger);
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

/// What came behind a message: the next commands.
void Session::keep(std::string_view rest) {
  begin_ = end_ = 0;
  drop_buffer();
  if (rest.size() > context_.buffers.size()) {
    capacity_ = rest.size();
    buffer_.reset(new char[capacity_]);
  }
  std::memcpy(input_space().data(), rest.data(), rest.size());
  end_ = rest.size();
}

/// An idle session owns no buffer.
void Session::drop_buffer() {
  if (begin_ < end_ || !buffer_) return;
  begin_ = end_ = 0;
  if (capacity_ == context_.buffers.size()) {
    context_.buffers.put(std::move(buffer_));
  } else {
    buffer_.reset();
  }
}

/// Looks once, before the banner. What came is kept: it is the first command.
void Session::look_for_early_talk() {
  if (begin_ == end_) {
    std::array<char, 512> early;
    const auto result = stream_->read(early);
    if (result.status != net::IoStatus::done) return;
    octets_in_ += result.bytes;
    keep({early.data(), result.bytes});
  }
  machine_.note_early_talk();
}

net::Task<bool> Session::read_proxy_header() {
  set_deadline(proxy_patience);
  net::ProxyHeader header;
  while (true) {
    const auto parsed = net::parse_proxy_header(input(), header);
    if (parsed == net::ProxyParse::complete) break;
    const bool ready =
        parsed == net::ProxyParse::incomplete && co_await stream_->wait(net::Want::read, deadline_);
    std::size_t got = 0;
    if (!ready || read_into(input_space(), got) == Progress::want_write || broken_) co_return false;
    end_ += got;
  }
  begin_ += header.length;
  drop_buffer();
  if (!header.source) {  // the balancer itself: it wants to see a banner, and to be left out of the count
    health_check_ = true;
    co_return true;
  }
  machine_.note_proxy(*header.source, *header.destination);
  co_return true;
}

// ---- Writing

/// Writes what is there. False: not all of it could be written, or the connection is broken.
bool Session::try_flush() {
  auto& output = machine_.output();
  if (output.empty()) return true;
  const iovec part{output.data(), output.size()};
  const auto written = stream_->write({&part, 1}, step_.action == Action::close && machine_.quit());
  octets_out_ += written.bytes;
  if (written.bytes == output.size()) {
    // The next answer is as short: keep the room, but not that of a long one.
    output.clear();
    if (output.capacity() > 512) output.shrink_to_fit();
    return true;
  }
  output.erase(0, written.bytes);
  if (written.status == net::IoStatus::error || written.status == net::IoStatus::eof) lost();
  return false;
}

/// Waits until all is written, or the connection is broken.
net::Task<void> Session::flush(base::Millis patience) {
  deadline_.set(context_.clock.now() + patience);
  while (!broken_ && !try_flush()) {
    if (broken_) break;
    const bool ready = co_await stream_->wait(net::Want::write, deadline_);
    if (ready) continue;
    deadline_.clear();
    lost();  // whoever does not read is not told either
    how_ = telemetry::Close::timeout;
  }
}

/// What a client has sent meanwhile must be read, or closing would reset the connection and it might never
/// see our last words.
net::Task<void> Session::linger() {
  stream_->shutdown_send();
  deadline_.set(context_.clock.now() + linger_patience);
  std::size_t octets = 0;
  std::array<char, 4096> nowhere;
  while (octets < linger_octets) {
    const auto result = stream_->read(nowhere);
    octets += result.bytes;
    if (result.status == net::IoStatus::done) continue;
    if (result.status != net::IoStatus::want_read) break;
    const bool ready = co_await stream_->wait(net::Want::read, deadline_);
    if (!ready) break;
  }
}

}  // namespace gatepost::gateway
