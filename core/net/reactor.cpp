#include "core/net/reactor.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

namespace gatepost::net {

Reactor::Reactor(asio::execution_context& context)
    : service(context),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      waiter_(static_cast<asio::io_context&>(context)) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  waiter_.assign(epoll_);
  wait();
}

Reactor::~Reactor() = default;

void Reactor::shutdown() {
  boost::system::error_code ignored;
  waiter_.close(ignored);
}

Reactor::Key Reactor::add(int descriptor, Watched& watched) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const auto index = free_.back();
  free_.pop_back();
  slots_[index].watched = &watched;
  const Key which = static_cast<Key>(slots_[index].generation) << 32 | index;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = which;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  return which;
}

void Reactor::remove(int descriptor, Key which) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  forget(which);
}

void Reactor::forget(Key which) {
  auto& slot = slots_[static_cast<std::uint32_t>(which)];
  slot.watched = nullptr;
  ++slot.generation;
  free_.push_back(static_cast<std::uint32_t>(which));
}

Watched* Reactor::find(Key which) const {
  const auto& slot = slots_[static_cast<std::uint32_t>(which)];
  return slot.generation == which >> 32 ? slot.watched : nullptr;
}

void Reactor::wait() {
  waiter_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    dispatch();
    wait();
  });
}

void Reactor::dispatch() {
  std::array<epoll_event, 128> events;
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
  const auto happened = std::span(events).first(static_cast<std::size_t>(std::max(count, 0)));
  // All is noted before anybody acts: a session that is about to send the final dot knows then that its
  // client left.
  for (const auto& event : happened) {
    if (auto* watched = find(event.data.u64)) watched->note_events(event.events);
  }
  for (const auto& event : happened) {
    if (auto* watched = find(event.data.u64)) watched->act();
  }
}

}  // namespace gatepost::net
