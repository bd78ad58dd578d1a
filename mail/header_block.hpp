// A header block as fields (RFC 5322 2.2). Views into the bytes as received: they must outlive it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gatepost::mail {

struct HeaderField {
  std::string_view name;   ///< as written, without the white space before the colon (RFC 5322 4.5)
  std::string_view value;  ///< what stands behind the colon, folded, without the last line's end
  std::string_view raw;    ///< all of it, with the last line's end
  std::size_t line = 0;    ///< the number of its first line, from 1
};

class HeaderBlock {
 public:
  /// Fields behind so many are only counted.
  static constexpr std::size_t most_fields = 1000;

  /// `content` is a message from its first byte on (CRLF lines, no stuffed dots), or as much as there is. The
  /// block ends where HeaderScan says.
  explicit HeaderBlock(std::string_view content);

  const std::vector<HeaderField>& fields() const { return fields_; }
  /// Also those behind most_fields.
  std::size_t field_count() const { return field_count_; }
  /// The first field of this name, or null.
  const HeaderField* first(std::string_view name) const;
  std::size_t count(std::string_view name) const;

  struct Line {
    std::size_t number = 0;  ///< from 1; 0: there is none
    std::string_view text;   ///< without the line's end
  };
  const Line& longest_line() const { return longest_; }
  /// The first line that is neither a field nor part of one. It may be the line that ended the block, because
  /// the empty line was forgotten.
  const Line& stray_line() const { return stray_; }

  /// With the empty line that ends it.
  std::uint64_t size() const { return size_; }

 private:
  /// Takes a line in. False: it is neither a field nor part of one.
  bool add(std::string_view raw, std::size_t number);
  void extend_field(std::string_view raw);
  void begin_field(std::string_view raw, std::size_t colon, std::size_t number);

  std::vector<HeaderField> fields_;
  std::size_t field_count_ = 0;
  std::uint64_t size_ = 0;
  Line longest_;
  Line stray_;
  bool in_field_ = false;  ///< a folded line belongs to the last of fields_
};

}  // namespace gatepost::mail
