#include "gateway/callout_prober.hpp"

#include <boost/asio/co_spawn.hpp>

namespace gatepost::gateway {

using checks::CalloutAnswer;
using checks::CalloutResult;

void CalloutProber::ask(const checks::CalloutQuestion& question, CalloutAnswered answered) {
  const auto& memory = context_.memory;
  if (const auto known = checks::recall(memory.callouts, question.address, memory.now()))
    return answered(*known);
  const auto& domain = question.address.domain_key();
  if (context_.board.asks(domain, question.client))
    return answered(
        {CalloutResult::not_asked, "the client is the server that is being asked just now", false});
  auto found = flights_.find(domain);
  if (found == flights_.end()) {
    if (stopped_) return answered({CalloutResult::unknown, "nobody is asked any more: going down", false});
    if (flights_.size() >= most_flights)
      return answered({CalloutResult::unknown, "too many domains are to be asked", false});
    found = flights_.emplace(domain, std::make_shared<CalloutFlight>(context_, domain, question.how)).first;
  }
  const auto flight = found->second;
  flight->join(question.address, std::move(answered));
  if (!flight->begun) begin(flight);
}

/// If there is a place for it; else the sweep tries again.
void CalloutProber::begin(const FlightPtr& flight) {
  if (!context_.board.begin(flight->domain(), flight->how().max_probes)) return;
  flight->begun = true;
  if (flight->settle_known()) return landed(flight);
  // Named before it is handed over: g++ 12 destroys lambdas in co_spawn's argument list twice (bug 107288).
  auto finished = [this, flight](std::exception_ptr) { landed(flight); };
  net::asio::co_spawn(context_.io, flight->run(), std::move(finished));
}

void CalloutProber::landed(const FlightPtr& flight) {
  const CalloutAnswer late{CalloutResult::unknown, "no answer", false};
  flight->settle_rest(late);  // who came too late for the visit, or all if it failed
  context_.board.end(flight->domain());
  flights_.erase(flight->domain());
  if (flights_.empty()) on_idle();
}

void CalloutProber::begin_waiting() {
  std::vector<FlightPtr> waiting;
  for (const auto& [domain, flight] : flights_) {
    if (!flight->begun) waiting.push_back(flight);
  }
  for (const auto& flight : waiting) begin(flight);
}

void CalloutProber::sweep(base::Instant now) {
  for (const auto& [domain, flight] : flights_) flight->sweep(now);
  std::erase_if(flights_, [](const auto& entry) {
    const auto& flight = entry.second;
    if (flight->begun || !flight->over()) return false;
    flight->settle_rest({CalloutResult::unknown, "too many domains are being asked", false});
    return true;
  });
  begin_waiting();
}

void CalloutProber::stop() {
  stopped_ = true;
  for (const auto& [domain, flight] : flights_) {
    flight->stop();
    if (!flight->begun) flight->settle_rest({CalloutResult::unknown, "the gateway is going down", false});
  }
  std::erase_if(flights_, [](const auto& entry) { return !entry.second->begun; });
}

}  // namespace gatepost::gateway
