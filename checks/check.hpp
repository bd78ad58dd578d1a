// A check: ordinary functions from facts and evidence to findings, one per stage it speaks at.
//
// A new check is checks/<name>.cpp with make_<name>_options(), one line gatepost_check(<name>), a page
// docs/checks/<name>.md and cases tests/checks/<name>.cases. Modes, exemptions, errors and events are the
// pipeline's business.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/evidence.hpp"
#include "core/base/file.hpp"
#include "core/base/text_forms.hpp"
#include "smtp/facts.hpp"
#include "smtp/replies.hpp"
#include "smtp/server_session.hpp"
#include "telemetry/finding.hpp"

namespace gatepost::checks {

enum class Mode { off, observe, enforce };
enum class OnError { ignore, defer };

/// What a check found. `reply` is what to say where the verdict refuses, and for `unknown` where the check's
/// on_error is defer.
struct Finding {
  telemetry::Verdict verdict = telemetry::Verdict::none;
  std::optional<smtp::Reply> reply;
  std::string evidence;
  double score = 0;
  /// The stage whose facts decided it, if earlier than the one it was found at.
  std::optional<smtp::Stage> stage;
  std::string_view reason = {};             ///< stable token where there is no reply
  std::optional<Mode> mode = std::nullopt;  ///< unless the check's mode holds
  std::vector<std::string> exempts = {};    ///< of an allow: it holds for these checks only
  std::string header = {};                  ///< field to put in front of the message, with CRLF
  /// What is said at this stage is to be said only so much later.
  base::Millis delay{0};
  /// A refusal that is said even in place of what relay control and directory say, since whether there is
  /// such a recipient is not to be told.
  bool veils = false;
  /// On whose word it rests: the pipeline has them examined, and if one does not pass, the check could not
  /// find out.
  std::vector<WitnessPtr> rests_on = {};
};

/// Findings, or nothing while evidence is missing.
using Findings = std::optional<std::vector<Finding>>;

/// A configured check, immutable, shared by all sessions.
class Check {
 public:
  /// `stages`: where it has something to say; it is not asked elsewhere.
  explicit Check(std::initializer_list<smtp::Stage> stages) {
    for (const auto stage : stages) stages_ |= 1U << static_cast<unsigned>(stage);
  }
  virtual ~Check() = default;
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  bool speaks_at(smtp::Stage stage) const { return (stages_ >> static_cast<unsigned>(stage) & 1U) != 0; }
  /// At the stages of the message, when all recipients have been taken.
  bool speaks_late() const { return speaks_at(smtp::Stage::data) || speaks_at(smtp::Stage::message); }
  /// Could it do so of this mail?
  virtual bool speaks_late_of(const smtp::MailFacts&) const { return speaks_late(); }
  /// It cannot know anything of a client whose address is not the real one (loopback, private): then it is
  /// not asked.
  virtual bool depends_on_client() const { return false; }
  /// Goes by what the other checks of the stage have found (Evidence::suspicion()), and is asked only where
  /// they let the mail go on. Such checks are asked one after another.
  virtual bool asked_last() const { return false; }
  /// Whose word it takes: examined at the start and every 30 minutes.
  virtual std::vector<WitnessPtr> witnesses() const { return {}; }

  virtual Findings connect(const smtp::ConnectFacts&, Evidence&) const { return Findings{std::in_place}; }
  virtual Findings helo(const smtp::HeloFacts&, Evidence&) const { return Findings{std::in_place}; }
  virtual Findings mail(const smtp::MailFacts&, Evidence&) const { return Findings{std::in_place}; }
  virtual Findings rcpt(const smtp::RcptFacts&, Evidence&) const { return Findings{std::in_place}; }
  virtual Findings data(const smtp::DataFacts&, Evidence&) const { return Findings{std::in_place}; }
  virtual Findings message(const smtp::MessageFacts&, Evidence&) const { return Findings{std::in_place}; }

  // What became of it all, for checks that remember (Evidence::memory()). A check may be asked about the same
  // thing several times; these are said once, and not of clients that are exempt from the check.
  virtual void opened(const smtp::ConnectFacts&, Evidence&) const {}
  /// What a recipient is about to be answered: a refusal, or null.
  virtual void answered(const smtp::RcptFacts&, const smtp::Reply* /*refusal*/, Evidence&) const {}
  virtual void transaction_ended(const smtp::MailFacts&, const smtp::TransactionRecord&, Evidence&) const {}
  virtual void closed(const smtp::HeloFacts&, const smtp::SessionTotals&, Evidence&) const {}

 private:
  unsigned stages_ = 0;
};

/// Files that checks are made from, besides the configuration.
struct CheckFiles {
  struct Mistake {
    std::string file;
    std::size_t line;  ///< 0: the whole file
    std::string message;
    std::string hint;
  };
  std::map<std::string, base::FileStamp> read;  ///< as they were just before; to be watched for changes
  std::vector<Mistake> mistakes;
};

/// A check's configuration under [checks.<name>].
class CheckOptions {
 public:
  explicit CheckOptions(Mode default_mode) : mode(default_mode) {}
  virtual ~CheckOptions() = default;
  virtual void visit(base::Visitor& v) = 0;
  /// Problems at paths below `path`.
  virtual void validate(const std::string& path, base::Problems& problems) const;
  /// Reads its files, if it has any, and says in `files` which, and what is wrong with them.
  virtual std::unique_ptr<const Check> make(CheckFiles& files) const = 0;
  /// Relay control and directory: what no exemption, allow or observe mode touches.
  virtual bool absolute() const { return false; }

  Mode mode;
  OnError on_error = OnError::ignore;
  std::vector<base::Network> exempt_clients;
  std::vector<std::string> exempt_senders;
  std::vector<std::string> exempt_recipients;

 protected:
  void visit_mode(base::Visitor& v);
};

struct CheckType {
  std::string_view name;
  std::unique_ptr<CheckOptions> (*make_options)();
};

/// Generated from checks/CMakeLists.txt.
std::span<const CheckType> all_checks();

}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::Mode> {
  static constexpr std::array<std::string_view, 3> names{"off", "observe", "enforce"};
  static constexpr std::string_view form = "\"off\", \"observe\" or \"enforce\"";
  static std::string parse(std::string_view in, checks::Mode& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const checks::Mode& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

template <>
struct TextForm<checks::OnError> {
  static constexpr std::array<std::string_view, 2> names{"ignore", "defer"};
  static constexpr std::string_view form = "\"ignore\" or \"defer\"";
  static std::string parse(std::string_view in, checks::OnError& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const checks::OnError& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

}  // namespace gatepost::base
