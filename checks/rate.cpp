// rate: how much one client, or one sender's domain, does in a time, and how many sessions a client has open.
// It counts where things happen (opened, answered, transaction_ended); the stages only look.
#include <fmt/format.h>

#include "checks/client_network.hpp"
#include "checks/limit.hpp"
#include "checks/rule.hpp"
#include "checks/sender_identity.hpp"
#include "mail/organisational_domain.hpp"

namespace gatepost::checks {
namespace {

using smtp::Say;
using std::chrono::minutes;
using telemetry::Verdict;

struct Limits {
  std::int64_t concurrent = 50;
  Mode concurrent_mode = Mode::enforce;
  Limit sessions{600, minutes(10)};
  Limit messages{2000, minutes(10)};
  Limit recipients{10000, minutes(10)};
  Limit unknown{500, minutes(10)};
  Limit domain_messages;  // asks SPF, and all users of a large provider are one domain
  Limit domain_recipients;
  Rule over = Rule::defer();
  Limit refused{1000, minutes(60)};
  Rule persistent = Rule::off();
  ClientNetwork network;
};

/// One of the counts, and the limit it has.
struct Counted {
  state::SlidingCount Counts::*what;
  const Limit& limit;
  Say say;
};

/// Counts on, but not beyond the limit: what is refused, or would be, does not keep others out for longer.
/// False: the limit was reached already.
bool count(Memory& memory, const std::string& name, state::SlidingCount Counts::*what, const Limit& limit) {
  if (!limit.on()) return true;
  const auto now = memory.now();
  const auto window = limit.seconds();
  bool room = true;
  memory.rates.update(name, now, [&](Counts& counts) {
    room = (counts.*what).in(now, window) < limit.count;
    if (room) counts.add(what, now, window);
  });
  return room;
}

class Rate final : public Check {
 public:
  explicit Rate(const Limits& limits)
      : Check({smtp::Stage::connect, smtp::Stage::mail, smtp::Stage::rcpt}), limits_(limits) {}
  bool depends_on_client() const override { return true; }

  Findings connect(const smtp::ConnectFacts& facts, Evidence& evidence) const override {
    Findings findings{std::in_place};
    if (!evidence.admission().crowded) return findings;
    const auto client = limits_.network.of(facts.client.address);
    auto& finding = findings->emplace_back();
    finding.verdict = Verdict::drop;
    finding.mode = limits_.concurrent_mode;
    finding.reply = smtp::reply(Say::rate_concurrent, {std::to_string(limits_.concurrent), client});
    finding.evidence = fmt::format("{} sessions of {} are open already", limits_.concurrent, client);
    return findings;
  }

  /// Says nothing yet: SPF is asked ahead of time.
  Findings mail(const smtp::MailFacts& facts, Evidence& evidence) const override {
    if (limits_domains() && proven_sender(facts, evidence).pending) return std::nullopt;
    return Findings{std::in_place};
  }

  Findings rcpt(const smtp::RcptFacts& facts, Evidence& evidence) const override {
    const auto sender = limits_domains() ? proven_sender(facts.mail, evidence) : SenderIdentity{};
    if (sender.pending) return std::nullopt;
    Findings findings{std::in_place};
    auto finding = judge_client(facts.mail.helo.connect.client.address, evidence);
    if (!finding && !sender.domain.empty()) finding = judge_domain(sender.domain, evidence);
    if (finding) findings->push_back(std::move(*finding));
    return findings;
  }

  void opened(const smtp::ConnectFacts& facts, Evidence& evidence) const override {
    auto& admission = evidence.admission();
    const auto name = client_name(facts.client.address);
    if (limits_.concurrent > 0 && limits_.concurrent_mode != Mode::off) {
      admission.place = evidence.memory().crowd.enter(name, static_cast<std::uint32_t>(limits_.concurrent));
      admission.crowded = !admission.place;
      if (admission.crowded && limits_.concurrent_mode == Mode::enforce) return;
    }
    admission.too_many_sessions = !count(evidence.memory(), name, &Counts::sessions, limits_.sessions);
  }

  void answered(const smtp::RcptFacts& facts, const smtp::Reply* refusal, Evidence& evidence) const override {
    auto& memory = evidence.memory();
    const auto client = client_name(facts.mail.helo.connect.client.address);
    if (refusal == nullptr) {
      count(memory, client, &Counts::recipients, limits_.recipients);
      count_domain(facts.mail, &Counts::recipients, limits_.domain_recipients, evidence);
    } else if (refusal->token() == smtp::text_of(Say::unknown_recipient).token) {
      count(memory, client, &Counts::unknown, limits_.unknown);
    } else if (refusal->token().starts_with("rate.") && limits_.persistent.on()) {
      count(memory, client, &Counts::refused, limits_.refused);
    }
  }

  void transaction_ended(const smtp::MailFacts& facts, const smtp::TransactionRecord& record,
                         Evidence& evidence) const override {
    if (record.stage < smtp::Stage::data) return;
    count(evidence.memory(), client_name(facts.helo.connect.client.address), &Counts::messages,
          limits_.messages);
    count_domain(facts, &Counts::messages, limits_.domain_messages, evidence);
  }

 private:
  bool limits_domains() const { return limits_.domain_messages.on() || limits_.domain_recipients.on(); }
  std::string client_name(const base::IpAddress& client) const {
    return "client " + limits_.network.of(client);
  }
  /// A company's subdomains are one sender.
  static std::string whole_domain(const std::string& proven) {
    auto domain = mail::organisational_domain(proven, mail::PublicSuffixes::all);
    return domain.empty() ? proven : domain;
  }

