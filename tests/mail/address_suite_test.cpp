// The isemail suite (../shared/suites/address), as far as it concerns RFC 5321.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "mail/address.hpp"

namespace gatepost::mail {
namespace {

/// XML's entities, and U+2400 + n for the control character n.
std::string decode(std::string text) {
  const std::pair<std::string, std::string> entities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}};
  for (const auto& [entity, character] : entities)
    text = std::regex_replace(text, std::regex(entity), character);
  std::smatch found;
  while (std::regex_search(text, found, std::regex("&#x24([0-9A-Fa-f]{2});"))) {
    const auto control = static_cast<char>(std::stoi(found[1], nullptr, 16));
    text = found.prefix().str() + control + found.suffix().str();
  }
  return std::regex_replace(text, std::regex("&amp;"), "&");
}

TEST(AddressSuite, takes_what_rfc_5321_allows_and_nothing_else) {
  const char* suites = std::getenv("GATEPOST_SUITES");
  const auto file =
      std::filesystem::path(suites != nullptr ? suites : GATEPOST_SOURCE_DIR "/../shared/suites") /
      "address/tests-original.xml";
  std::ifstream in(file);
  if (!in) GTEST_SKIP() << "the public suites are not here: " << file;
  const std::string xml{std::istreambuf_iterator<char>(in), {}};
  const std::regex test(
      "<test "
      "id=\"(\\d+)\">\\s*<address>([^<]*)</address>[\\s\\S]*?<category>([A-Z0-9_]+)</"
      "category>\\s*<diagnosis>([A-Z0-9_]+)</diagnosis>");
  int cases = 0;
  int different = 0;
  for (std::sregex_iterator it(xml.begin(), xml.end(), test); it != std::sregex_iterator(); ++it) {
    ++cases;
    const auto address = decode((*it)[2]);
    const auto category = (*it)[3].str();
    const bool valid = category == "ISEMAIL_VALID_CATEGORY" || category == "ISEMAIL_DNSWARN" ||
                       category == "ISEMAIL_RFC5321";
    const bool taken = parse_path("<" + address + ">").error == PathError::none && !address.empty();
    if (taken == valid) continue;
    ++different;
    // Forwarders (SRS) and list servers (VERP) write longer local parts than RFC 5321 4.5.3.1.1 wants, and it
    // allows to take them: docs/adr/0005.
    EXPECT_EQ((*it)[4].str(), "ISEMAIL_RFC5322_LOCAL_TOOLONG") << (*it)[1] << ": " << address;
  }
  EXPECT_GE(cases, 275);
  EXPECT_EQ(different, 1);
}

}  // namespace
}  // namespace gatepost::mail
