// All that happens and is worth recording, as one variant: log, metrics, page and journal are fed with it.
// Recording never influences mail.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/ip.hpp"
#include "smtp/facts.hpp"
#include "smtp/server_session.hpp"
#include "telemetry/finding.hpp"

namespace gatepost::telemetry {

enum class Level : std::uint8_t { info, warning, error };
inline constexpr std::array<std::string_view, 3> level_names{"info", "warning", "error"};

inline constexpr std::array<std::string_view, 6> ending_names{"delivered", "discarded", "refused",
                                                              "deferred",  "aborted",   "vanished"};
constexpr std::string_view name_of(smtp::Ending ending) {
  return ending_names[static_cast<std::size_t>(ending)];
}

/// A transaction has ended. Every transaction ends in exactly one of these.
struct TransactionEnded {
  base::WallTime time;
  const smtp::HeloFacts& session;
  const smtp::TransactionRecord& record;
  const std::vector<Finding>& findings;
  /// With the session's first one: what was found of the connection and HELO so far, to be listed with sender
  /// and recipients. It is counted when the session ends.
  std::span<const Finding> of_session{};
  std::string_view client_name{};  ///< confirmed host name, if known
  std::string_view message_id{};   ///< printable; empty: none, or no header was read
  std::string_view server{};       ///< backend, if one was reached
  std::string_view server_reply{};
  unsigned attempts = 0;
  bool outcome_unknown = false;
  bool server_tls = false;
  bool spilled = false;
  base::Millis duration{};               ///< since MAIL
  std::chrono::microseconds delivery{};  ///< since the message was complete
};

/// Why a session ended.
enum class Close : std::uint8_t { quit, refused, timeout, vanished, shutdown, health_check };
inline constexpr std::array<std::string_view, 6> close_names{"quit",     "refused",  "timeout",
                                                             "vanished", "shutdown", "health_check"};

/// A session has ended. Every session ends in exactly one of these.
struct SessionClosed {
  base::WallTime time;
  const smtp::HeloFacts& session;
  const smtp::SessionTotals& totals;
  const std::vector<Finding>& findings;  ///< of the connection and HELO
  Close how = Close::quit;
  base::Millis duration{};
  std::uint64_t octets_in = 0;
  std::uint64_t octets_out = 0;
};

/// A 4xx or 5xx was said.
struct Refused {
  base::WallTime time;
  const smtp::HeloFacts& session;
  smtp::Stage stage;
  const smtp::Reply& reply;
  std::string_view sender;
  std::string_view subject;     ///< the recipient or command concerned
  std::string_view evidence{};  ///< what the check rests it on: "helo: ..."
};

/// Something an admin should read: started, reloaded, a backend down, a helper broken.
struct Notice {
  base::WallTime time;
  Level level = Level::info;
  std::string_view topic;  ///< "start", "reload", "backend", ...
  std::string_view text;
};

using Event = std::variant<TransactionEnded, SessionClosed, Refused, Notice>;

}  // namespace gatepost::telemetry
