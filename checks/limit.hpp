// "So many in such a time", as limits are written in the configuration: "600/10 min".
#pragma once

#include <string>

#include "core/base/text_forms.hpp"
#include "core/state/state_clock.hpp"

namespace gatepost::checks {

/// At most `count` (up to 60000, as much as state::SlidingCount can tell apart) in any `per` (10 s to 1 d).
struct Limit {
  std::uint32_t count = 0;  ///< 0: no limit
  base::Millis per{0};

  bool on() const { return count > 0; }
  state::Second seconds() const { return static_cast<state::Second>(per.count() / 1000); }
  /// "600 in 10 min"
  std::string in_words() const;
  bool operator==(const Limit&) const = default;
};

}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::Limit> {
  static constexpr std::string_view form = "number/time, like \"600/10 min\", or \"off\"";
  static std::string parse(std::string_view in, checks::Limit& value);
  static std::string print(const checks::Limit& value);
};

}  // namespace gatepost::base
