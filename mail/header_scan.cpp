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
    if (line_ == 0) belongs_ = part.front() == ' ' || part.front() == '\t';
    belongs_ = belongs_ || part.find(':') != std::string_view::npos;
    line_ += part.size();
    size_ += part.size();
    if (end == std::string_view::npos) return;
    complete_ = ends_block(line_, belongs_);
    line_ = 0;
    matched_ = 0;
    matching_ = true;
  }
}

}  // namespace gatepost::mail
