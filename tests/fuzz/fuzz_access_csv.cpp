// Access rules in files: each line is taken or a mistake, and what was taken reads the same when it is
// written.
#include <algorithm>
#include <utility>

#include "checks/access_file.hpp"
#include "fuzz_input.hpp"

using namespace gatepost;
using namespace gatepost::checks;
using fuzz::require;

namespace {

constexpr std::array<std::string_view, 2> exemptable{"dnsbl", "spf"};

struct Read {
  std::vector<AccessRule> rules;
  CheckFiles files;

  explicit Read(std::string_view text) {
    std::size_t last = 1;
    FileMistakes mistakes("file", files);
    read_access_csv(
        text, exemptable,
        [&](AccessRule rule, std::size_t line) {
          require(line > std::exchange(last, line) && !rule.when.empty());
          rules.push_back(std::move(rule));
        },
        mistakes);
    require(files.mistakes.size() <= 21);
  }
};

std::string cell(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

template <class T>
std::string cell(const std::vector<T>& values) {
  std::string words;
  for (const auto& value : values) words += base::TextForm<T>::print(value) + " ";
  return cell(words);
}

std::string written(const AccessRule& rule) {
  const auto& [when, then] = rule;
  std::string line;
  for (const auto& value :
       {cell(when.client), cell(when.client_name), cell(when.helo), cell(when.sender), cell(when.recipient),
        cell(base::TextForm<AccessAction>::print(then.action)), cell(then.text), cell(then.checks),
        cell(base::TextForm<Expiry>::print(then.expires)), cell(then.note)})
    line += (line.empty() ? "" : ",") + value;
  return line + "\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Read first(text);
  std::string again = "client,client_name,helo,sender,recipient,action,text,checks,expires,note\n";
  for (const auto& rule : first.rules) again += written(rule);
  const Read second(again);
  require(second.files.mistakes.empty());
  require(std::equal(
      first.rules.begin(), first.rules.end(), second.rules.begin(), second.rules.end(),
      [](const AccessRule& a, const AccessRule& b) { return a.when == b.when && a.then == b.then; }));

  CheckFiles files;
  FileMistakes mistakes("file", files);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  read_network_list(
      text, [lines](base::Network, std::size_t line) { require(line >= 1 && line <= lines); }, mistakes);
  return 0;
}
