#include "core/net/stream.hpp"

#include <utility>

namespace gatepost::net {

void Stream::begin_wait(Want want, Deadline& deadline, WaitHandler handler) {
  handler_ = std::move(handler);
  deadline_ = &deadline;
  deadline.attach(*this);
  start_wait(want);
  if (deadline.interrupted() != Interrupt::none) cancel_wait();
}

void Stream::finished(bool ready) {
  deadline_->detach();
  auto handler = std::move(handler_);
  handler(ready && deadline_->interrupted() == Interrupt::none);
}

}  // namespace gatepost::net
