// A tiny zone as text, in place of the domain name system. A question that the zone does not know is a
// mistake of the test.
//
//   example.org MX 10 mail.example.org
//   mail.example.org A 192.0.2.1
//   9.2.0.192.in-addr.arpa PTR mail.example.org
//   example.org TXT "v=spf1 -all"            strings in quotes are joined
//   www.example.org CNAME example.org        followed
//   gone.example.org * (no name)             for all types; also (no data), (failure), (bogus)
//   example.org TXT (no data)
//   * (no name)                              all else
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dns/answer.hpp"

namespace gatepost::tests {

class FakeZone {
 public:
  FakeZone() = default;
  /// Throws std::runtime_error for a line that it cannot read.
  explicit FakeZone(std::string_view text);
  void add(std::string_view line);

  /// The answer; what nobody wrote down is in `unexpected()` then, and a temporary failure.
  dns::Answer answer(const dns::Question& question);
  const std::vector<std::string>& unexpected() const { return unexpected_; }
  bool empty() const { return answers_.empty() && !otherwise_; }

 private:
  std::map<dns::Question, dns::Answer> answers_;
  std::map<std::string, dns::Outcome> outcomes_;  ///< of whole names
  std::optional<dns::Outcome> otherwise_;
  std::vector<std::string> unexpected_;
};

/// Looks up in a zone; everything at once, or each answer only when it is asked for the second time.
class FakeLookup final : public dns::Lookup {
 public:
  explicit FakeLookup(FakeZone& zone, bool late = false) : zone_(zone), late_(late) {}
  const dns::Answer* lookup(const dns::Question& question) override;
  /// Different questions so far.
  std::size_t asked() const { return answers_.size(); }

 private:
  FakeZone& zone_;
  bool late_;
  std::map<dns::Question, std::unique_ptr<dns::Answer>> answers_;
};

}  // namespace gatepost::tests
