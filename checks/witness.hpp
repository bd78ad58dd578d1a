// Something whose word may refuse mail only while it has shown that it tells the truth: a DNS list, or the
// resolver itself where it says that a name does not exist. It is examined with questions whose answers are
// known beforehand (canaries, RFC 5782 5).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/dns/answer.hpp"

namespace gatepost::checks {

struct Witness {
  std::string name;  ///< for people and as its identity; holds no key: "list.example (IPv4)"
  std::vector<dns::Question> questions;
  /// Empty if the answers, in the order of the questions, are those of an honest witness; else what is wrong.
  std::function<std::string(std::span<const dns::Answer* const>)> judge;
};

using WitnessPtr = std::shared_ptr<const Witness>;

/// What an examination came to. It holds for 60 s.
struct Testimony {
  bool trusted = false;
  std::string why;  ///< not
};

}  // namespace gatepost::checks
