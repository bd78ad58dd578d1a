// greylist: mail that is not known yet is asked to come again. Who sends from a queue does; most of what
// sends spam does not.
#include <fmt/format.h>

#include "checks/check.hpp"
#include "checks/client_network.hpp"
#include "mail/sender_form.hpp"

namespace gatepost::checks {
namespace {

enum class Apply { suspicious, all };

}  // namespace
}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::Apply> {
  static constexpr std::array<std::string_view, 2> names{"suspicious", "all"};
  static constexpr std::string_view form = "\"suspicious\" or \"all\"";
  static std::string parse(std::string_view in, checks::Apply& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const checks::Apply& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

}  // namespace gatepost::base

namespace gatepost::checks {
namespace {

using state::Second;
using telemetry::Verdict;

struct GreylistSettings {
  Apply apply = Apply::suspicious;
  double score = 0;
  base::Millis window = std::chrono::minutes(5);
  base::Millis retry = std::chrono::hours(48);
  base::Millis lifetime = std::chrono::hours(35 * 24);
  std::int64_t auto_pass = 5;
  ClientNetwork network{24, 64};  ///< of clients for which SPF does not speak
};

Second seconds(base::Millis time) {
  return static_cast<Second>(std::chrono::duration_cast<base::seconds>(time).count());
}

Finding note(std::string_view reason, std::string evidence) {
  Finding finding;
  finding.verdict = Verdict::annotate;
  finding.reason = reason;
  finding.evidence = std::move(evidence);
  return finding;
}

class GreylistCheck final : public Check {
 public:
  explicit GreylistCheck(const GreylistSettings& settings)
      : Check({smtp::Stage::rcpt, smtp::Stage::message}),
        settings_(settings),
        window_(seconds(settings.window)),
        retry_(seconds(settings.retry)),
        lifetime_(seconds(settings.lifetime)) {}

  bool depends_on_client() const override { return true; }
  bool asked_last() const override { return true; }
  bool speaks_late_of(const smtp::MailFacts& facts) const override { return facts.null_sender; }

  Findings rcpt(const smtp::RcptFacts& facts, Evidence& evidence) const override {
    if (facts.mail.null_sender || !applies(evidence.suspicion())) return Findings{std::in_place};
    const auto who = recognise(facts.mail, evidence);
    if (!who) return std::nullopt;
    return Findings{std::in_place, {look(*who, facts.mail, facts.recipient, evidence)}};
  }

  /// Bounces: at RCPT it may be somebody who only asks whether a sender exists, and does not come again.
  Findings message(const smtp::MessageFacts& facts, Evidence& evidence) const override {
    const auto& mail = facts.data.mail;
    if (!mail.null_sender || facts.data.recipients.empty() || !applies(evidence.suspicion()))
      return Findings{std::in_place};
    const auto who = recognise(mail, evidence);
    if (!who) return std::nullopt;
    // A bounce has one recipient (check recipient).
    return Findings{std::in_place, {look(*who, mail, facts.data.recipients.front().mailbox, evidence)}};
  }

  void transaction_ended(const smtp::MailFacts& facts, const smtp::TransactionRecord& record,
                         Evidence& evidence) const override {
    const auto* spf = evidence.known_spf(mail::SpfIdentity::mail_from);
    if (record.ending != smtp::Ending::delivered || spf == nullptr || !applies(evidence.suspicion())) return;
    const auto who = recognise(facts, *spf);
    auto& memory = evidence.memory();
    const auto now = memory.now();
    bool counts = known_client(who, memory).has_value();
    for (const auto& [address, answer] : record.recipients) {
      const auto recipient = mail::Mailbox::parse(address);
      if (!recipient || !answer.positive()) continue;
      if (memory.greylist.delivered(name_of(who, facts, *recipient), now, window_, lifetime_)) counts = true;
    }
    if (counts) memory.greylist.count_client(who, now, lifetime_);
  }

 private:
  bool applies(const Suspicion& suspicion) const {
    if (settings_.apply == Apply::all) return true;
    return settings_.score > 0 ? suspicion.refusals > 0 || suspicion.score >= settings_.score
                               : suspicion.any();
  }

  /// What its next attempt will have in common with this one, whatever address that comes from. Nothing while
  /// SPF is not known.
  std::optional<std::string> recognise(const smtp::MailFacts& facts, Evidence& evidence) const {
    const auto* spf = evidence.spf(facts, mail::SpfIdentity::mail_from);
    return spf == nullptr ? std::nullopt : std::optional(recognise(facts, *spf));
  }
  std::string recognise(const smtp::MailFacts& facts, const mail::SpfAnswer& spf) const {
    if (spf.result == mail::SpfResult::pass) {
      // Of bounces, SPF speaks of the name in HELO.
      if (!facts.null_sender) return facts.sender.domain_key();
      if (auto helo = mail::domain_key(facts.helo.name)) return *helo;
    }
    return settings_.network.of(facts.helo.connect.client.address);
  }
  static std::string name_of(const std::string& who, const smtp::MailFacts& facts,
                             const mail::Mailbox& recipient) {
    return Greylist::name(who, facts.null_sender ? "<>" : mail::sender_form(facts.sender), recipient.key());
  }

  /// If so many messages of it came through that all the others may.
  std::optional<GreylistRecord> known_client(const std::string& who, Memory& memory) const {
    if (settings_.auto_pass == 0) return std::nullopt;
    auto known = memory.greylist.find(Greylist::client_name(who), memory.now());
    if (known && known->passes < settings_.auto_pass) known.reset();
    return known;
  }

  Finding look(const std::string& who, const smtp::MailFacts& facts, const mail::Mailbox& recipient,
               Evidence& evidence) const {
    auto& memory = evidence.memory();
    const auto now = memory.now();
    if (const auto client = known_client(who, memory))
      return note("greylist.client_known", who + ": " + client->describe(now));
    const auto name = name_of(who, facts, recipient);
    const auto seen = memory.greylist.see(name, now, retry_);
    if (!seen) return note("greylist.full", "no room to remember it, so that it goes through");
    if (seen->passes > 0) return note("greylist.known", name + ": " + seen->describe(now));
    const auto age = seen->age(now);
    if (age >= window_) return note("greylist.passed", fmt::format("{}: after {} s", name, age));
    return deferral(name, window_ - age, recipient, evidence.suspicion());
  }

  static Finding deferral(const std::string& name, Second left, const mail::Mailbox& recipient,
                          const Suspicion& suspicion) {
    Finding finding;
    finding.verdict = Verdict::defer;
    finding.reply = smtp::reply(smtp::Say::greylisted, {recipient.text(), std::to_string(left)});
    finding.evidence = fmt::format("{}: {} s left", name, left);
    if (suspicion.any()) finding.evidence += "; suspicious: " + suspicion.because;
    return finding;
  }

  GreylistSettings settings_;
  Second window_;
  Second retry_;
  Second lifetime_;
};

class GreylistOptions final : public CheckOptions {
 public:
  GreylistOptions() : CheckOptions(Mode::observe) {}

  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "apply",
             .help = "To what mail: to such as another check has found something against, or to all."},
            settings_.apply);
    v.field(
        {.key = "score",
         .help = "Suspicious is what has so many points, or what a check would refuse; 0: whatever a check "
                 "found something against."},
        settings_.score);
    v.field({.key = "window", .help = "So long after the first attempt mail is deferred."}, settings_.window);
    v.field(
        {.key = "retry", .help = "The sender must have come back by then; else it is a first attempt again."},
        settings_.retry);
    v.field({.key = "lifetime", .help = "What came through is known for so long since the last time."},
            settings_.lifetime);
    v.field(
        {.key = "auto_pass",
         .help = "After so many messages that came through, all mail of a sender's domain (by SPF) or of a "
                 "network does; 0: never.",
         .max = 1000},
        settings_.auto_pass);
    settings_.network.visit(v);
  }

  void validate(const std::string& path, base::Problems& problems) const override {
    constexpr std::chrono::hours longest{400 * 24};
    constexpr std::chrono::hours day{24};
    const auto& s = settings_;
    if (s.window < std::chrono::seconds(1)) problems.error(path + ".window", "must be at least 1 s");
    if (s.retry <= s.window) problems.error(path + ".retry", "must be longer than window");
    if (s.lifetime < s.retry) problems.error(path + ".lifetime", "must not be shorter than retry");
    if (s.lifetime > longest) problems.error(path + ".lifetime", "must be at most 400 d");
    if (s.score < 0) problems.error(path + ".score", "must not be negative");
    if (s.retry > s.window && s.retry < day)
      problems.warning(path + ".retry", "mail of servers that try again once a day never comes through",
                       "make it more than a day");
  }

  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<GreylistCheck>(settings_);
  }

 private:
  GreylistSettings settings_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_greylist_options() {
  return std::make_unique<GreylistOptions>();
}

}  // namespace gatepost::checks
