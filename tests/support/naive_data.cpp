#include "naive_data.hpp"

namespace gatepost::tests {
namespace {

/// Copies one line as CRLF text; returns what ended it: "\r\n", "\n" or nothing.
std::string_view copy_line(std::string_view& rest, std::string& content) {
  while (!rest.empty()) {
    if (rest.starts_with("\r\n") || rest.starts_with("\n")) {
      const std::string_view end = rest.starts_with("\n") ? "\n" : "\r\n";
      rest.remove_prefix(end.size());
      content += "\r\n";
      return end;
    }
    content += rest.front() == '\r' ? ' ' : rest.front();
    rest.remove_prefix(1);
  }
  return {};
}

}  // namespace

std::optional<NaiveData> naive_data(std::string_view octets) {
  NaiveData data;
  std::string_view rest = octets;
  std::string_view before = "\r\n";  // what ended the line before
  while (!rest.empty()) {
    if (before == "\r\n" && rest.starts_with(".\r\n")) {
      data.consumed = octets.size() - rest.size() + 3;
      return data;
    }
    if (before == "\r\n" && rest.starts_with(".") && !rest.starts_with(".\n")) rest.remove_prefix(1);
    before = copy_line(rest, data.content);
  }
  return std::nullopt;
}

std::string naive_bdat(std::string_view octets) {
  std::string content;
  std::string_view before = "\r\n";
  while (!octets.empty()) before = copy_line(octets, content);
  if (before.empty()) content += "\r\n";
  return content;
}

}  // namespace gatepost::tests
