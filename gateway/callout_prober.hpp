// Asks senders' mail servers whether they take an address, on one thread: one visit per domain at a time for
// all who want to know, and on all threads together no more than the settings allow.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "gateway/callout_flight.hpp"

namespace gatepost::gateway {

class CalloutProber {
 public:
  /// Domains that are asked or wait for their turn.
  static constexpr std::size_t most_flights = 200;

  explicit CalloutProber(CalloutContext context) : context_(std::move(context)) {}

  void set_site(checks::Site site) { context_.site = std::move(site); }

  /// Calls `answered` once: at once if the answer is remembered or nobody is asked, else when it is there or
  /// the time is over that a session may wait. The visit goes on then.
  void ask(const checks::CalloutQuestion& question, CalloutAnswered answered);
  void sweep(base::Instant now);

  /// Ends all visits soon; nobody is asked any more.
  void stop();
  bool idle() const { return flights_.empty(); }
  /// Called when the last visit has ended.
  std::function<void()> on_idle = [] {};

 private:
  using FlightPtr = std::shared_ptr<CalloutFlight>;
  void begin_waiting();
  void begin(const FlightPtr& flight);
  void landed(const FlightPtr& flight);

  CalloutContext context_;
  std::map<std::string, FlightPtr> flights_;  ///< by domain
  bool stopped_ = false;
};

}  // namespace gatepost::gateway
