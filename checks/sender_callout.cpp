// sender_callout: does the sender's own mail server take the address? Asked in a conversation of ours with
// it, which ends before a message would come. Off unless switched on, since it makes work for others.
#include <algorithm>
#include <memory>

#include "checks/address_pattern.hpp"
#include "checks/rule.hpp"

namespace gatepost::checks {
namespace {

using smtp::Say;
using telemetry::Verdict;

constexpr base::Millis longest_wait = std::chrono::seconds(6);
constexpr base::Millis shortest_memory = std::chrono::minutes(1);
constexpr base::Millis longest_memory = std::chrono::hours(365 * 24);

struct Rules {
  Rule refused = Rule::reject();
  Rule no_bounces = Rule::note();
};

/// For people: what `gatepost explain` shows.
Findings nothing(std::string why) {
  Finding finding;
  finding.evidence = std::move(why);
  return Findings{std::in_place, {std::move(finding)}};
}

std::string in_words(const mail::Mailbox& sender, const CalloutAnswer& answer) {
  auto text = sender.text() + ": " + std::string(name_of(answer.result));
  if (!answer.words.empty()) text += ", " + answer.words;
  return text;
}

class SenderCallout final : public Check {
 public:
  SenderCallout(const Rules& rules, std::vector<std::string> excluded, CalloutSettings how)
      : Check({smtp::Stage::rcpt}),
        rules_(rules),
        excluded_(std::move(excluded)),
        how_(std::make_shared<const CalloutSettings>(std::move(how))) {
    if (const auto probe = mail::Mailbox::parse(how_->probe_sender)) probe_sender_ = probe->key();
  }

  /// Nobody else's server is troubled for mail that is refused anyway.
  bool asked_last() const override { return true; }

  Findings rcpt(const smtp::RcptFacts& facts, Evidence& evidence) const override {
    const auto& sender = facts.mail.sender;
    if (const auto why = spared(facts, evidence); !why.empty()) return nothing(std::string(why));
    const auto* answer = evidence.callout({sender, facts.mail.helo.connect.client.address, how_});
    if (answer == nullptr) return std::nullopt;
    auto said = in_words(sender, *answer);
    switch (answer->result) {
      case CalloutResult::refused:
        return found(rules_.refused, Say::callout_refused, sender, *answer, std::move(said), evidence);
      case CalloutResult::sender_refused:
        if (!how_->probe_sender.empty()) return unknown(sender, std::move(said), evidence);
        return found(rules_.no_bounces, Say::callout_no_bounces, sender, *answer, std::move(said), evidence);
      case CalloutResult::unknown: return unknown(sender, std::move(said), evidence);
      default: return nothing(std::move(said));
    }
  }

  /// Deferrals are counted once for each message.
  void transaction_ended(const smtp::MailFacts& facts, const smtp::TransactionRecord& record,
                         Evidence& evidence) const override {
    const auto deferred = [](const smtp::RecipientAnswer& answer) {
      return answer.reply.token() == smtp::text_of(Say::callout_unavailable).token;
    };
    if (!std::any_of(record.recipients.begin(), record.recipients.end(), deferred)) return;
    auto& memory = evidence.memory();
    count_deferral(memory.callouts, facts.sender, memory.now());
  }

 private:
  /// Why nobody is asked about this mail, or empty.
  std::string_view spared(const smtp::RcptFacts& facts, const Evidence& evidence) const {
    const auto& sender = facts.mail.sender;
    const auto& domain = sender.domain_key();
    if (facts.mail.null_sender || domain.empty()) return "a bounce has no sender";
    if (domain.starts_with('[')) return "an address literal has no mail server to be asked";
    if (sender.non_ascii()) return "only servers with SMTPUTF8 could be asked";
    if (evidence.ours(domain)) return "one of our own domains";
    const auto key = sender.key();
    if (any_address_matches(excluded_, key)) return "an excluded domain";
    if (probe_sender_.empty()) return {};
    // Two servers that ask each other would go on asking.
    if (key == probe_sender_) return "a probe of our own";
    if (facts.recipient.key() == probe_sender_) return "it goes to the sender of our probes";
    return {};
  }

  static Findings found(const Rule& rule, Say say, const mail::Mailbox& sender, const CalloutAnswer& answer,
                        std::string said, const Evidence& evidence) {
    if (!rule.on()) return nothing(std::move(said));
    auto finding = finding_of(rule, say, {sender.text(), answer.words}, std::move(said));
    finding.rests_on = {evidence.resolver()};  // it said who the mail server is
    return Findings{std::in_place, {std::move(finding)}};
  }

