// How often honest mail and spam have which flaw (../shared/suites/mail: SpamAssassin's public corpus, 2002
// and 2003). The figures in docs/checks/headers.md are what this prints.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "mail/date.hpp"
#include "mail/field_body.hpp"
#include "mail/header_flaws.hpp"

namespace gatepost::mail {
namespace {

namespace fs = std::filesystem;

struct Seen {
  unsigned messages = 0;
  unsigned undated = 0;  ///< without a Received field that says when the message came
  std::map<HeaderFlawKind, unsigned> flaws;

  double percent(HeaderFlawKind kind) const {
    const auto found = flaws.find(kind);
    return found == flaws.end() ? 0 : 100.0 * found->second / messages;
  }
};

/// As it would have come: with CRLF, and without the line that a mailbox file put in front.
std::string as_received(const fs::path& file) {
  std::ifstream in(file);
  const std::string stored{std::istreambuf_iterator<char>(in), {}};
  std::string content;
  for (const char c : stored) content += c == '\n' ? "\r\n" : std::string(1, c);
  return content.starts_with("From ") ? content.substr(content.find('\n') + 1) : content;
}

/// When it came, as the topmost Received field says; these messages are older than the machine's clock.
std::optional<base::WallTime> received_at(const HeaderBlock& header) {
  const auto* field = header.first("Received");
  if (field == nullptr) return std::nullopt;
  const auto semicolon = field->value.rfind(';');
  return semicolon == std::string_view::npos ? std::nullopt : parse_date(field->value.substr(semicolon + 1));
}

Seen judge_all(const fs::path& folder) {
  Seen seen;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto content = as_received(entry.path());
    const HeaderBlock header(content);
    ++seen.messages;
    auto now = received_at(header);
    if (!now) {
      ++seen.undated;
      const auto* date = header.first("Date");
      now = parse_date(date != nullptr ? date->value : "");
    }
    for (const auto& flaw :
         header_flaws(header, {}, {now.value_or(base::WallTime{}), "mx.example.org", false}))
      ++seen.flaws[flaw.kind];
  }
  return seen;
}

/// How many per cent of honest mail may have it.
double bearable(HeaderFlawKind kind) {
  switch (kind) {
    case HeaderFlawKind::no_to: return 10;    // legal
    case HeaderFlawKind::old_date: return 3;  // eight messages were fetched from an archive, months later
    default: return 0.5;
  }
}

TEST(HeaderCorpus, honest_mail_has_few_flaws) {
  const char* suites = std::getenv("GATEPOST_SUITES");
  const auto folder = fs::path(suites != nullptr ? suites : GATEPOST_SOURCE_DIR "/../shared/suites") / "mail";
  if (!fs::exists(folder)) GTEST_SKIP() << "the public suites are not here: " << folder;
  const auto ham = judge_all(folder / "ham");
  const auto spam = judge_all(folder / "spam");
  std::printf("| token | ham (%u) | spam (%u) |\n|---|---|---|\n", ham.messages, spam.messages);
  for (std::size_t i = 0; i < header_flaw_names.size(); ++i) {
    const auto kind = static_cast<HeaderFlawKind>(i);
    std::printf("| `%s` | %.1f %% | %.1f %% |\n", std::string(name_of(kind)).c_str(), ham.percent(kind),
                spam.percent(kind));
  }
  std::printf("without a time of arrival: %u and %u\n", ham.undated, spam.undated);
  ASSERT_GT(ham.messages, 0U);
  ASSERT_GT(spam.messages, 0U);
  for (std::size_t i = 0; i < header_flaw_names.size(); ++i) {
    const auto kind = static_cast<HeaderFlawKind>(i);
    EXPECT_LE(ham.percent(kind), bearable(kind)) << name_of(kind);
  }
}

}  // namespace
}  // namespace gatepost::mail
