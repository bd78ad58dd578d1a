#include "fake_stream.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>

namespace gatepost::tests {

FakeStream::FakeStream(net::asio::io_context& context, std::shared_ptr<FakePeer> peer)
    : context_(&context), peer_(std::move(peer)) {
  peer_->wake = [this] { look(); };
}

FakeStream::~FakeStream() {
  peer_->closed = true;
  peer_->wake = [] {};
}

net::IoResult FakeStream::read(std::span<char> into) {
  if (peer_->reset) return {net::IoStatus::error};
  const auto bytes = std::min({into.size(), peer_->to_stream.size(), peer_->most_per_read});
  if (bytes == 0) return {peer_->ended ? net::IoStatus::eof : net::IoStatus::want_read};
  std::memcpy(into.data(), peer_->to_stream.data(), bytes);
  peer_->to_stream.erase(0, bytes);
  return {net::IoStatus::done, bytes, bytes == into.size()};
}

net::IoResult FakeStream::write(std::span<const iovec> parts, bool) {
  if (peer_->reset) return {net::IoStatus::error};
  if (peer_->room == 0) return {net::IoStatus::want_write};
  std::string written;
  for (const auto& part : parts) {
    const auto take = std::min(part.iov_len, peer_->room);
    written.append(static_cast<const char*>(part.iov_base), take);
    if (peer_->room != SIZE_MAX) peer_->room -= take;
    if (take < part.iov_len) break;
  }
  peer_->from_stream += written;
  // Outside of this call, as a real peer would act.
  net::asio::post(*context_, [peer = peer_, written] { peer->on_written(written); });
  return {net::IoStatus::done, written.size()};
}

net::Presence FakeStream::presence(std::span<char>& unread) {
  if (peer_->reset) return net::Presence::gone;
  if (!peer_->ended) return net::Presence::here;
  if (peer_->to_stream.empty()) return net::Presence::gone;
  const auto bytes = std::min(unread.size(), peer_->to_stream.size());
  std::memcpy(unread.data(), peer_->to_stream.data(), bytes);
  unread = unread.first(bytes);
  return net::Presence::leaving;
}

bool FakeStream::ready() const {
  if (peer_->reset) return true;
  return want_ == net::Want::read ? !peer_->to_stream.empty() || peer_->ended : peer_->room > 0;
}

void FakeStream::start_wait(net::Want want) {
  want_ = want;
  waiting_ = true;
  look();
}

void FakeStream::cancel_wait() {
  if (waiting_) finish_later(false);
}

void FakeStream::look() {
  if (waiting_ && ready()) finish_later(true);
}

void FakeStream::finish_later(bool is_ready) {
  waiting_ = false;
  net::asio::post(*context_, [this, is_ready] { finished(is_ready); });
}

}  // namespace gatepost::tests
