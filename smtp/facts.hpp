// What is known at each stage. Facts grow: those of a stage hold those of the stages before, so that a check
// of an early stage cannot ask for what is not there yet: it would not compile.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/ip.hpp"
#include "core/base/random.hpp"
#include "core/state/body.hpp"
#include "mail/address.hpp"
#include "smtp/command.hpp"
#include "smtp/data_reader.hpp"

namespace gatepost::smtp {

struct ConnectFacts {
  base::SessionId id;
  base::Endpoint client;              ///< the real one, if a load balancer told
  base::Endpoint local;               ///< where the client connected to
  std::optional<base::Endpoint> via;  ///< the load balancer
  base::WallTime connected_at;
  bool early_talk = false;  ///< bytes came before the banner
};

struct HeloFacts {
  const ConnectFacts& connect;
  std::string name;       ///< as said, untrusted
  bool extended = false;  ///< EHLO
  bool tls = false;
  std::string_view tls_version;
  std::string_view tls_cipher;
  int tls_bits = 0;
  std::string name_before = {};  ///< said earlier in the session (not before STARTTLS); empty: none
};

struct MailFacts {
  const HeloFacts& helo;
  mail::Mailbox sender;  ///< empty for the null reverse-path
  bool null_sender = false;
  MailParameters parameters;
};

/// A recipient that was accepted.
struct Recipient {
  mail::Mailbox mailbox;
  std::string dsn;
};

struct RcptFacts {
  const MailFacts& mail;
  const mail::Mailbox& recipient;
  std::span<const Recipient> accepted;  ///< earlier in this transaction
};

struct DataFacts {
  const MailFacts& mail;
  std::span<const Recipient> recipients;
  const state::Body& body;
};

struct MessageFacts {
  const DataFacts& data;
  const ContentFlaws& flaws;
};

}  // namespace gatepost::smtp
