#include "mail/header_scan.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::mail {

void HeaderScan::feed(std::string_view content) {
  while (!content.empty() && !complete_) {
    const auto end = content.find('\n');
    const auto part = content.substr(0, end == std::string_view::npos ? content.size() : end + 1);
    content.remove_prefix(part.size());
    for (std::size_t i = 0; matching_ && i < part.size(); ++i) {
      const char c = base::ascii_lower(part[i]);
      // White space before the colon is obsolete syntax (RFC 5322 4.5.1), but a loop all the same.
      if ((c == ' ' || c == '\t') && matched_ == name.size() - 1) continue;
      matching_ = c == name[matched_];
      if (matching_ && ++matched_ == name.size()) {
        ++received_;
        matching_ = false;
      }
    }
    if (line_ == 0) folded_ = part.front() == ' ' || part.front() == '\t';
    colon_ = colon_ || part.find(':') != std::string_view::npos;
    line_ += part.size();
    size_ += part.size();
    if (end == std::string_view::npos) return;
    // A line that is neither a field nor part of one is content: the empty line was forgotten.
    complete_ = line_ <= 2 || (!colon_ && !folded_);
    line_ = 0;
    colon_ = false;
    matched_ = 0;
    matching_ = true;
  }
}

}  // namespace gatepost::mail
