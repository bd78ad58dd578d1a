// `gatepost sink`: a small SMTP server that takes all mail, or misbehaves as told; for demos and tests.
#pragma once

#include <string>
#include <vector>

#include "core/base/ip.hpp"
#include "core/base/result.hpp"
#include "smtp/extensions.hpp"
#include "smtp/reply.hpp"
#include "smtp/stage.hpp"

namespace gatepost::gateway {

/// Something the sink does at a stage instead of going on.
struct SinkRule {
  smtp::Stage stage = smtp::Stage::rcpt;
  std::string pattern = "*";           ///< of the recipient at rcpt and message, of the sender at mail
  std::optional<smtp::Reply> refusal;  ///< say this
  std::chrono::milliseconds delay{};   ///< after this
  bool drop = false;                   ///< close the connection without a word
};

struct SinkOptions {
  std::vector<base::Endpoint> listen;
  std::string store;  ///< directory for what comes; empty: it is thrown away
  std::string hostname = "sink.localhost";
  std::vector<SinkRule> rules;
  smtp::Extensions without;  ///< not to be offered
  bool tls = false;          ///< offer STARTTLS, with a self-signed certificate kept in `store`
  bool quiet = false;
};

/// "rcpt=550 5.1.1 no such user", "rcpt:bad@*=550 no", "message=451 later".
base::Result<SinkRule> parse_refusal(std::string_view text);
/// "message=30s", "rcpt:slow@*=5s".
base::Result<SinkRule> parse_delay(std::string_view text);
/// "rcpt", "message:bad@*".
base::Result<SinkRule> parse_drop(std::string_view text);

/// Serves until SIGTERM or SIGINT; returns the exit code.
int run_sink(const SinkOptions& options);

}  // namespace gatepost::gateway
