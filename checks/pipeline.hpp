// Runs the checks of each stage and turns what they find into decisions. It alone knows modes, exemptions,
// delayed refusal and errors, so that no check repeats them.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checks/decide.hpp"
#include "core/base/file.hpp"

namespace gatepost::checks {

/// All checks' options under [checks].
class ChecksOptions {
 public:
  ChecksOptions();
  void visit(base::Visitor& v);
  void validate(base::Problems& problems) const;
  const std::map<std::string_view, std::shared_ptr<CheckOptions>>& all() const { return options_; }

 private:
  std::map<std::string_view, std::shared_ptr<CheckOptions>> options_;
};

/// A set of checks, a bit each, the same in each configuration.
using CheckSet = std::uint32_t;

/// What one session's checks have found so far.
class Verdicts {
 public:
  /// `keep_all`: also that a check found nothing, as `gatepost explain` shows it.
  explicit Verdicts(bool keep_all = false) : keep_all_(keep_all) {}

  /// The client is looked at again before its banner.
  void begin_connect();
  /// A HELO replaces what was found of the one before.
  void begin_helo();
  void end_transaction();
  /// As recorded: of the connection and HELO, and of the transaction.
  std::vector<telemetry::Finding> session_findings() const;
  std::vector<telemetry::Finding> transaction_findings() const;
  /// What a refusal of that reason rests on: "helo: ...". `subject`: the recipient refused, if it was one.
  /// Empty if no check found it.
  std::string basis_of(std::string_view reason, std::string_view subject) const;

 private:
  friend class Pipeline;
  struct Record {
    Judged judged;
    smtp::Stage found;  ///< the stage whose run found it; it may be spoken of as of an earlier one
    CheckSet bit;
    std::string subject;
    base::Millis waited{0};
    bool cached = false;
  };
  struct Waiting {
    smtp::Stage stage;
    CheckSet bit;
    base::Instant since;
  };
  /// What is judged differently for some recipients: not in one message.
  struct Exemption {
    bool all = false;  ///< of all checks
    CheckSet checks = 0;
    bool operator==(const Exemption&) const = default;
  };
  /// What has been found that speaks against the mail; `of_recipient`: those of the RCPT looked at.
  Suspicion suspicion(std::span<const Record> of_recipient) const;
  static telemetry::Finding recorded(const Record& record);
  void note_spared(std::string_view check, CheckSet bit, bool blind);
  base::Millis waited(smtp::Stage stage, CheckSet bit, const Evidence& evidence);

  bool keep_all_;
  bool met_ = false;                 ///< the client has been looked at
  CheckSet client_exempt_ = 0;       ///< not asked: exempt clients, hidden clients
  CheckSet sender_exempt_ = 0;       ///< of the transaction
  std::vector<Record> session_;      ///< connect and HELO
  std::vector<Record> transaction_;  ///< MAIL, header and message
  std::vector<Record> recipients_;   ///< RCPT; concern one recipient each
  std::vector<Waiting> waiting_;
  std::array<CheckSet, smtp::stage_names.size()> done_{};  ///< per stage
  std::optional<Exemption> exemption_;                     ///< of the accepted recipients
};

class Pipeline {
 public:
  /// `files`: what the checks read, and what is wrong there.
  Pipeline(const ChecksOptions& checks, PolicyOptions policy, CheckFiles& files);

  struct Consultation {
    bool pending = false;  ///< evidence is missing; ask again when it is there
    smtp::Decision decision;
    std::string tag;  ///< see DecisionBasis
  };
  Consultation connect(const smtp::ConnectFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation helo(const smtp::HeloFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation mail(const smtp::MailFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation rcpt(const smtp::RcptFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation data(const smtp::DataFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation message(const smtp::MessageFacts& facts, Evidence& evidence, Verdicts& verdicts) const;

  // What became of it, to be told once, and before the session's findings and evidence are dropped.
  void transaction_ended(const smtp::MailFacts& facts, const smtp::TransactionRecord& record,
                         Evidence& evidence, const Verdicts& verdicts) const;
  void session_closed(const smtp::HeloFacts& facts, const smtp::SessionTotals& totals, Evidence& evidence,
                      const Verdicts& verdicts) const;

  /// The fields to put in front of the message, now that it is accepted.
  std::string header_fields(const Verdicts& verdicts) const;

  const PolicyOptions& policy() const { return policy_; }
  /// All checks there are, also those that are off, in the order in which they are asked.
  struct CheckMode {
    std::string_view name;
    Mode mode;
  };
  const std::vector<CheckMode>& modes() const { return modes_; }
  /// Whose word the checks take, each once.
  std::vector<WitnessPtr> witnesses() const;
  /// Files to be watched, as they were when the checks read them.
  const base::FileStamps& files() const { return files_; }

 private:
  struct Entry {
    std::string_view name;
    std::unique_ptr<const Check> check;
    Mode mode;
    OnError on_error;
    bool absolute;
    std::shared_ptr<const CheckOptions> options;  ///< its exemptions
    CheckSet bit;
    bool last;  ///< see Check::asked_last()
  };
  using Records = std::vector<Verdicts::Record>;
  void meet(const smtp::ConnectFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  /// Checks may run before anybody waits for them.
  enum class When { ahead, awaited };
  When when_early() const { return policy_.delay_reject ? When::ahead : When::awaited; }
  static bool examined(std::vector<Finding>& findings, Evidence& evidence, When when);
  template <class Call>
  bool run(smtp::Stage stage, When when, Evidence& evidence, Verdicts& verdicts, Records& into,
           std::string_view subject, Call call) const;
  template <class Call>
  bool run_one(const Entry& entry, smtp::Stage stage, When when, Evidence& evidence, Verdicts& verdicts,
               Records& into, std::string_view subject, Call call) const;
  template <class Call, class Judge>
  Consultation run_last(smtp::Stage stage, const Verdicts::Exemption& exemption, Evidence& evidence,
                        Verdicts& verdicts, Records& into, std::string_view subject, Call call,
                        Judge judge) const;
  template <class Tell>
  void tell(const Verdicts& verdicts, Tell tell) const;
  void take(const Entry& entry, smtp::Stage stage, std::vector<Finding> findings, Evidence& evidence,
            Verdicts& verdicts, Records& into, std::string_view subject) const;
  bool run_early(const smtp::ConnectFacts& facts, When when, Evidence& evidence, Verdicts& verdicts) const;
  bool run_early(const smtp::HeloFacts& facts, When when, Evidence& evidence, Verdicts& verdicts) const;
  bool run_early(const smtp::MailFacts& facts, When when, Evidence& evidence, Verdicts& verdicts) const;
  Consultation early(smtp::Stage stage, bool pending, Verdicts& verdicts) const;
  template <class Call>
  Consultation late(smtp::Stage stage, Evidence& evidence, Verdicts& verdicts, Call call) const;
  Consultation accept_or_part(const smtp::RcptFacts& facts, Consultation judged, Records found,
                              Verdicts::Exemption exemption, Verdicts& verdicts) const;
  Verdicts::Exemption exemption_of(const mail::Mailbox& recipient, const Records& found) const;
  CheckSet relevant(const smtp::MailFacts& facts, const Verdicts& verdicts) const;
  Consultation judge(smtp::Stage stage, std::span<const Verdicts::Record> extra, const Verdicts& verdicts,
                     const Verdicts::Exemption& exemption) const;

  std::vector<Entry> entries_;
  std::vector<CheckMode> modes_;
  PolicyOptions policy_;
  base::FileStamps files_;
};

}  // namespace gatepost::checks
