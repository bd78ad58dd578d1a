// The SMTP server as a state machine that never waits and knows no socket: it is fed bytes or answers and
// returns the next Step. Validation and effect are here; what policy decides comes in through consulted().
//
//   step = start();
//   Action::read     feed(bytes) with at least one more byte than before, or timed_out(), hung_up(), ...
//   Action::consult  consulted(decision of step.stage)
//   Action::body     read into body_space(), then fed_body(n, rest)
//   Action::deliver  delivered(result)
//   Action::start_tls  do the handshake, then tls_started() or tls_failed()
//   Action::pause    wait step.delay, then resumed(); before the banner, note_early_talk() if bytes came
//   Action::close    write what is in output(), then close
//
// Replies gather in output(); whoever drives the machine writes them before anything that suspends.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mail/header_scan.hpp"
#include "smtp/decision.hpp"
#include "smtp/extensions.hpp"
#include "smtp/facts.hpp"
#include "smtp/replies.hpp"
#include "smtp/server_options.hpp"
#include "smtp/stage.hpp"

namespace gatepost::smtp {

enum class Action : std::uint8_t { read, consult, body, deliver, start_tls, pause, close };

struct Step {
  Action action;
  Stage stage = Stage::connect;  ///< of a consult
  base::Millis delay{};          ///< of a pause
};

/// How a transaction ended.
enum class Ending : std::uint8_t {
  delivered,
  discarded,
  refused,   ///< 5xx to MAIL, to all recipients or to the message
  deferred,  ///< 4xx to it
  aborted,   ///< the client gave it up: RSET, QUIT, EHLO
  vanished,  ///< the client was gone before the end
};

/// One recipient and what it was answered.
struct RecipientAnswer {
  std::string address;
  Reply reply;
};

/// All that the protocol knows of a transaction that has ended.
struct TransactionRecord {
  unsigned number = 0;  ///< within the session, from 1
  Ending ending = Ending::aborted;
  Stage stage = Stage::mail;  ///< how far it came
  std::string sender;
  std::vector<RecipientAnswer> recipients;
  std::size_t recipients_unlisted = 0;  ///< refused ones beyond what is kept
  std::optional<Reply> reply;           ///< the last word: to MAIL, to DATA or to the message
  std::uint64_t size = 0;               ///< content octets
  ContentFlaws flaws;
  bool bdat = false;
  bool eight_bit = false;
  bool smtputf8 = false;
};

/// What the state machine asks of whoever runs it; answered at once. It is also told what is worth recording.
class ServerHost {
 public:
  virtual ~ServerHost() = default;
  /// What EHLO may offer now (STARTTLS too, if it can be done).
  virtual Extensions extensions() const = 0;
  /// May a message be begun, as far as memory goes?
  virtual bool has_room() const = 0;
  virtual state::ChunkPool& chunks() = 0;
  /// A 4xx or 5xx was said. `subject`: the recipient or command concerned.
  virtual void refused(Stage stage, const Reply& reply, std::string_view subject) = 0;
  virtual void transaction_ended(const TransactionRecord& record) = 0;
};

/// A refusal that no transaction's record holds.
struct Mistake {
  Stage stage;
  std::string subject;  ///< the command or its argument
  Reply reply;
};

/// How often a session made one kind of error.
struct ErrorCount {
  std::string_view reason;  ///< the reply's token
  unsigned count = 0;
};

/// Whether a session was ended for what it said.
enum class CutOff : std::uint8_t { no, errors, junk };

/// What a session did, for its record.
struct SessionTotals {
  unsigned commands = 0;
  unsigned errors = 0;
  std::vector<ErrorCount> errors_by_reason;  ///< in the order of their first time
  Stage last_error = Stage::connect;         ///< where the last one was made, or the last junk command
  unsigned slowed = 0;                       ///< errors answered late
  unsigned junk = 0;  ///< commands that lead to no message: RSET, NOOP, VRFY, HELP, HELO
  CutOff cut_off = CutOff::no;
  unsigned transactions = 0;
  unsigned delivered = 0;
  unsigned refused = 0;   ///< transactions and single recipients answered 5xx
  unsigned deferred = 0;  ///< likewise 4xx
  static constexpr std::size_t mistakes_kept = 10;
  std::vector<Mistake> mistakes;  ///< the first ones
};

/// What became of a message handed to delivery.
struct DeliveryAnswer {
  Ending ending;  ///< delivered, refused, deferred or vanished
  Reply reply;
};

class ServerSession {
 public:
  struct Settings {
    std::string hostname;
    std::string help;  ///< policy.help
    ServerOptions options;
  };

  /// `settings` and `host` outlive the session.
  ServerSession(const Settings& settings, ServerHost& host, ConnectFacts facts);

  Step start() const { return {Action::consult, Stage::connect}; }
  Step consulted(Decision decision);

  struct Fed {
    std::size_t consumed;
    Step step;
  };
  /// Takes at most one command from the front of `input`. Consumes nothing if there is no whole line yet.
  Fed feed(std::string_view input);

  /// Where the next bytes of the message go; for BDAT no longer than the chunk.
  std::span<char> body_space();
  /// Takes the first `bytes` of body_space(). What belongs to the next commands is appended to `rest`.
  Step fed_body(std::size_t bytes, std::string& rest);

  Step delivered(DeliveryAnswer answer);
  Step tls_started(std::string_view version, std::string_view cipher, int bits);
  Step tls_failed(std::string_view why);
  Step resumed();

  /// Ends the session from outside, with a 421 where the client can still read it.
  Step timed_out(Say why);
  /// The connection is gone.
  void hung_up();
  /// The message could not be stored: it will be refused with 452 when it is complete.
  void storage_failed();

  std::string& output() { return output_; }

