#include "smtp/header_content.hpp"

#include <array>

#include "mail/header_scan.hpp"

namespace gatepost::smtp {

HeaderContent::HeaderContent(const state::Body& body) {
  // A stuffed dot changes neither which line is empty nor which has a colon.
  mail::HeaderScan scan;
  scan.feed(body.head());
  const bool in_head = scan.complete() || body.head().size() == body.size();
  const bool stuffed =
      body.form() == state::Body::Form::stuffed && state::OffsetList::Walk(body.dots()).next() < scan.size();
  if (in_head && !stuffed) {
    view_ = body.head().substr(0, scan.size());
  } else {
    gather(body);
  }
}

void HeaderContent::gather(const state::Body& body) {
  mail::HeaderScan scan;
  state::BodyCursor cursor(body, state::BodyCursor::View::content);
  while (!scan.complete() && !cursor.at_end() && !cursor.needs_load()) {
    std::array<iovec, 16> parts;
    const auto found = cursor.gather(parts);
    for (std::size_t i = 0; i < found.count && !scan.complete(); ++i) {
      const std::string_view part(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      const auto before = scan.size();
      scan.feed(part);
      gathered_.append(part.substr(0, scan.size() - before));
    }
    cursor.advance(found.bytes);
  }
  whole_ = scan.complete() || cursor.at_end();
  view_ = gathered_;
}

}  // namespace gatepost::smtp
