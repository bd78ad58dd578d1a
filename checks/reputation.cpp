// reputation: who has done mostly bad things here of late is judged by them, until they have faded.
#include <algorithm>

#include <fmt/format.h>

#include "checks/bulk_senders.hpp"
#include "checks/check.hpp"
#include "checks/deeds.hpp"
#include "checks/rule.hpp"
#include "checks/sender_identity.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using smtp::Say;
using state::Second;

/// A network is more than its worst customer: so many of its addresses must have done something bad.
constexpr int bad_places_needed = 3;

struct Settings {
  Rule client = Rule::points(3);
  Rule network = Rule::points(1);
  Rule sender_domain = Rule::points(2);
  Rule sender = Rule::points(3);
  double bad_share = 0.8;
  std::int64_t min_events = 10;
  std::vector<std::string> bulk_senders = known_bulk_senders();
  std::vector<std::string> more_bulk_senders;

  ReputeLimits limits() const { return {bad_share, static_cast<double>(min_events)}; }
  bool judges_senders() const { return sender_domain.on() || sender.on(); }
};

/// What is known of those who bring a mail, looked at by the settings.
class Judgement {
 public:
  Judgement(const Settings& settings, Evidence& evidence)
      : settings_(settings), reputation_(evidence.memory().reputation), now_(evidence.memory().now()) {}

  /// By its own deeds, or else by those of its neighbours.
  void judge(const base::IpAddress& client) {
    const auto own = reputation_.of_address(client, now_);
    const bool bad = own.is_bad(limits_, now_);
    if (bad && settings_.client.on())
      return find(settings_.client, Say::reputation_client, "address", client_in_words(client), own);
    if (bad || !settings_.network.on() || deserves_better(own)) return;
    const auto network = reputation_.of_network(client, now_);
    const auto places = network.places(now_);
    if (network.is_bad(limits_, now_) && places.bad >= bad_places_needed &&
        places.bad >= settings_.bad_share * places.all)
      find(settings_.network, Say::reputation_network, "network", network_in_words(client), network);
  }

  /// Likewise.
  void judge(const mail::Mailbox& sender) {
    const auto own = reputation_.of_sender(sender, now_);
    const bool bad = own.is_bad(limits_, now_);
    if (bad && settings_.sender.on())
      return find(settings_.sender, Say::reputation_sender, "sender", sender_in_words(sender), own);
    if (!settings_.sender_domain.on() || (!bad && deserves_better(own))) return;
    const auto domain = reputation_.of_domain(sender, now_);
    if (domain.is_bad(limits_, now_))
      find(settings_.sender_domain, Say::reputation_sender_domain, "domain", sender_organisation(sender),
           domain);
  }

  std::vector<Finding> take() { return std::move(found_); }

 private:
  /// Mail of its own was delivered: then others do not stand for it.
  bool deserves_better(const Repute& own) const { return own.trust(now_) >= 0.5F; }

  void find(const Rule& rule, Say say, std::string_view kind, const std::string& whose,
            const Repute& repute) {
    const auto bad = repute.bad(now_);
    const auto all = bad + repute.good(now_);
    const auto ends = about(repute.ends(limits_, now_) - now_);
    const auto bad_text = fmt::format("{:.0f}", bad);
    const auto all_text = fmt::format("{:.0f}", all);
    found_.push_back(finding_of(
        rule, say, {whose, bad_text, all_text, ends},
        fmt::format("{} {}: {:.1f} bad of {:.1f} events, {:.0f} % with trust {:.1f}; from {:g} % of at least "
                    "{:g} on it counts; ends in {}",
                    kind, whose, bad, all, 100 * bad / (all + repute.trust(now_)), repute.trust(now_),
                    100 * limits_.bad_share, limits_.min_events, ends)));
  }

  const Settings& settings_;
  const Reputation& reputation_;
  const Second now_;
  const ReputeLimits limits_ = settings_.limits();
  std::vector<Finding> found_;
};

class ReputationCheck final : public Check {
 public:
  explicit ReputationCheck(Settings settings)
      : Check({smtp::Stage::mail, smtp::Stage::rcpt}), settings_(std::move(settings)) {
    auto& all = settings_.bulk_senders;
    all.insert(all.end(), settings_.more_bulk_senders.begin(), settings_.more_bulk_senders.end());
  }
  bool depends_on_client() const override { return true; }

  /// Who the sender is will be wanted at RCPT and when the transaction has ended.
  Findings mail(const smtp::MailFacts& facts, Evidence& evidence) const override {
    if (settings_.judges_senders() && proven_sender(facts, evidence).pending) return std::nullopt;
    return Findings{std::in_place};
  }

