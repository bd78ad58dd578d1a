// harvest: a client that tries out addresses is answered slowly, then not at all. It goes by what the client
// did in all its sessions, so that coming back does not help.
#include <fmt/format.h>

#include "checks/check.hpp"
#include "checks/client_network.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using smtp::Say;
using telemetry::Verdict;

struct Settings {
  std::int64_t slow_after = 10;
  base::Millis delay = std::chrono::seconds(5);
  std::int64_t stop_after = 30;
  std::int64_t share = 50;
  base::Millis window = std::chrono::hours(1);
  ClientNetwork network;
};

class Harvest final : public Check {
 public:
  explicit Harvest(const Settings& settings) : Check({smtp::Stage::rcpt}), settings_(settings) {}
  bool depends_on_client() const override { return true; }

  /// Not at MAIL, where nobody knows yet whether the mail is for postmaster.
  Findings rcpt(const smtp::RcptFacts& facts, Evidence& evidence) const override {
    Findings findings{std::in_place};
    auto& memory = evidence.memory();
    const auto now = memory.now();
    const auto counts = memory.rates.find(name_of(facts.mail.helo.connect.client.address), now);
    if (!counts) return findings;
    const auto unknown = static_cast<std::int64_t>(counts->unknown.in(now, window()));
    const auto named = static_cast<std::int64_t>(counts->recipients.in(now, window()));
    if (unknown * 100 < named * settings_.share) return findings;
    const bool slow = settings_.slow_after > 0 && unknown >= settings_.slow_after;
    const bool stop = settings_.stop_after > 0 && unknown >= settings_.stop_after;
    if (!slow && !stop) return findings;
    auto& finding = findings->emplace_back(stop ? refuse(facts) : note());
    if (slow && finding.verdict != Verdict::drop) finding.delay = settings_.delay;
    finding.evidence = explain(facts, unknown, named, finding.delay);
    return findings;
  }

  /// What is named is counted from the first unknown recipient on: most clients never name one.
  void answered(const smtp::RcptFacts& facts, const smtp::Reply* refusal, Evidence& evidence) const override {
    const bool unknown =
        refusal != nullptr && refusal->token() == smtp::text_of(Say::unknown_recipient).token;
    if (refusal != nullptr && !unknown) return;
    auto& memory = evidence.memory();
    const auto now = memory.now();
    const auto name = name_of(facts.mail.helo.connect.client.address);
    if (!unknown && !memory.rates.find(name, now)) return;
    memory.rates.update(name, now, [&](Counts& counts) {
      counts.add(&Counts::recipients, now, window());
      if (unknown) counts.add(&Counts::unknown, now, window());
    });
  }

 private:
  state::Second window() const { return static_cast<state::Second>(settings_.window.count() / 1000); }
  /// A count is forgotten then at the latest: it goes by thirds of the window.
  state::Second longest() const { return window() / 3 * 4; }
  std::string name_of(const base::IpAddress& client) const {
    return "harvest " + settings_.network.of(client);
  }

  /// Who was accepted before shall get the mail: the connection ends behind it.
  Finding refuse(const smtp::RcptFacts& facts) const {
    const auto client = settings_.network.of(facts.mail.helo.connect.client.address);
    Finding finding;
    finding.veils = true;
    if (facts.accepted.empty()) {
      finding.verdict = Verdict::drop;
      finding.reply = smtp::reply(Say::harvest_stopped, {client, base::duration_in_words(longest())});
    } else {
      finding.verdict = Verdict::defer;
      finding.reply = smtp::reply(Say::harvest_later, {facts.recipient.text(), client});
    }
    return finding;
  }

  static Finding note() {
    Finding finding;
    finding.verdict = Verdict::annotate;
    finding.reason = "harvest.slow";
    return finding;
  }

  /// "203.0.113.9: 12 of 14 recipients are unknown, in 1 h; delay 5 s"
  std::string explain(const smtp::RcptFacts& facts, std::int64_t unknown, std::int64_t named,
                      base::Millis delay) const {
    using Time = base::TextForm<base::Millis>;
    auto text = fmt::format("{}: {} of {} recipients are unknown, in {}",
                            settings_.network.of(facts.mail.helo.connect.client.address), unknown, named,
                            Time::print(settings_.window));
    if (delay > base::Millis{0}) text += "; delay " + Time::print(delay);
    return text;
  }

  Settings settings_;
};

class HarvestOptions final : public CheckOptions {
 public:
  HarvestOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "slow_after",
             .help = "From so many unknown recipients of one client within `window` on its RCPT are answered "
                     "after `delay`. 0: never.",
             .max = 60000},
            settings_.slow_after);
    v.field({.key = "delay", .help = "How long an answer is held back; see also smtp.max_slowed."},
            settings_.delay);
    v.field({.key = "stop_after",
             .help = "From so many on nothing is told any more: 452 4.5.3 where the transaction has an "
                     "accepted recipient, else 421 and the connection is closed. 0: never.",
             .max = 60000},
            settings_.stop_after);
    v.field({.key = "share",
             .help = "Only if at least so many percent of the recipients that the client named within "
                     "`window` were unknown. 0: always.",
             .max = 100},
            settings_.share);
    v.field({.key = "window", .help = "10 s to 1 d."}, settings_.window);
    settings_.network.visit(v);
  }
  void validate(const std::string& path, base::Problems& problems) const override {
    if (settings_.window < std::chrono::seconds(10) || settings_.window > std::chrono::hours(24))
      problems.error(path + ".window", "must be from 10 s to 1 d");
    if (settings_.delay > std::chrono::seconds(60))
      problems.error(path + ".delay", "must be at most 60 s: senders wait 5 minutes for an answer to RCPT");
    if (settings_.stop_after > 0 && settings_.stop_after < settings_.slow_after)
      problems.warning(path + ".stop_after", "is below slow_after, so that nobody is slowed first");
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<Harvest>(settings_);
  }

 private:
  Settings settings_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_harvest_options() {
  return std::make_unique<HarvestOptions>();
}

}  // namespace gatepost::checks
