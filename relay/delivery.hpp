// Hands one message to the inside: leases connections, tries the servers of its route, and says what became
// of it (DESIGN section 4).
#pragma once

#include <functional>
#include <string>

#include "core/state/spill.hpp"
#include "relay/learned.hpp"
#include "relay/pool.hpp"
#include "relay/route.hpp"
#include "smtp/server_session.hpp"

namespace gatepost::relay {

/// What is to be delivered. All of it outlives the delivery.
struct Message {
  const Route& route;
  const smtp::Envelope& envelope;
  const state::Body& body;
  std::string_view prepended;         ///< whole header fields, CRLF, in front of the body
  const std::vector<bool>& suspects;  ///< see outcome(); empty: none
  std::string_view incident;          ///< for the reply
};

/// What became of it, for the sender and for the record.
struct Delivery {
  smtp::DeliveryAnswer answer;
  std::string server;        ///< that answered last; empty: none was reached
  std::string server_reply;  ///< its last words, as they were
  std::vector<Lesson> lessons;
  bool outcome_unknown = false;
  bool encrypted = false;
  unsigned attempts = 0;
  base::Instant dot_sent{};  ///< epoch if it never was
};

/// Looks whether the client is still there; called just before the dot.
using ClientGone = std::function<bool()>;

class Deliverer {
 public:
  Deliverer(net::asio::io_context& context, Pool& pool, state::SpillStore& spill, const base::Clock& clock,
            const RelayOptions& options)
      : context_(context), pool_(pool), spill_(spill), clock_(clock), options_(options) {}

  /// Runs within `deadline`, which it sets; an Interrupt::hung_up on it means that the client is gone.
  net::Task<Delivery> deliver(const Message& message, net::Deadline& deadline, ClientGone client_gone);

  void set_options(const RelayOptions& options) { options_ = options; }

 private:
  enum class Attempt {
    answered,     ///< the transcript says it all
    next_server,  ///< nothing was delivered; another server may
    stale,        ///< an idle connection turned out to be dead
    out_of_time,
    unreadable,  ///< the message could not be read back from disk
    vanished,    ///< the client, before the dot
    unknown,     ///< after the dot
  };
  net::Task<Attempt> attempt(const Message& message, Connection& connection, net::Deadline& deadline,
                             Patience patience, const ClientGone& client_gone, Delivery& delivery);
  enum class Sent { whole, lost, interrupted, silent, unreadable };
  net::Task<Sent> send_message(const Message& message, Connection& connection, net::Deadline& deadline,
                               Patience patience, const ClientGone& client_gone, bool& dot_sent);
  net::Task<bool> load(const state::Body& body, state::BodyCursor& cursor);
  static Attempt interrupted(const net::Deadline& deadline);
  Attempt lost(Connection& connection, Delivery& delivery, std::string why);
  void conclude(const Message& message, Outcome result, Connection& connection, Delivery& delivery);
  static void fail(Delivery& delivery, smtp::Ending ending, smtp::Say why, std::string_view argument = {});

  net::asio::io_context& context_;
  Pool& pool_;
  state::SpillStore& spill_;
  const base::Clock& clock_;
  RelayOptions options_;
};

}  // namespace gatepost::relay
