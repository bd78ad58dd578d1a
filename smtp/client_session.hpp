// The SMTP client towards a backend, built like the server: it is fed bytes and says what to do next.
//
//   greet()                 -> read ... start_tls ... ready
//   transact(envelope)      -> read ... body, then body_sent() -> read ... done; read ... done if it is
//   ask_only quit()                  -> write output(), then close without waiting
//
// output() is to be written before each read. After a transaction that did not end in 2xx to the dot, RSET
// goes out in front of the next one, so that the sender need not wait for it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/client_reply.hpp"
#include "smtp/extensions.hpp"

namespace gatepost::smtp {

/// Whether a connection to a backend uses TLS.
enum class ClientTls : std::uint8_t { none, opportunistic, required };

struct EnvelopeRecipient {
  std::string address;  ///< without angle brackets
  std::string dsn;      ///< " NOTIFY=... ORCPT=..." or empty
  bool spared = false;  ///< what it is answered is not to be held against it
};

struct Envelope {
  std::string sender;  ///< without angle brackets; empty: the null reverse-path
  std::string dsn;     ///< " RET=... ENVID=..." or empty
  bool eight_bit = false;
  bool smtputf8 = false;
  std::uint64_t size = 0;  ///< content octets, as SIZE= tells it
  std::vector<EnvelopeRecipient> recipients;
  bool ask_only =
      false;  ///< there is no message: only MAIL and RCPT are said, and what they are answered counts
};

/// All that a backend said in one transaction; what was not reached is missing.
struct TransactionReplies {
  std::optional<BackendReply> mail;
  std::vector<BackendReply> rcpts;  ///< in the order of the envelope
  std::optional<BackendReply> data;
  std::optional<BackendReply> dot;
};

/// The first capability that the message needs and `extensions` lack; empty if there is none.
std::string_view missing_capability(const Envelope& envelope, const Extensions& extensions);

class ClientSession {
 public:
  enum class Action : std::uint8_t {
    read,       ///< write output(), then feed() what comes
    start_tls,  ///< do the handshake, then tls_started()
    ready,      ///< a transaction may begin
    body,       ///< write the message and the dot, then body_sent()
    done,       ///< the transaction is over: see replies()
    close,      ///< close the connection: see failure()
  };

  ClientSession(std::string hostname, ClientTls tls) : hostname_(std::move(hostname)), tls_(tls) {}

  Action greet();
  Action transact(const Envelope& envelope);
  Action body_sent();
  /// Nothing where the connection is of no use any more.
  void quit();

  /// Consumes all of `input`. Bytes that come when nothing was asked for end the connection.
  Action feed(std::string_view input);
  Action tls_started();

  std::string& output() { return output_; }
  TransactionReplies& replies() { return replies_; }
  const Extensions& extensions() const { return extensions_; }
  bool encrypted() const { return encrypted_; }
  /// STARTTLS was said: whatever failed since may be for its sake.
  bool asked_for_tls() const { return asked_for_tls_; }
  /// Why the connection is of no use; for people.
  const std::string& failure() const { return failure_; }
  /// May it be used for another transaction?
  bool reusable() const { return state_ == State::idle && !closing_; }
  /// The server is leaving (421): whatever it answered, the connection ends.
  bool closing() const { return closing_; }
  /// How the server names itself in its banner.
  const std::string& server_name() const { return server_name_; }

 private:
  enum class State : std::uint8_t {
    idle,  ///< ready for a transaction
    banner,
    ehlo,
    helo,
    starttls,
    mail,     ///< MAIL sent, alone or with RCPTs behind it
    rcpt,     ///< waiting for the answers to RCPT
    data,     ///< DATA sent
    sending,  ///< 354 came
    dot,      ///< waiting for the answer to the message
    rset,     ///< RSET sent in front of a transaction
    closed,
  };
  Action take(BackendReply reply);
  Action take_ehlo(const BackendReply& reply);
  Action take_rcpt(BackendReply reply);
  Action take_data(BackendReply reply);
  Action after_recipients();
  Action say_ehlo();
  Action finish(bool reset_needed);
  Action fail(std::string why);
  bool all_accepted() const;

  std::string hostname_;
  std::string server_name_;
  std::string output_;
  std::string failure_;
  ReplyReader reader_;
  TransactionReplies replies_;
  Extensions extensions_;
  const Envelope* envelope_ = nullptr;
  std::size_t rcpts_sent_ = 0;
  ClientTls tls_;
  State state_ = State::closed;
  bool data_sent_ = false;
  bool encrypted_ = false;
  bool asked_for_tls_ = false;
  bool needs_reset_ = false;
  bool closing_ = false;
};

}  // namespace gatepost::smtp