  /// Whose server never says anything is not to be deferred for ever.
  static Findings unknown(const mail::Mailbox& sender, std::string said, Evidence& evidence) {
    auto finding = cannot_know(Say::callout_unavailable, {sender.text()}, std::move(said));
    auto& memory = evidence.memory();
    if (deferrals(memory.callouts, sender, memory.now()) >= CalloutRecord::most_deferrals) {
      finding.verdict = Verdict::annotate;
      finding.reply.reset();
      finding.evidence += "; not deferred any more";
    }
    return Findings{std::in_place, {std::move(finding)}};
  }

  Rules rules_;
  std::vector<std::string> excluded_;
  std::shared_ptr<const CalloutSettings> how_;
  std::string probe_sender_;  ///< its key; empty: the null one
};

class SenderCalloutOptions final : public CheckOptions {
 public:
  SenderCalloutOptions() : CheckOptions(Mode::off) {}

  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "refused", .help = "The sender's mail server refuses the address with 5xx."},
            rules_.refused);
    v.field({.key = "no_bounces",
             .help = "It refuses MAIL FROM:<> with 5xx, and so all bounces. With probe_sender that is not "
                     "asked."},
            rules_.no_bounces);
    v.field(
        {.key = "excluded_domains",
         .help = "Nobody is asked about senders in these domains: domain, *.domain, user@domain; * stands "
                 "for any characters. Big providers that dislike callouts belong here.",
         .example = "[\"*.example.com\"]"},
        excluded_);
    v.field({.key = "probe_sender",
             .help = "Our sender in MAIL, for servers that take no mail without one. It must be an address "
                     "that takes mail. Empty: the null sender <>, as is right for all others.",
             .example = "\"postmaster@example.org\""},
            how_.probe_sender);
    v.field({.key = "wait",
             .help = "A session waits so long, at most 6 s; then on_error holds, and the probe goes on, so "
                     "that the next try finds its answer."},
            how_.wait);
    v.field({.key = "probe_time", .help = "A probe is given up after this time."}, how_.probe_time);
    v.field({.key = "keep_taken", .help = "An address that is taken is not asked about again so long."},
            how_.keep_taken);
    v.field({.key = "keep_refused", .help = "An address that is refused, likewise."}, how_.keep_refused);
    v.field({.key = "keep_domain",
             .help = "Whether a domain's server refuses addresses that were made up is remembered so long."},
            how_.keep_domain);
    v.field({.key = "keep_unknown",
             .help = "A server that could not be reached or said 4xx is left alone so long."},
            how_.keep_unknown);
    v.field({.key = "max_probes",
             .help = "Conversations with other servers at the same time, and one per domain.",
             .min = 1,
             .max = 1000},
            how_.max_probes);
    v.field(
        {.key = "max_per_domain",
         .help = "Addresses of one domain that its server is asked about in an hour; of others nothing is "
                 "known meanwhile.",
         .min = 1,
         .max = 60000},
        how_.max_per_domain);
    v.field({.key = "port", .help = "Where mail servers are asked; for tests.", .min = 1, .max = 65535},
            how_.port);
    v.field(
        {.key = "probe_private", .help = "Ask servers with private or loopback addresses, too; for tests."},
        how_.probe_private);
  }

  void validate(const std::string& path, base::Problems& problems) const override {
    const auto within = [&](const char* key, base::Millis value, base::Millis least, base::Millis most) {
      if (value >= least && value <= most) return;
      const auto print = base::TextForm<base::Millis>::print;
      problems.error(path + "." + key, "must be " + print(least) + " to " + print(most));
    };
    within("wait", how_.wait, std::chrono::seconds(1), longest_wait);
    within("probe_time", how_.probe_time, std::chrono::seconds(10), std::chrono::minutes(10));
    within("keep_taken", how_.keep_taken, shortest_memory, longest_memory);
    within("keep_refused", how_.keep_refused, shortest_memory, longest_memory);
    within("keep_domain", how_.keep_domain, shortest_memory, longest_memory);
    within("keep_unknown", how_.keep_unknown, shortest_memory, longest_memory);
    validate_address_patterns(excluded_, path + ".excluded_domains", problems);
    if (!how_.probe_sender.empty() && !mail::Mailbox::parse(how_.probe_sender))
      problems.error(path + ".probe_sender", "is no mail address");
  }

  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<SenderCallout>(rules_, excluded_, how_);
  }

 private:
  Rules rules_;
  std::vector<std::string> excluded_;
  CalloutSettings how_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_sender_callout_options() {
  return std::make_unique<SenderCalloutOptions>();
}

}  // namespace gatepost::checks