  void count_domain(const smtp::MailFacts& facts, state::SlidingCount Counts::*what, const Limit& limit,
                    Evidence& evidence) const {
    if (!limit.on()) return;
    const auto sender = proven_sender(facts, evidence);
    if (!sender.domain.empty())
      count(evidence.memory(), "domain " + whole_domain(sender.domain), what, limit);
  }

  std::optional<Finding> judge_client(const base::IpAddress& client, Evidence& evidence) const {
    auto& memory = evidence.memory();
    const auto now = memory.now();
    const auto known = memory.rates.find(client_name(client), now);
    if (!known) return std::nullopt;
    const auto whose = limits_.network.of(client);
    if (limits_.persistent.on()) {
      const Counted refused{&Counts::refused, limits_.refused, Say::rate_persistent};
      if (auto finding = judge(refused, *known, now, whose, limits_.persistent)) return finding;
    }
    // Who was let in is not refused for those that came behind it.
    if (evidence.admission().too_many_sessions)
      return over({&Counts::sessions, limits_.sessions, Say::rate_sessions}, *known, now, whose,
                  limits_.over);
    const std::array<Counted, 3> all{{{&Counts::messages, limits_.messages, Say::rate_messages},
                                      {&Counts::recipients, limits_.recipients, Say::rate_recipients},
                                      {&Counts::unknown, limits_.unknown, Say::rate_unknown}}};
    return judge_each(all, *known, now, whose);
  }

  std::optional<Finding> judge_domain(const std::string& proven, Evidence& evidence) const {
    auto& memory = evidence.memory();
    const auto now = memory.now();
    const auto domain = whole_domain(proven);
    const auto known = memory.rates.find("domain " + domain, now);
    if (!known) return std::nullopt;
    const std::array<Counted, 2> all{
        {{&Counts::messages, limits_.domain_messages, Say::rate_domain_messages},
         {&Counts::recipients, limits_.domain_recipients, Say::rate_domain_recipients}}};
    return judge_each(all, *known, now, domain);
  }

  std::optional<Finding> judge_each(std::span<const Counted> all, const Counts& counts, state::Second now,
                                    const std::string& whose) const {
    for (const auto& counted : all) {
      if (auto finding = judge(counted, counts, now, whose, limits_.over)) return finding;
    }
    return std::nullopt;
  }

  static std::optional<Finding> judge(const Counted& counted, const Counts& counts, state::Second now,
                                      const std::string& whose, const Rule& rule) {
    const auto& limit = counted.limit;
    if (!rule.on() || !limit.on() || (counts.*counted.what).in(now, limit.seconds()) < limit.count)
      return std::nullopt;
    return over(counted, counts, now, whose, rule);
  }

  static std::optional<Finding> over(const Counted& counted, const Counts& counts, state::Second now,
                                     const std::string& whose, const Rule& rule) {
    if (!rule.on()) return std::nullopt;
    const auto& limit = counted.limit;
    const auto free = (counts.*counted.what).until_below(limit.count, now, limit.seconds());
    return finding_of(rule, counted.say, {whose, limit.in_words(), std::to_string(free)},
                      fmt::format("{}: {} of {}, free again in {} s", whose,
                                  (counts.*counted.what).in(now, limit.seconds()), limit.in_words(), free));
  }

  Limits limits_;
};

class RateOptions final : public CheckOptions {
 public:
  RateOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "concurrent",
             .help = "Sessions that one client may have open at the same time; the next is answered with 421 "
                     "4.7.0 in place of the banner. 0: any number.",
             .max = 1000000},
            limits_.concurrent);
    v.field({.key = "concurrent_mode", .help = "For `concurrent`, whatever the check's mode is."},
            limits_.concurrent_mode);
    v.field({.key = "sessions", .help = "Sessions per client and time."}, limits_.sessions);
    v.field({.key = "messages", .help = "Messages per client and time, whatever became of them."},
            limits_.messages);
    v.field({.key = "recipients", .help = "Accepted recipients per client and time."}, limits_.recipients);
    v.field({.key = "unknown",
             .help = "Unknown recipients per client and time. Beyond it the client is told to wait with all "
                     "recipients."},
            limits_.unknown);
    v.field({.key = "domain_messages",
             .help = "Messages per organisational domain of the sender and time, where SPF passes. With this "
                     "or the next SPF is asked, also where the check spf is off.",
             .example = "\"5000/10 min\""},
            limits_.domain_messages);
    v.field({.key = "domain_recipients",
             .help = "Accepted recipients per organisational domain of the sender and time, where SPF "
                     "passes.",
             .example = "\"20000/10 min\""},
            limits_.domain_recipients);
    v.field({.key = "over", .help = "What to do about recipients while a limit is reached."}, limits_.over);
    v.field({.key = "refused",
             .help = "A client with so many recipients refused for a rate does not take the hint; see "
                     "`persistent`."},
            limits_.refused);
    v.field({.key = "persistent",
             .help = "What to do about the recipients of such a client: answers with 4xx it takes for an "
                     "invitation."},
            limits_.persistent);
    limits_.network.visit(v);
  }
  void validate(const std::string& path, base::Problems& problems) const override {
    if (limits_.persistent.on() && !limits_.refused.on())
      problems.warning(path + ".persistent", "has no effect while `refused` is off");
    if (limits_.concurrent > 0 && limits_.concurrent < 5 && limits_.concurrent_mode == Mode::enforce)
      problems.warning(path + ".concurrent", "honest senders open a few connections at the same time");
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override { return std::make_unique<Rate>(limits_); }

 private:
  Limits limits_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_rate_options() {
  return std::make_unique<RateOptions>();
}

}  // namespace gatepost::checks
