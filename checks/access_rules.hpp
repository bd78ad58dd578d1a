// The operator's rules in order: which of them apply to what is known, without trying all of them.
//
// A rule is found by the condition that is known first, if its networks, names or addresses can be looked up
// (NetworkIndex, PatternIndex); its other conditions are then compared. Only rules whose first condition is
// a pattern with other wildcards, or whose only one is the client's name, are tried one after the other.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checks/access_rule.hpp"
#include "checks/client_name.hpp"
#include "checks/network_index.hpp"
#include "checks/pattern_index.hpp"

namespace gatepost::checks {

/// What is known so far, each as one finds it in rules; null where it is not known yet.
struct AccessFacts {
  const base::IpAddress& client;
  const std::string* helo = nullptr;
  const std::string* sender = nullptr;
  const std::string* recipient = nullptr;
  std::chrono::sys_seconds now;
  /// Asked only when nothing else is left to know about a rule. Null while DNS has not answered.
  std::function<const ClientName*()> client_name;
};

/// A rule that applies, or that would if the client had a certain name, which DNS does not tell at the
/// moment.
struct AccessHit {
  std::uint32_t rule;
  bool unknown = false;
  auto operator<=>(const AccessHit&) const = default;
};

class AccessRules {
 public:
  /// The next rule in order; `source`, an index into what add_source() took, and `line` say where it stands.
  void add(AccessRule rule, std::uint32_t source, std::uint32_t line);
  /// What rules of a source are called in front of their line: "rule", "blocked.csv line".
  std::uint32_t add_source(std::string name);
  /// To be called once, behind the last add().
  void build() { clients_.build(); }

  /// The rules that apply, in order: all up to the first that ends the search, but none behind one that could
  /// still end it when more is known. What applies once does so with more facts too. Nothing while DNS has
  /// not answered.
  std::optional<std::vector<AccessHit>> apply(const AccessFacts& facts) const;

  const AccessEffect& effect(std::uint32_t rule) const { return effects_[rules_[rule].effect]; }
  /// The stage whose facts decide about it.
  smtp::Stage stage(std::uint32_t rule) const { return rules_[rule].stage; }
  /// "rule 3", "blocked.csv line 17".
  std::string name(std::uint32_t rule) const;
  bool empty() const { return rules_.empty(); }
  /// The facts of later stages change nothing.
  smtp::Stage last_stage() const { return last_stage_; }

 private:
  using Numbers = std::vector<std::uint32_t>;
  struct Stored {
    std::unique_ptr<const AccessConditions> when;  ///< that are still to be compared, if any
    std::uint32_t effect;
    std::uint32_t line;
    std::uint32_t source;
    smtp::Stage stage;
  };
  enum class Match { no, yes, open, unknown, awaited };

  void index(AccessConditions& when, bool ends_the_search);
  Numbers candidates(const AccessFacts& facts) const;
  std::uint32_t first_open(const AccessFacts& facts) const;
  static Match match(const AccessConditions& when, const AccessFacts& facts);
  static Match match_name(const std::vector<std::string>& patterns, const AccessFacts& facts);
  bool is_past(std::uint32_t rule, const AccessFacts& facts) const {
    return effect(rule).expires.is_past(facts.now);
  }

  struct ByPattern {
    PatternIndex patterns;
    Numbers ending;  ///< those of its rules that end the search, in order
  };

  std::vector<Stored> rules_;
  std::deque<AccessEffect> effects_;  ///< rules with the same effect in a row share it
  std::vector<std::string> sources_;
  NetworkIndex clients_;
  std::array<ByPattern, 3> by_pattern_;  ///< HELO names, senders, recipients
  Numbers tried_;                        ///< rules that no index finds, in order
  smtp::Stage last_stage_ = smtp::Stage::connect;
};

}  // namespace gatepost::checks
