// Names of dynamic lines (fqrdns.pcre of the public suites) and of real mail servers (mail_server_names.txt).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include "checks/host_name_shape.hpp"
#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

using Octets = std::array<std::uint8_t, 4>;

/// Writes a text that a regular expression matches, with marks where it wants octets of an address.
class Example {
 public:
  explicit Example(std::string_view regex) : rest_(regex) { text_ = alternatives(); }
  const std::string& text() const { return text_; }

  /// Marks: a decimal octet, one padded to three digits, three or four of those, and four octets in hex.
  enum Mark : char { octet = 1, padded = 2, three_padded = 3, four_padded = 4, hex = 5 };
  static int octets_of(char c) {
    switch (c) {
      case octet:
      case padded: return 1;
      case three_padded: return 3;
      case four_padded:
      case hex: return 4;
      default: return 0;
    }
  }
  static int octets_of(std::string_view text) {
    int n = 0;
    for (const char c : text) n += octets_of(c);
    return n;
  }

 private:
  /// The first of them; all are read.
  std::string alternatives() {
    auto text = sequence();
    while (take("|")) sequence();
    return text;
  }
  std::string sequence() {
    std::string text;
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      const auto before = rest_;
      const auto once = atom();
      const auto times = quantifier(octets_of(once) > 0);
      const auto behind = rest_;
      for (int i = 0; i < times; ++i) {
        rest_ = before;
        text += atom();
      }
      rest_ = behind;
    }
    return text;
  }
  std::string atom() {
    static const std::pair<std::string_view, Mark> marks[] = {
        {"[12]?[0-9]{1,2}", octet}, {"[0-2]?[0-9]{1,2}", octet}, {"[012]?[0-9]{1,2}", octet},
        {"[0-9]{1,3}", octet},      {"\\d{1,3}", octet},         {"[0-9]{2,3}", octet},
        {"[012][0-9]{2}", padded},  {"[0-9]{3}", padded},        {"[0-9]{9}", three_padded},
        {"[0-9]{12}", four_padded}, {"[0-9a-f]{8}", hex},        {"[0-2][0-9]{2}", padded}};
    for (const auto& [regex, mark] : marks) {
      if (take(regex)) return std::string(1, mark);
    }
    if (take("(")) {
      auto text = alternatives();
      take(")");
      return text;
    }
    if (take("^") || take("$")) return {};
    if (take("\\d")) return "4";
    if (take("[")) return character();
    if (take("\\")) return std::string(1, next());
    return std::string(1, next());  // also "." for itself
  }
  std::string character() {
    const char first = next();
    while (next() != ']') {
    }
    return std::string(1, first == '\\' ? '-' : first == '0' ? '4' : first);
  }
  int quantifier(bool octets) {
    if (take("?")) return octets ? 1 : 0;
    if (take("*") || take("+")) return 1;
    if (!take("{")) return 1;
    auto range = base::split_off(rest_, '}');
    std::uint64_t least = 1;
    base::parse_number(base::split_off(range, ','), least);
    std::uint64_t most = least;
    if (!range.empty()) base::parse_number(range, most);
    return static_cast<int>(octets ? std::min<std::uint64_t>(most, 4) : std::max<std::uint64_t>(least, 1));
  }

  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  char next() {
    const char c = rest_.empty() ? ']' : rest_[0];
    if (!rest_.empty()) rest_.remove_prefix(1);
    return c;
  }

  std::string_view rest_;
  std::string text_;
};

/// Octets in place of the marks, from `first` on; where there are more marks than octets, the last ones hold
/// them.
std::string filled(const std::string& example, const Octets& octets, int first) {
  int at = std::min(first, 4 - Example::octets_of(example));
  std::string name;
  const auto take = [&]() -> int { return at < 0 ? (++at, 7) : octets.at(static_cast<std::size_t>(at++)); };
  for (const char c : example) {
    switch (c) {
      case Example::octet: name += fmt::format("{}", take()); break;
      case Example::padded: name += fmt::format("{:03}", take()); break;
      case Example::three_padded:
      case Example::four_padded:
        for (int i = 0; i < Example::octets_of(c); ++i) name += fmt::format("{:03}", take());
        break;
      case Example::hex:
        for (int i = 0; i < 4; ++i) name += fmt::format("{:02x}", take());
        break;
      default: name += base::ascii_lower(c);
    }
  }
  return name;
}

struct Count {
  int names = 0;
  int address = 0;  ///< recognised by their address
  int line = 0;     ///< by a word
  int patterns = 0;
  int without_address = 0;  ///< patterns that ask for fewer than three octets
  int unmatched = 0;        ///< examples that the pattern itself does not match
};

void count_pattern(const std::string& pattern, Count& count) {
  ++count.patterns;
  const auto example = Example(pattern).text();
  const int held = Example::octets_of(example);
  if (held < 3) {
    ++count.without_address;
    return;
  }
  const std::regex regex(pattern, std::regex::icase);
  for (const Octets& address : {Octets{84, 123, 45, 201}, Octets{187, 65, 109, 14}}) {
    const auto client = base::IpAddress::from_v4(address);
    for (const bool backward : {false, true}) {
      auto octets = address;
      if (backward) std::reverse(octets.begin(), octets.end());
      for (int first = 0; first <= (held == 3 ? 1 : 0); ++first) {
        const auto name = filled(example, octets, first);
        if (!std::regex_search(name, regex)) {
          ++count.unmatched;
          continue;
        }
        ++count.names;
        const auto shape = shape_of(name, client);
        count.address += shape.kind == HostNameShape::Kind::holds_address ? 1 : 0;
        count.line += shape.kind == HostNameShape::Kind::access_line ? 1 : 0;
      }
    }
  }
}

TEST(HostNameSuite, finds_the_address_in_nine_of_ten_names_that_fqrdns_refuses) {
  const char* suites = std::getenv("GATEPOST_SUITES");
  const auto file =
      std::filesystem::path(suites != nullptr ? suites : GATEPOST_SOURCE_DIR "/../shared/suites") /
      "rdns/fqrdns.pcre";
  std::ifstream in(file);
  if (!in) GTEST_SKIP() << "the public suites are not here: " << file;
  Count count;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with('/') || line.find("REJECT") == std::string::npos) continue;
    const auto end = line.find_first_of(" \t");
    count_pattern(line.substr(1, line.rfind('/', end) - 1), count);
  }
  fmt::print(
      "{} patterns, {} of them without an address; {} names, {} by address, {} by words; {} examples were "
      "none\n",
      count.patterns, count.without_address, count.names, count.address, count.line, count.unmatched);
  EXPECT_GE(count.patterns, 1500);
  EXPECT_GE(count.names, 4000);
  EXPECT_GE(count.address, count.names * 9 / 10);
}

TEST(HostNameSuite, holds_nothing_against_names_of_real_mail_servers) {
  std::ifstream in(GATEPOST_SOURCE_DIR "/tests/checks/mail_server_names.txt");
  int names = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::string_view address = line;
    const std::string name(base::split_off(address, ' '));
    const auto client = base::IpAddress::parse(base::trim(address));
    ASSERT_TRUE(client) << line;
    const auto shape = shape_of(name, *client);
    EXPECT_EQ(shape.kind, HostNameShape::Kind::own) << line << ": " << shape.seen;
    ++names;
  }
  EXPECT_GE(names, 300);
}

}  // namespace
}  // namespace gatepost::checks