  /// Bytes of a message are expected, not commands.
  bool reading_body() const { return state_ == State::data || chunk_ != nullptr; }
  /// Between transactions with nothing to do: may be told to leave at a shutdown.
  bool idle() const { return state_ == State::greeted || state_ == State::ready; }

  /// Bytes came before the banner. To be said before start(), or before resumed().
  void note_early_talk() { connect_.early_talk = true; }
  /// A load balancer has told who the client really is. To be said before start().
  void note_proxy(const base::Endpoint& client, const base::Endpoint& local);

  const ConnectFacts& connect_facts() const { return connect_; }
  const HeloFacts& helo_facts() const { return helo_; }
  const MailFacts& mail_facts() const { return transaction_->facts; }
  RcptFacts rcpt_facts() const {
    return {transaction_->facts, transaction_->candidate.mailbox, transaction_->accepted};
  }
  DataFacts data_facts() const { return {transaction_->facts, transaction_->accepted, *transaction_->body}; }
  MessageFacts message_facts(const DataFacts& data) const { return {data, flaws()}; }
  /// The message to deliver; only while a deliver step is open, or while reading_body() for spilling.
  state::Body& body() { return *transaction_->body; }
  bool has_body() const { return transaction_ && transaction_->body; }
  /// The client said QUIT.
  bool quit() const { return quit_; }
  /// The banner has not been sent yet.
  bool before_banner() const { return state_ == State::connected; }
  bool in_transaction() const { return transaction_ != nullptr; }
  const SessionTotals& totals() const { return totals_; }
  /// Of the transaction under way, from 1.
  unsigned transaction_number() const { return totals_.transactions; }

 private:
  friend struct CommandTable;

  enum class State : std::uint8_t {
    connected,        ///< before the banner
    greeted,          ///< banner sent, no HELO yet (or again after STARTTLS)
    ready,            ///< HELO said, no transaction
    open,             ///< MAIL accepted
    chunking,         ///< MAIL accepted and at least one BDAT taken
    data,             ///< 354 said, reading to the dot
    judging_header,   ///< message complete, the data stage is asked
    judging_message,  ///< the message stage is asked
    delivering,       ///< its fate is not yet known
    closed,
  };

  /// From MAIL to the end of the message.
  struct Transaction {
    explicit Transaction(const HeloFacts& helo) : facts{helo, {}, false, {}} {}
    MailFacts facts;
    std::vector<Recipient> accepted;
    Recipient candidate;  ///< the RCPT that policy looks at
    std::optional<state::Body> body;
    std::variant<std::monostate, DataReader, BdatReader> reader;
    mail::HeaderScan header;
    std::uint64_t received = 0;    ///< octets read so far
    std::optional<Reply> verdict;  ///< why the message will be refused at its end
    bool refused = false;          ///< a recipient got 5xx
    bool deferred = false;         ///< a recipient got 4xx
    TransactionRecord record;
  };

  /// What remains of the chunk being read.
  struct Chunk {
    std::uint64_t left = 0;
    std::uint64_t size = 0;
    bool last = false;
    std::optional<Reply> refusal;  ///< the chunk does not count; said when it has been read
    bool mistake = false;          ///< the refusal is for a protocol error
  };

  Step command(std::string_view line, bool more);
  std::string recipients_in_words() const;
  void list_recipient(std::string address, const Reply& answer);
  void note_mistake(Stage at, const Reply& reply, std::string_view subject);
  Step run_helo(const CommandLine& line);
  Step run_mail(const CommandLine& line);
  Step run_rcpt(const CommandLine& line);
  Step run_data(const CommandLine& line);
  Step run_bdat(const CommandLine& line);
  Step run_rset(const CommandLine& line);
  Step run_simple(const CommandLine& line);
  Step run_starttls(const CommandLine& line);
  Step run_quit(const CommandLine& line);
  Step run_not_offered(const CommandLine& line);
  Step run_foreign(const CommandLine& line);

  Step helo_decided(Decision decision);
  Step mail_decided(Decision decision);
  Step rcpt_decided(Decision decision);
  Step message_decided(Decision decision);

  std::optional<Reply> no_recipients() const;
  void refuse_chunk();
  Step fed_data(std::size_t bytes, std::string& rest);
  Step fed_chunk(std::size_t bytes);
  void begin_body(state::Body::Form form);
  void inspect(std::uint64_t from);
  void judge_content();
  void refuse_message(Reply reply);
  Step message_complete();
  Step chunk_complete();
  const ContentFlaws& flaws() const;
  std::uint64_t size_limit() const;
  std::size_t recipient_limit() const;

  void say(Reply reply);
  void say(Say what) { say(reply(what)); }
  Step refuse(Reply reply, std::string_view subject);
  Step error(Reply reply, std::string_view subject);
  void count_error(std::string_view reason);
  Step cut_off(CutOff why);
  Step close(Reply reply);
  Step go_on() const { return {Action::read}; }
  void end_transaction(Ending ending, std::optional<Reply> last);
  static void explain_abort(Transaction& transaction);
  Stage stage() const;

  const Settings& settings_;
  ServerHost& host_;
  ConnectFacts connect_;
  HeloFacts helo_;
  std::unique_ptr<Transaction> transaction_;
  std::unique_ptr<Chunk> chunk_;
  std::unique_ptr<Decision> held_;       ///< to be carried out after a pause
  std::unique_ptr<Reply> mail_refusal_;  ///< repeated to what a pipelining client sent behind a refused MAIL
  std::string output_;
  Extensions offered_;
  unsigned refused_recipients_ = 0;  ///< since the last message that was delivered
  SessionTotals totals_;
  std::uint16_t junk_ = 0;
  State state_ = State::connected;
  bool skipping_line_ = false;
  bool quit_ = false;
};

}  // namespace gatepost::smtp
