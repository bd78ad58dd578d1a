// Writes HTML in which nothing foreign can be markup: markup is a constant of the program, known to the
// compiler, and all else is escaped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatepost::webui {

/// A piece of markup that stands in the source; it cannot be made at run time.
class Markup {
 public:
  consteval Markup(const char* text) : text_(text) {}  // NOLINT(google-explicit-constructor)
  constexpr std::string_view view() const { return text_; }

 private:
  std::string_view text_;
};

class Html {
 public:
  Html& raw(Markup markup) {
    out_ += markup.view();
    return *this;
  }
  /// Any bytes, as shown() shows them; fit for content and for quoted attribute values.
  Html& text(std::string_view foreign, std::size_t limit = 512);
  /// With a thin space between thousands.
  Html& number(std::uint64_t value);
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace gatepost::webui
