#include "webui/foreign.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::webui {
namespace {

struct Range {
  std::string_view first;
  std::string_view last;
};

constexpr Range hidden_characters[] = {
    {"\xC2\x80", "\xC2\x9F"},          // C1 controls
    {"\xC2\xAD", "\xC2\xAD"},          // soft hyphen
    {"\xD8\x9C", "\xD8\x9C"},          // Arabic letter mark
    {"\xE2\x80\x8B", "\xE2\x80\x8F"},  // zero width; left-to-right and right-to-left mark
    {"\xE2\x80\xA8", "\xE2\x80\xAE"},  // line and paragraph separator, embeddings, overrides
    {"\xE2\x81\xA0", "\xE2\x81\xAF"},  // word joiner, invisible operators, isolates
    {"\xEF\xBB\xBF", "\xEF\xBB\xBF"},  // byte order mark
};

std::size_t character_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80U ? 1 : byte < 0xE0U ? 2 : byte < 0xF0U ? 3 : 4;
}

bool is_hidden(std::string_view character) {
  return std::any_of(
      std::begin(hidden_characters), std::end(hidden_characters), [character](const Range& range) {
        return character.size() == range.first.size() && character >= range.first && character <= range.last;
      });
}

void append_bytes(std::string& out, std::string_view bytes) {
  static constexpr char hex[] = "0123456789abcdef";
  for (const char c : bytes) {
    out += "\\x";
    out += hex[static_cast<unsigned char>(c) >> 4];
    out += hex[static_cast<unsigned char>(c) & 15];
  }
}

}  // namespace

std::string shown(std::string_view foreign, std::size_t limit) {
  const auto text = base::printable(foreign, limit);
  if (base::is_ascii(text)) return text;
  std::string out;
  for (std::string_view rest = text; !rest.empty();) {
    const auto character = rest.substr(0, character_length(rest.front()));
    is_hidden(character) ? append_bytes(out, character) : static_cast<void>(out.append(character));
    rest.remove_prefix(character.size());
  }
  return out;
}

}  // namespace gatepost::webui
