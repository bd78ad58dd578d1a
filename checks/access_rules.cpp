#include "checks/access_rules.hpp"

#include <algorithm>

#include "checks/address_pattern.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {

using smtp::Stage;

namespace {

constexpr std::uint32_t none = UINT32_MAX;

bool any_name_matches(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return base::wildcard_match(pattern, name); });
}

bool all_taken(const std::vector<std::string>& patterns) {
  return !patterns.empty() && std::all_of(patterns.begin(), patterns.end(), PatternIndex::takes);
}

}  // namespace

std::uint32_t AccessRules::add_source(std::string name) {
  sources_.push_back(std::move(name));
  return static_cast<std::uint32_t>(sources_.size() - 1);
}

std::string AccessRules::name(std::uint32_t rule) const {
  const auto& stored = rules_[rule];
  return sources_[stored.source] + " " + std::to_string(stored.line);
}

void AccessRules::add(AccessRule rule, std::uint32_t source, std::uint32_t line) {
  const auto stage = rule.when.known_from();
  last_stage_ = std::max(last_stage_, stage);
  if (effects_.empty() || effects_.back() != rule.then) effects_.push_back(std::move(rule.then));
  index(rule.when, effects_.back().ends_the_search());
  rules_.push_back({rule.when.empty() ? nullptr : std::make_unique<AccessConditions>(std::move(rule.when)),
                    static_cast<std::uint32_t>(effects_.size() - 1), line, source, stage});
}

/// By the condition that is known first: so a rule is open until it is, whatever its other conditions say.
/// What the index has looked at is taken out of `when`.
void AccessRules::index(AccessConditions& when, bool ends_the_search) {
  const auto number = static_cast<std::uint32_t>(rules_.size());
  const std::array later{&when.helo, &when.sender, &when.recipient};
  const auto first =
      std::find_if(later.begin(), later.end(), [](const auto* patterns) { return !patterns->empty(); });
  if (!when.client.empty()) {
    for (const auto& network : when.client) clients_.add(network, number);
    when.client = {};
  } else if (first != later.end() && all_taken(**first)) {
    auto& by = by_pattern_[static_cast<std::size_t>(first - later.begin())];
    for (const auto& pattern : **first) by.patterns.add(pattern, number);
    if (ends_the_search) by.ending.push_back(number);
    **first = {};
  } else {
    tried_.push_back(number);
  }
}

/// Rules that are worth a comparison, in order.
AccessRules::Numbers AccessRules::candidates(const AccessFacts& facts) const {
  const auto& [helos, senders, recipients] = by_pattern_;
  Numbers found;
  clients_.find(facts.client, found);
  if (facts.helo != nullptr) helos.patterns.find_name(*facts.helo, found);
  if (facts.sender != nullptr) senders.patterns.find_address(*facts.sender, found);
  if (facts.recipient != nullptr) recipients.patterns.find_address(*facts.recipient, found);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (tried_.empty()) return found;
  Numbers all;
  all.reserve(found.size() + tried_.size());
  std::merge(found.begin(), found.end(), tried_.begin(), tried_.end(), std::back_inserter(all));
  return all;
}

/// The first of the rules whose indexed condition is not known yet that could end the search.
std::uint32_t AccessRules::first_open(const AccessFacts& facts) const {
  const std::array known{facts.helo, facts.sender, facts.recipient};
  auto first = none;
  for (std::size_t i = 0; i < known.size(); ++i) {
    if (known[i] != nullptr) continue;
    const auto& ending = by_pattern_[i].ending;
    const auto live =
        std::find_if(ending.begin(), ending.end(), [&](std::uint32_t rule) { return !is_past(rule, facts); });
    if (live != ending.end()) first = std::min(first, *live);
  }
  return first;
}

AccessRules::Match AccessRules::match(const AccessConditions& when, const AccessFacts& facts) {
  bool open = false;
  const auto fails = [&open](const auto& patterns, const std::string* value, auto any_matches) {
    if (patterns.empty()) return false;
    if (value == nullptr) open = true;
    return value != nullptr && !any_matches(patterns, *value);
  };
  if (fails(when.helo, facts.helo, any_name_matches) ||
      fails(when.sender, facts.sender, any_address_matches) ||
      fails(when.recipient, facts.recipient, any_address_matches))
    return Match::no;
  if (open) return Match::open;
  return when.client_name.empty() ? Match::yes : match_name(when.client_name, facts);
}

AccessRules::Match AccessRules::match_name(const std::vector<std::string>& patterns,
                                           const AccessFacts& facts) {
  const auto* name = facts.client_name();
  if (name == nullptr) return Match::awaited;
  if (name->state == ClientName::State::unknown) return Match::unknown;
  const auto confirmed = name->confirmed();
  return !confirmed.empty() && any_name_matches(patterns, confirmed) ? Match::yes : Match::no;
}

std::optional<std::vector<AccessHit>> AccessRules::apply(const AccessFacts& facts) const {
  std::vector<AccessHit> hits;
  const auto open_from = first_open(facts);
  for (const auto rule : candidates(facts)) {
    if (rule > open_from) break;
    if (is_past(rule, facts)) continue;
    const auto& when = rules_[rule].when;
    const auto result = when == nullptr ? Match::yes : match(*when, facts);
    if (result == Match::awaited) return std::nullopt;
    if (result == Match::no) continue;
    if (result != Match::open) hits.push_back({rule, result == Match::unknown});
    if (result != Match::unknown && effect(rule).ends_the_search()) break;
  }
  return hits;
}

}  // namespace gatepost::checks