  Findings rcpt(const smtp::RcptFacts& facts, Evidence& evidence) const override {
    const auto& mail = facts.mail;
    const auto& client = mail.helo.connect.client.address;
    Judgement judgement(settings_, evidence);
    judgement.judge(client);
    if (settings_.judges_senders()) {
      const auto sender = proven_sender(mail, evidence);
      if (sender.pending) return std::nullopt;
      if (!sender.domain.empty()) judgement.judge(mail.sender);
    }
    return unless_bulk(client, judgement.take(), evidence);
  }

  void transaction_ended(const smtp::MailFacts& facts, const smtp::TransactionRecord& record,
                         Evidence& evidence) const override {
    const bool already_known = evidence.suspicion().because.find("reputation.") != std::string::npos;
    const auto deeds = deeds_of(facts, record, already_known);
    if (deeds.none()) return;
    auto& memory = evidence.memory();
    memory.reputation.add(facts.helo.connect.client.address, deeds, memory.now());
    // Before RCPT nobody has waited to learn who the sender is.
    if (!settings_.judges_senders() || record.stage < smtp::Stage::rcpt) return;
    if (!proven_sender(facts, evidence).domain.empty())
      memory.reputation.add(facts.sender, deeds, memory.now());
  }

  void closed(const smtp::HeloFacts& facts, const smtp::SessionTotals& totals,
              Evidence& evidence) const override {
    const auto deeds = deeds_of(facts.connect, totals);
    auto& memory = evidence.memory();
    if (!deeds.none()) memory.reputation.add(facts.connect.client.address, deeds, memory.now());
  }

 private:
  /// The name is only asked for where there is something that it could spare the client.
  Findings unless_bulk(const base::IpAddress& client, std::vector<Finding> found, Evidence& evidence) const {
    if (found.empty() || settings_.bulk_senders.empty()) return found;
    const auto* name = evidence.client_name(client);
    if (name == nullptr) return std::nullopt;
    if (name->state == ClientName::State::unknown)
      return std::vector{cannot_know(Say::ptr_unavailable, {client.to_string()}, name->why)};
    const auto confirmed = name->confirmed();
    const auto& patterns = settings_.bulk_senders;
    const bool bulk =
        !confirmed.empty() && std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
          return base::wildcard_match(pattern, confirmed);
        });
    if (bulk) found.clear();
    return found;
  }

  Settings settings_;
};

class ReputationOptions final : public CheckOptions {
 public:
  ReputationOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "client", .help = "The client's address (IPv6: its /64) did mostly bad things of late."},
            settings_.client);
    v.field({.key = "network",
             .help = "Its network (/24, IPv6: /48) did, from several addresses, and nothing good is known of "
                     "the address itself."},
            settings_.network);
    v.field({.key = "sender_domain",
             .help = "The sender's registered domain did, as far as SPF proved that it was the domain."},
            settings_.sender_domain);
    v.field({.key = "sender", .help = "The sender's address did, likewise."}, settings_.sender);
    v.field({.key = "bad_share", .help = "What share of the events must have been bad (0.5 to 1)."},
            settings_.bad_share);
    v.field({.key = "min_events", .help = "Fewer events of late say nothing.", .min = 3, .max = 80},
            settings_.min_events);
    v.field(
        {.key = "bulk_senders",
         .help = "Confirmed host names of clients that send for very many, against which nothing is held; "
                 "* stands for any characters. Replaces the list that is built in."},
        settings_.bulk_senders);
    v.field({.key = "more_bulk_senders",
             .help = "More of them, behind that list.",
             .example = "[\"*.newsletters.example\"]"},
            settings_.more_bulk_senders);
  }
  void validate(const std::string& path, base::Problems& problems) const override {
    CheckOptions::validate(path, problems);
    if (!(settings_.bad_share >= 0.5 && settings_.bad_share <= 1))
      problems.error(path + ".bad_share", "must be from 0.5 to 1");
    validate_names(settings_.bulk_senders, path + ".bulk_senders", problems);
    validate_names(settings_.more_bulk_senders, path + ".more_bulk_senders", problems);
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<ReputationCheck>(settings_);
  }

 private:
  static void validate_names(const std::vector<std::string>& names, const std::string& path,
                             base::Problems& problems) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].find('.') == std::string::npos || names[i].find(' ') != std::string::npos)
        problems.error(fmt::format("{}[{}]", path, i), "must be a host name or a pattern of host names",
                       "like \"*.example.com\"");
    }
  }

  Settings settings_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_reputation_options() {
  return std::make_unique<ReputationOptions>();
}

}  // namespace gatepost::checks
