#include <gtest/gtest.h>

#include "directory/domain_table.hpp"

namespace gatepost::directory {
namespace {

using Kind = DomainTable::Answer::Kind;

std::shared_ptr<const FileDirectory> parse(std::string_view text, std::string separator = "") {
  std::vector<FileDirectory::Mistake> mistakes;
  auto directory = FileDirectory::parse(text, std::move(separator), mistakes);
  EXPECT_TRUE(mistakes.empty());
  return directory;
}

TEST(FileDirectory, finds_addresses_without_case_and_whole_domains) {
  const auto directory = parse(
      "\xEF\xBB\xBFUser@Example.ORG\r\n# comment\n\n  other@example.org  # note\n@example.net\n\"quoted "
      "user\"@example.org\n");
  EXPECT_EQ(directory->size(), 4U);
  const std::pair<const char*, Lookup> cases[] = {
      {"user@example.org", Lookup::found},      {"other@example.org", Lookup::found},
      {"anybody@example.net", Lookup::found},   {"quoted user@example.org", Lookup::found},
      {"nobody@example.org", Lookup::unknown},  {"user@example.com", Lookup::unknown},
      {"user@sub.example.net", Lookup::unknown}};
  for (const auto& [key, expected] : cases) EXPECT_EQ(directory->find(key), expected) << key;
}

TEST(FileDirectory, knows_subaddresses_where_it_is_told_to) {
  EXPECT_EQ(parse("user@example.org")->find("user+tag@example.org"), Lookup::unknown);
  const auto directory = parse("user@example.org", "+");
  EXPECT_EQ(directory->find("user+tag@example.org"), Lookup::found);
  EXPECT_EQ(directory->find("user+a+b@example.org"), Lookup::found);
  EXPECT_EQ(directory->find("+tag@example.org"), Lookup::unknown);
  EXPECT_EQ(directory->find("nobody+tag@example.org"), Lookup::unknown);
}

TEST(FileDirectory, names_the_lines_it_cannot_read_and_keeps_the_others) {
  std::vector<FileDirectory::Mistake> mistakes;
  const auto directory =
      FileDirectory::parse("a@example.org\nb example.org\n\xff@example.org\nc@example.org", "", mistakes);
  EXPECT_EQ(directory->size(), 2U);
  ASSERT_EQ(mistakes.size(), 2U);
  EXPECT_EQ(mistakes[0].line, 2U);
  EXPECT_EQ(mistakes[1].message, "\"\\xff@example.org\" is no mail address");
}

TEST(FileDirectory, tells_what_was_added) {
  EXPECT_EQ(parse("a@x.example\nb@x.example")->added_since(*parse("b@x.example\nc@x.example")),
            std::vector<std::string>{"a@x.example"});
}

/// Cannot tell.
struct Broken final : Directory {
  Lookup find(std::string_view) const override { return Lookup::unavailable; }
  std::size_t size() const override { return 0; }
};

struct TableTest : testing::Test {
  std::map<std::string, DirectoryOptions> options{{"staff", {}}, {"lists", {}}};
  DomainTable::Directories directories{{"staff", parse("user@example.org\npostmaster@example.org")},
                                       {"lists", parse("list@example.org")}};
  std::vector<DomainOptions> domains{
      {{"example.org", "EXAMPLE.net"}, {"file:staff", "file:lists"}, "inside", ""},
      {{"b\xC3\xBC"
        "cher.example"},
       {"any"},
       "elsewhere",
       "admin@example.org"}};
  base::Problems problems;
  DomainTable build() {
    return DomainTable::build(domains, options, directories, {"inside", "elsewhere"}, problems);
  }
  static mail::Mailbox mailbox(const char* text) { return mail::parse_path(text).mailbox; }
};

TEST_F(TableTest, asks_directories_in_order) {
  const auto table = build();
  EXPECT_TRUE(problems.all().empty());
  const std::pair<const char*, Kind> cases[] = {{"<user@example.org>", Kind::found},
                                                {"<list@Example.Org>", Kind::found},
                                                {"<nobody@example.org>", Kind::unknown},
                                                {"<user@example.net>", Kind::unknown},
                                                {"<user@remote.example>", Kind::not_ours},
                                                {"<any@xn--bcher-kva.example>", Kind::found},
                                                {"<any@b\xC3\xBC"
                                                 "cher.example>",
                                                 Kind::found},
                                                {"<postmaster>", Kind::found},
                                                {"<user@sub.example.org>", Kind::not_ours}};
  for (const auto& [text, expected] : cases) EXPECT_EQ(table.find(mailbox(text)).kind, expected) << text;
}

TEST_F(TableTest, looks_for_tagged_recipients_without_their_tag) {
  const auto table = build();
  for (const auto* text : {"<prvs=1234abcdef=user@example.org>", "<prvs=user=1234ABCDEF@example.org>"})
    EXPECT_EQ(table.find(mailbox(text)).kind, Kind::found) << text;
  EXPECT_EQ(table.find(mailbox("<prvs=1234abcdef=nobody@example.org>")).kind, Kind::unknown);
  EXPECT_EQ(table.find(mailbox("<prvs=12abcdef=user@example.org>")).kind, Kind::unknown);
  EXPECT_EQ(table.delivery_address(mailbox("<prvs=1234abcdef=user@example.org>")),
            "prvs=1234abcdef=user@example.org");
}

TEST_F(TableTest, cannot_tell_when_one_that_might_know_cannot) {
  directories["lists"] = std::make_shared<Broken>();
  const auto table = build();
  EXPECT_EQ(table.find(mailbox("<user@example.org>")).kind, Kind::found) << "the first one knows";
  EXPECT_EQ(table.find(mailbox("<nobody@example.org>")).kind, Kind::unavailable);
}

TEST_F(TableTest, sends_postmaster_where_it_is_told) {
  auto table = build();
  EXPECT_EQ(table.delivery_address(mailbox("<Postmaster@xn--bcher-kva.example>")), "admin@example.org");
  EXPECT_EQ(table.delivery_address(mailbox("<postmaster@example.org>")), "postmaster@example.org");
  EXPECT_EQ(table.delivery_address(mailbox("<postmaster>")), "postmaster@example.org");
  EXPECT_EQ(table.delivery_address(mailbox("<User@Example.Org>")), "User@Example.Org") << "as it was written";
}

TEST_F(TableTest, says_what_does_not_fit_together) {
  domains = {{{}, {}, "", ""},
             {{"example.org", "example.org", "[192.0.2.1]"},
              {"staff", "ldap:staff", "file:stuff", "any"},
              "insde",
              "not an address"}};
  build();
  std::vector<std::string> found;
  for (const auto& problem : problems.all())
    found.push_back(problem.path + ": " + problem.message +
                    (problem.hint.empty() ? "" : " (" + problem.hint + ")"));
  EXPECT_EQ(found, (std::vector<std::string>{
                       "domains[0].names: names no domain",
                       "domains[0].recipients: names no directory (\"any\" takes every address)",
                       "domains[0].route: names no route (add [routes.inside])",
                       "domains[1].recipients: \"staff\" should be \"file:staff\"",
                       "domains[1].recipients: \"ldap:staff\" should be \"file:staff\"",
                       "domains[1].recipients: there is no directory \"stuff\" (did you mean \"staff\"?)",
                       "domains[1].route: there is no route \"insde\" (did you mean \"inside\"?)",
                       "domains[1].postmaster: \"not an address\" is no mail address",
                       "domains[1].names: \"example.org\" is named twice",
                       "domains[1].names: \"[192.0.2.1]\" is no domain",
                   }));
}

TEST(FileDirectory, reads_what_powershell_writes) {
  std::vector<FileDirectory::Mistake> mistakes;
  const std::string_view text =
      "anna@example.org\r\nb\xC3\xB6rn@example.org\r\n\xF0\x9F\x93\xAC@example.org\r\n";
  for (const bool big : {false, true}) {
    std::u16string units = u"\uFEFFanna@example.org\r\nb\u00F6rn@example.org\r\n\U0001F4EC@example.org\r\n";
    std::string octets;
    for (const auto unit : units) {
      const char high = static_cast<char>(unit >> 8);
      const char low = static_cast<char>(unit & 0xFF);
      octets += big ? high : low;
      octets += big ? low : high;
    }
    const auto directory = FileDirectory::parse(octets, "", mistakes);
    const auto same = FileDirectory::parse(text, "", mistakes);
    EXPECT_EQ(directory->size(), 3U);
    EXPECT_TRUE(directory->added_since(*same).empty());
    EXPECT_TRUE(directory->has_any("example.org"));
    EXPECT_FALSE(directory->has_any("xample.org"));
  }
  EXPECT_TRUE(mistakes.empty());
}

}  // namespace
}  // namespace gatepost::directory
