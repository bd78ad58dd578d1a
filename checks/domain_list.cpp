// domain_list: DNS lists of domains, asked about the names that a client goes by: its confirmed host name,
// its HELO name and the sender's domain.
#include <algorithm>
#include <array>
#include <set>

#include "checks/listing.hpp"
#include "checks/policy.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

/// A name of the client's, in the order in which they become known.
enum class Identity { client_name, helo, sender };

}  // namespace
}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::Identity> {
  static constexpr std::array<std::string_view, 3> names{"client_name", "helo", "sender"};
  static constexpr std::string_view form = "\"client_name\", \"helo\" or \"sender\"";
  static std::string parse(std::string_view in, checks::Identity& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const checks::Identity& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

}  // namespace gatepost::base

namespace gatepost::checks {
namespace {

struct DomainListOptions : ListOptions {
  std::vector<Identity> lookup{Identity::client_name, Identity::helo, Identity::sender};

  DomainListOptions() { error_codes.push_back(*CodeSet::parse("127.0.1.255")); }
  void visit(base::Visitor& v) {
    ListOptions::visit(v);
    v.field({.key = "lookup",
             .help = "Which names it is asked about: the client's host name (PTR, confirmed), the HELO name, "
                     "the sender's domain."},
            lookup);
  }
};

struct Name {
  Identity identity;
  std::string_view name;  ///< as somebody said it, or as DNS has it
};

/// Is `domain`, an entry of lists, the entry for a name?
bool is_entry_of(std::string_view domain, std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return base::iequals(domain, name);
}

class DomainList final : public Check {
 public:
  DomainList(const std::vector<DomainListOptions>& lists, ListingPolicy policy)
      : Check({smtp::Stage::connect, smtp::Stage::helo, smtp::Stage::mail}), policy_(policy) {
    for (const auto& options : lists)
      lists_.push_back({std::make_unique<const DnsList>(options, Holds::domains), options.lookup});
  }

  std::vector<WitnessPtr> witnesses() const override {
    std::vector<WitnessPtr> all;
    for (const auto& entry : lists_) all.push_back(entry.list->witness());
    return all;
  }

  Findings connect(const smtp::ConnectFacts& facts, Evidence& evidence) const override {
    return find(names(facts, evidence), Identity::client_name, evidence);
  }
  Findings helo(const smtp::HeloFacts& facts, Evidence& evidence) const override {
    return find(names(facts, evidence), Identity::helo, evidence);
  }
  Findings mail(const smtp::MailFacts& facts, Evidence& evidence) const override {
    auto known = names(facts.helo, evidence);
    if (known && !facts.null_sender) known->push_back({Identity::sender, facts.sender.domain_key()});
    return find(known, Identity::sender, evidence);
  }

 private:
  struct Entry {
    std::unique_ptr<const DnsList> list;
    std::vector<Identity> lookup;
    bool wants(Identity identity) const {
      return std::find(lookup.begin(), lookup.end(), identity) != lookup.end();
    }
  };
  /// As far as they are known; nothing while the client's is being looked up.
  using Names = std::optional<std::vector<Name>>;

  Names names(const smtp::ConnectFacts& facts, Evidence& evidence) const {
    std::vector<Name> names;
    const auto& client = facts.client.address;
    const bool wanted = std::any_of(lists_.begin(), lists_.end(),
                                    [](const Entry& entry) { return entry.wants(Identity::client_name); });
    if (!wanted || !is_real_client(client, evidence.site().real_clients)) return names;
    const auto* name = evidence.client_name(client);
    if (name == nullptr) return std::nullopt;
    names.push_back({Identity::client_name, name->confirmed()});
    return names;
  }
  Names names(const smtp::HeloFacts& facts, Evidence& evidence) const {
    auto known = names(facts.connect, evidence);
    if (known) known->push_back({Identity::helo, facts.name});
    return known;
  }

  /// The lists for the last name, whose entry is `domain`; not those that were asked about it under another
  /// identity, so that a listing counts once.
  std::vector<const DnsList*> lists_for(const std::vector<Name>& names, std::string_view domain) const {
    const auto& name = names.back();
    std::vector<const DnsList*> lists;
    for (const auto& entry : lists_) {
      const bool asked = std::any_of(names.begin(), names.end() - 1, [&](const Name& earlier) {
        return entry.wants(earlier.identity) && is_entry_of(domain, earlier.name);
      });
      if (entry.wants(name.identity) && !asked) lists.push_back(entry.list.get());
    }
    return lists;
  }

  Findings find(const Names& names, Identity identity, Evidence& evidence) const {
    if (!names) return std::nullopt;
    if (names->empty() || names->back().identity != identity) return Findings{std::in_place};
    const auto domain = domain_entry(names->back().name);
    if (!domain) return Findings{std::in_place};
    const Subject subject{*domain, *domain};
    const auto listings = look_up(lists_for(*names, *domain), subject, evidence);
    if (!listings) return std::nullopt;
    if (listings->none()) return Findings{std::in_place};
    const ListingWords words{smtp::Say::domain_listed, "domain_list.below_threshold", "domain_list.no_answer",
                             "domain_list.list_error", said_of(identity) + *domain};
    impeach_failing(*listings, evidence);
    auto findings = judge(*listings, policy_, subject, words);
    for (auto& finding : findings) finding.evidence.insert(0, words.subject + ": ");
    return findings;
  }

  static std::string said_of(Identity identity) {
    switch (identity) {
      case Identity::client_name: return "the client's name ";
      case Identity::helo: return "the HELO name ";
      case Identity::sender: return "the sender's domain ";
    }
    return {};
  }

  std::vector<Entry> lists_;
  ListingPolicy policy_;
};

class DomainListCheckOptions final : public CheckOptions {
 public:
  DomainListCheckOptions() : CheckOptions(Mode::observe) {}

  void visit(base::Visitor& v) override {
    visit_mode(v);
    policy_.visit(v);
    v.list({.key = "lists", .help = "DNS lists of domains. They are never asked about addresses."}, lists_);
  }
  void validate(const std::string& path, base::Problems& problems) const override {
    policy_.validate(path, problems);
    if (lists_.empty() && mode == Mode::enforce)
      problems.warning(path + ".mode", "no list is named, so that nothing is refused",
                       "add [[" + path + ".lists]]");
    std::set<std::string> names;
    for (std::size_t i = 0; i < lists_.size(); ++i) {
      const auto& list = lists_[i];
      const auto at = path + ".lists[" + std::to_string(i) + "]";
      list.validate(at, std::array{Holds::domains}, problems);
      if (list.lookup.empty()) problems.error(at + ".lookup", "without names the list is never asked");
      if (!names.insert(list.shown_name()).second)
        problems.error(at, "there is another list of this name", "give it a name of its own");
    }
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<DomainList>(lists_, policy_);
  }

 private:
  ListingPolicy policy_;
  std::vector<DomainListOptions> lists_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_domain_list_options() {
  return std::make_unique<DomainListCheckOptions>();
}

}  // namespace gatepost::checks
