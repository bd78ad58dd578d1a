// One of the operator's own rules, as the configuration or a file says it.
#pragma once

#include <array>
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/text_forms.hpp"
#include "smtp/stage.hpp"

namespace gatepost::checks {

enum class AccessAction { allow, deny, defer, exempt };

/// Until when something holds: "2027-01-31" (to the end of that day) or "2027-01-31T12:00:00Z", in UTC.
struct Expiry {
  std::chrono::sys_seconds at = std::chrono::sys_seconds::max();  ///< max(): for ever

  bool is_past(std::chrono::sys_seconds now) const { return now >= at; }
  bool operator==(const Expiry&) const = default;
};

/// All that are there must hold; one with several values holds if one of them does.
struct AccessConditions {
  std::vector<base::Network> client;
  std::vector<std::string> client_name;  ///< of the confirmed host name
  std::vector<std::string> helo;
  std::vector<std::string> sender;  ///< see address_matches()
  std::vector<std::string> recipient;

  bool operator==(const AccessConditions&) const = default;
  bool empty() const { return *this == AccessConditions{}; }
  /// From which stage on all of them can be known.
  smtp::Stage known_from() const;
};

/// What a rule does.
struct AccessEffect {
  AccessAction action = AccessAction::deny;
  std::string text;                 ///< for the sender, of deny and defer
  std::vector<std::string> checks;  ///< of exempt
  Expiry expires;
  std::string note;

  bool operator==(const AccessEffect&) const = default;
  /// No rule behind this one is looked at.
  bool ends_the_search() const { return action != AccessAction::exempt; }
};

struct AccessRule {
  AccessConditions when;
  AccessEffect then;

  void visit(base::Visitor& v);
};

struct AccessMistake {
  std::string field;  ///< empty: the rule as a whole
  std::string message;
  std::string hint;
};

/// What is wrong with an effect; `exemptable`: the checks that a rule may exempt from.
std::vector<AccessMistake> mistakes_in(const AccessEffect& effect,
                                       std::span<const std::string_view> exemptable);
std::vector<AccessMistake> mistakes_in(const AccessRule& rule, std::span<const std::string_view> exemptable);

/// 'did you mean "deny"?', or nothing if no candidate is like `name`.
std::string suggestion(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::AccessAction> {
  static constexpr std::array<std::string_view, 4> names{"allow", "deny", "defer", "exempt"};
  static constexpr std::string_view form = "\"allow\", \"deny\", \"defer\" or \"exempt\"";
  static std::string parse(std::string_view in, checks::AccessAction& value) {
    return parse_choice(in, value, names);
  }
  static std::string print(const checks::AccessAction& value) {
    return std::string(names[static_cast<std::size_t>(value)]);
  }
};

template <>
struct TextForm<checks::Expiry> {
  static constexpr std::string_view form = "date \"2027-01-31\" or \"2027-01-31T12:00:00Z\", in UTC";
  static std::string parse(std::string_view in, checks::Expiry& value);
  static std::string print(const checks::Expiry& value);
};

}  // namespace gatepost::base
