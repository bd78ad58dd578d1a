// Runs the checks of each stage and turns what they find into decisions. It alone knows modes, exemptions,
// delayed refusal and errors, so that no check repeats them.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checks/decide.hpp"

namespace gatepost::checks {

/// All checks' options under [checks].
class ChecksOptions {
 public:
  ChecksOptions();
  void visit(base::Visitor& v);
  void validate(base::Problems& problems) const;
  const std::map<std::string_view, std::unique_ptr<CheckOptions>>& all() const { return options_; }

 private:
  std::map<std::string_view, std::unique_ptr<CheckOptions>> options_;
};

/// What one session's checks have found so far.
class Verdicts {
 public:
  /// A HELO replaces what was found of the one before.
  void begin_helo();
  void end_transaction();
  /// As recorded: of the connection and HELO, and of the transaction.
  std::vector<telemetry::Finding> session_findings() const;
  std::vector<telemetry::Finding> transaction_findings() const;

 private:
  friend class Pipeline;
  struct Record {
    Judged judged;
    smtp::Stage found;  ///< the stage whose run found it; it may be spoken of as of an earlier one
    bool counted;
    std::string subject;
  };
  static telemetry::Finding recorded(const Record& record);

  std::vector<Record> session_;                                 ///< connect and HELO
  std::vector<Record> transaction_;                             ///< MAIL, header and message
  std::vector<Record> recipients_;                              ///< RCPT; concern one recipient each
  std::array<std::uint32_t, smtp::stage_names.size()> done_{};  ///< per stage, one bit per check
  std::optional<bool> exempt_;  ///< whether the recipients of the transaction are exempt
};

class Pipeline {
 public:
  Pipeline(const ChecksOptions& checks, PolicyOptions policy);

  struct Consultation {
    bool pending = false;  ///< evidence is missing; ask again when it is there
    smtp::Decision decision;
  };
  Consultation connect(const smtp::ConnectFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation helo(const smtp::HeloFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation mail(const smtp::MailFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation rcpt(const smtp::RcptFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation data(const smtp::DataFacts& facts, Evidence& evidence, Verdicts& verdicts) const;
  Consultation message(const smtp::MessageFacts& facts, Evidence& evidence, Verdicts& verdicts) const;

  const PolicyOptions& policy() const { return policy_; }

 private:
  struct Entry {
    std::string_view name;
    std::unique_ptr<const Check> check;
    Mode mode;
    OnError on_error;
    bool absolute;
  };
  using Records = std::vector<Verdicts::Record>;
  template <class Run>
  bool run(smtp::Stage stage, Verdicts& verdicts, Records& into, std::string_view subject, Run run) const;
  Consultation early(bool pending, Verdicts& verdicts) const;
  smtp::Decision judge(std::span<const Verdicts::Record> extra, Verdicts& verdicts, bool exempt) const;

  std::vector<Entry> entries_;
  PolicyOptions policy_;
};

}  // namespace gatepost::checks
