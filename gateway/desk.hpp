// What stands behind a session: who decides, who delivers, who records. The gateway's desk asks checks and
// relays; the sink's takes everything.
#pragma once

#include <functional>
#include <optional>

#include "core/net/asio.hpp"
#include "core/net/deadline.hpp"
#include "smtp/server_session.hpp"
#include "telemetry/event.hpp"

namespace gatepost::gateway {

class Desk {
 public:
  virtual ~Desk() = default;

  /// The session that it stands behind; said first, and once.
  virtual void opened(const smtp::ServerSession& session) = 0;

  virtual smtp::Extensions extensions() const = 0;
  virtual bool has_room() const = 0;
  /// How much memory one message may take now before it goes to disk.
  virtual std::size_t memory_share() const = 0;
  /// All memory for messages is in use: those that are large are given up.
  virtual bool memory_exhausted() const = 0;

  /// Decides at a stage, or says nothing while evidence is missing; then when_ready() is called and it is
  /// asked again. `again`: this is such a second time.
  virtual std::optional<smtp::Decision> consult(smtp::Stage stage, bool again) = 0;
  virtual void when_ready(std::function<void()> call) = 0;
  /// How long the session may wait for evidence still.
  virtual base::Millis patience() const { return std::chrono::hours(1); }
  /// That time is over: what is not known counts as a temporary failure. False: that would change nothing.
  virtual bool give_up() { return false; }

  /// Delivers the session's message within `deadline`, which it sets. `client_gone` looks for the client.
  virtual net::Task<smtp::DeliveryAnswer> deliver(smtp::ServerSession& session, net::Deadline& deadline,
                                                  std::function<bool()> client_gone) = 0;

  virtual void refused(smtp::Stage stage, const smtp::Reply& reply, std::string_view subject) = 0;
  virtual void transaction_ended(const smtp::TransactionRecord& record, base::Millis duration,
                                 bool spilled) = 0;
  virtual void session_closed(const smtp::HeloFacts& facts, const smtp::SessionTotals& totals,
                              telemetry::Close how, base::Millis duration, std::uint64_t in,
                              std::uint64_t out) = 0;
};

}  // namespace gatepost::gateway
