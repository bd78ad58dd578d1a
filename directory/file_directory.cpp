
#include "core/base/file.hpp"
#include "core/base/text.hpp"
#include "directory/directory.hpp"

namespace gatepost::directory {

base::Result<std::shared_ptr<const FileDirectory>> FileDirectory::load(const std::string& path,
                                                                       std::string separator,
                                                                       std::vector<Mistake>& mistakes) {
  const auto text = base::read_file(path);
  if (!text) return base::Failure{"cannot read recipients from " + path + ": " + text.error().message};
  return parse(*text, std::move(separator), mistakes);
}

std::shared_ptr<const FileDirectory> FileDirectory::parse(std::string_view text, std::string separator,
                                                          std::vector<Mistake>& mistakes) {
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

std::vector<std::string> FileDirectory::added_since(const FileDirectory& older) const {
  std::vector<std::string> added;
  for (const auto& address : addresses_) {
    if (!older.has(address)) added.push_back(address);
  }
  return added;
}

}  // namespace gatepost::directory
