// A string that must not be shown: passwords, keys, hashes.
#pragma once

#include <string>
#include <utility>

namespace gatepost::base {

/// Holds a secret. There is no way to print it but reveal(), so that no log, page or dump shows it by
/// accident.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  bool empty() const { return text_.empty(); }
  const std::string& reveal() const { return text_; }

 private:
  std::string text_;
};

}  // namespace gatepost::base
