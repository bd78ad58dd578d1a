// What holds for all checks together, as configured under [policy].
#pragma once

#include "core/base/text_forms.hpp"
#include "mail/address.hpp"

namespace gatepost::checks {

struct PolicyOptions {
  std::string help;
  bool delay_reject = true;
  std::vector<std::string> exempt_recipients;
  double reject_score = 0;
  double defer_score = 0;

  void visit(base::Visitor& v);
  void validate(base::Problems& problems) const;
  /// postmaster, abuse, or one of exempt_recipients: policy never refuses mail to them.
  bool exempt(const mail::Mailbox& recipient) const;
};

}  // namespace gatepost::checks
