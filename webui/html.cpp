#include "webui/html.hpp"

#include "webui/foreign.hpp"

namespace gatepost::webui {

Html& Html::text(std::string_view foreign, std::size_t limit) {
  for (const char c : shown(foreign, limit)) {
    switch (c) {
      case '&': out_ += "&amp;"; break;
      case '<': out_ += "&lt;"; break;
      case '>': out_ += "&gt;"; break;
      case '"': out_ += "&quot;"; break;
      case '\'': out_ += "&#39;"; break;
      default: out_ += c;
    }
  }
  return *this;
}

Html& Html::number(std::uint64_t value) {
  static constexpr std::string_view thin_space = "\xE2\x80\xAF";  // U+202F, no break
  const auto digits = std::to_string(value);
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out_ += thin_space;
    out_ += digits[i];
  }
  return *this;
}

}  // namespace gatepost::webui
