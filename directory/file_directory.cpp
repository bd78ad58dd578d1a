
#include <algorithm>

#include "core/base/file.hpp"
#include "core/base/text.hpp"
#include "directory/directory.hpp"

namespace gatepost::directory {

namespace {

/// What PowerShell writes unless told otherwise, as UTF-8. Half a surrogate pair becomes '?'.
std::string from_utf16(std::string_view text, bool big_endian) {
  std::string out;
  const auto unit = [&](std::size_t i) {
    const auto first = static_cast<unsigned char>(text[i]);
    const auto second = static_cast<unsigned char>(text[i + 1]);
    return static_cast<std::uint32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    auto c = unit(i);
    if (c >= 0xD800 && c < 0xDC00 && i + 3 < text.size()) {
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(i + 2) - 0xDC00);
      i += 2;
    }
    if (c < 0x80) {
      out += static_cast<char>(c);
    } else if (c >= 0xD800 && c < 0xE000) {
      out += '?';
    } else {
      if (c < 0x800) {
        out += static_cast<char>(0xC0 | c >> 6);
      } else {
        if (c < 0x10000) {
          out += static_cast<char>(0xE0 | c >> 12);
        } else {
          out += static_cast<char>(0xF0 | (c >> 18 & 0x07));
          out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
        }
        out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
      }
      out += static_cast<char>(0x80 | (c & 0x3F));
    }
  }
  return out;
}

}  // namespace

base::Result<std::shared_ptr<const FileDirectory>> FileDirectory::load(const std::string& path,
                                                                       std::string separator,
                                                                       std::vector<Mistake>& mistakes) {
  const auto text = base::read_file(path);
  if (!text) return base::Failure{"cannot read recipients from " + path + ": " + text.error().message};
  return parse(*text, std::move(separator), mistakes);
}

std::shared_ptr<const FileDirectory> FileDirectory::parse(std::string_view text, std::string separator,
                                                          std::vector<Mistake>& mistakes) {
  const bool little = text.starts_with("\xFF\xFE");
  if (little || text.starts_with("\xFE\xFF"))
    return parse(from_utf16(text.substr(2), !little), std::move(separator), mistakes);
  auto directory = std::make_shared<FileDirectory>();
  directory->separator_ = std::move(separator);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // Windows editors
  for (std::size_t line = 1; !text.empty(); ++line) {
    auto content = base::split_off(text, '\n');
    if (content.ends_with('\r')) content.remove_suffix(1);
    content = base::trim(content.substr(0, content.find('#')));
    if (content.empty()) continue;
    if (auto key = mail::address_key(content)) {
      directory->addresses_.insert(std::move(*key));
    } else {
      mistakes.push_back({line, "\"" + base::printable(content, 100) + "\" is no mail address"});
    }
  }
  return directory;
}

Lookup FileDirectory::find(std::string_view key) const {
  if (has(key)) return Lookup::found;
  const auto at = key.rfind('@');
  if (at == std::string_view::npos) return Lookup::unknown;
  const auto domain = key.substr(at);
  if (has(domain)) return Lookup::found;
  if (!separator_.empty()) {
    const auto separator = key.substr(0, at).find(separator_);
    if (separator != std::string_view::npos && separator > 0 &&
        has(std::string(key.substr(0, separator)).append(domain)))
      return Lookup::found;
  }
  return Lookup::unknown;
}

bool FileDirectory::has_any(std::string_view domain) const {
  const auto end = "@" + std::string(domain);
  return std::any_of(addresses_.begin(), addresses_.end(),
                     [&end](const std::string& address) { return address.ends_with(end); });
}

std::vector<std::string> FileDirectory::added_since(const FileDirectory& older) const {
  std::vector<std::string> added;
  for (const auto& address : addresses_) {
    if (!older.has(address)) added.push_back(address);
  }
  return added;
}

}  // namespace gatepost::directory
