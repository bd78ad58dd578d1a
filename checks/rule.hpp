// What a check does about one of the things that it can find: each reason has such a switch in its options.
//
//   no_ptr = "reject"           refuse with 5xx, where the check's mode is enforce
//   no_ptr = "score 2.5"        add to the score
//   own_name = "enforce reject" refuse, though the check's mode is observe
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "checks/check.hpp"
#include "smtp/replies.hpp"

namespace gatepost::checks {

struct Rule {
  telemetry::Verdict verdict = telemetry::Verdict::reject;  ///< none: off
  double score = 0;
  std::optional<Mode> mode = std::nullopt;  ///< unless the check's holds

  static constexpr Rule off() { return {telemetry::Verdict::none, 0, {}}; }
  static constexpr Rule reject() { return {}; }
  static constexpr Rule defer() { return {telemetry::Verdict::defer, 0, {}}; }
  static constexpr Rule note() { return {telemetry::Verdict::annotate, 0, {}}; }
  static constexpr Rule points(double n) { return {telemetry::Verdict::score, n, {}}; }
  constexpr Rule enforced() const { return {verdict, score, Mode::enforce}; }
  constexpr Rule observed() const { return {verdict, score, Mode::observe}; }

  bool on() const { return verdict != telemetry::Verdict::none; }
  bool operator==(const Rule&) const = default;
};

/// The finding for a rule that is on: `say` is its reason, and the reply if the rule refuses (with 451 and a
/// 4.x.x code where it defers and the text is a 5xx, with 550 where it is the other way round).
Finding finding_of(const Rule& rule, smtp::Say say, std::initializer_list<std::string_view> arguments,
                   std::string evidence);

/// The check could not find out. `say` is a 4xx, for where on_error = "defer".
Finding cannot_know(smtp::Say say, std::initializer_list<std::string_view> arguments, std::string evidence);

}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::Rule> {
  static constexpr std::string_view form =
      "\"off\", \"reject\", \"defer\", \"note\" or \"score N\"; before it \"observe\" or \"enforce\", unless "
      "the check's mode is to hold";
  static std::string parse(std::string_view in, checks::Rule& value);
  static std::string print(const checks::Rule& value);
};

}  // namespace gatepost::base
