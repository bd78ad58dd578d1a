// Access rules: files and what is wrong with them, and that looking up finds what trying each rule finds.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "checks/access_file.hpp"
#include "checks/access_rules.hpp"
#include "checks/address_pattern.hpp"
#include "core/base/text.hpp"
#include "gateway/config.hpp"

namespace gatepost::checks {
namespace {

using Hits = std::vector<AccessHit>;

constexpr std::array<std::string_view, 2> exemptable{"dnsbl", "spf"};

/// "line: message (hint)" for each mistake, and the rules.
struct Csv {
  std::vector<std::pair<std::size_t, AccessRule>> rules;
  std::vector<std::string> mistakes;

  explicit Csv(std::string_view text) {
    CheckFiles files;
    FileMistakes found("test.csv", files);
    read_access_csv(
        text, exemptable,
        [this](AccessRule rule, std::size_t line) { rules.emplace_back(line, std::move(rule)); }, found);
    for (const auto& [file, line, message, hint] : files.mistakes)
      mistakes.push_back(std::to_string(line) + ": " + message + (hint.empty() ? "" : " (" + hint + ")"));
  }
};

TEST(AccessCsv, columns_stand_in_any_order_and_cells_hold_several_patterns) {
  const Csv csv(
      "\xEF\xBB\xBF# ours\r\n"
      "note,action,client,sender,text,expires,checks\r\n"
      "\"he said \"\"no\"\", twice\",deny,192.0.2.1 2001:db8::/32,,please call us,2027-01-31,\r\n"
      "\r\n"
      " # later\r\n"
      ",exempt,, a.example  *.a.example <>,,,spf dnsbl\r\n"
      ",,192.0.2.2,,,,\r\n"
      "\"\",allow,192.0.2.3,,,2027-01-31T12:30:00Z,");
  EXPECT_EQ(csv.mistakes, std::vector<std::string>{});
  ASSERT_EQ(csv.rules.size(), 4U);
  const auto& [line, first] = csv.rules[0];
  EXPECT_EQ(line, 3U);
  EXPECT_EQ(first.then.note, "he said \"no\", twice");
  EXPECT_EQ(first.then.text, "please call us");
  ASSERT_EQ(first.when.client.size(), 2U);
  EXPECT_EQ(first.when.client[1].to_string(), "2001:db8::/32");
  EXPECT_EQ(base::TextForm<Expiry>::print(first.then.expires), "2027-02-01T00:00:00Z");
  const auto& second = csv.rules[1].second;
  EXPECT_EQ(csv.rules[1].first, 6U);
  EXPECT_EQ(second.when.sender, (std::vector<std::string>{"a.example", "*.a.example", "<>"}));
  EXPECT_EQ(second.then.action, AccessAction::exempt);
  EXPECT_EQ(second.then.checks, (std::vector<std::string>{"spf", "dnsbl"}));
  EXPECT_EQ(csv.rules[2].second.then.action, AccessAction::deny);
  EXPECT_EQ(csv.rules[3].second.then.action, AccessAction::allow);
}

TEST(AccessCsv, each_mistake_says_its_line_and_what_was_meant) {
  const struct {
    std::string_view text;
    std::vector<std::string> mistakes;
  } cases[] = {
      {"clent,action\n192.0.2.1,deny\n", {R"(1: there is no column "clent" (did you mean "client"?))"}},
      {"192.0.2.1\n192.0.2.2\n",
       {"1: there is no column \"192.0.2.1\" (the first line names the columns, separated by commas: "
        "client,action,note)"}},
      {"client,note,client\n", {R"(1: there are two columns "client")"}},
      {"client,action\n192.0.2.1,dney\n192.0.2.2,deny\n192.0.2.3,bounce\n",
       {R"(2: action: there is no action "dney" (did you mean "deny"?))",
        R"(4: action: there is no action "bounce" (it is "allow", "deny", "defer" or "exempt"))"}},
      {"client\n192.0.2.1 192.0.2.256\n192.0.2.0/33\n",
       {"2: client: \"192.0.2.256\" is no address or network (like 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32; "
        "several with spaces between)",
        "3: client: \"192.0.2.0/33\" is no address or network (like 192.0.2.1, 192.0.2.0/24 or "
        "2001:db8::/32; several with spaces between)"}},
      {"client,action\n192.0.2.1\n192.0.2.1,deny,\n",
       {"2: has 1 cells where the first line names 2 columns",
        "3: has 3 cells where the first line names 2 columns"}},
      {"client,note\n,why\n",
       {"2: a rule without conditions matches everything (give it client, client_name, helo, sender or "
        "recipient)"}},
      {"client,note\n192.0.2.1,\"open\n192.0.2.1,a\"b\n192.0.2.1,\"a\"b\n192.0.2.1,\xFF\n",
       {"2: a quote is opened and not closed in this line (a cell with a comma or a quote stands in quotes, "
        "a "
        "quote in it twice)",
        "3: a quote stands inside a cell that does not begin with one (a cell with a comma or a quote stands "
        "in "
        "quotes, a quote in it twice)",
        "4: a comma is missing behind a closing quote (a cell with a comma or a quote stands in quotes, a "
        "quote "
        "in it twice)",
        "5: is not UTF-8 (save the file as UTF-8)"}},
      {"client,action,checks\n192.0.2.1,exempt,\n192.0.2.1,deny,spf\n192.0.2.1,exempt,spff\n192.0.2.1,exempt,"
       "recipient\n",
       {R"(2: checks: action exempt does not say from which checks (name them in "checks"))",
        "3: checks: only a rule with action exempt names checks",
        R"(4: checks: there is no check "spff" to exempt from (did you mean "spf"?))",
        R"(5: checks: there is no check "recipient" to exempt from)"}},
      {"client,expires\n192.0.2.1,31.1.2027\n192.0.2.1,2027-02-29\n",
       {"2: expires: \"31.1.2027\" must be a date \"2027-01-31\" or \"2027-01-31T12:00:00Z\", in UTC",
        "3: expires: \"2027-02-29\" must be a date \"2027-01-31\" or \"2027-01-31T12:00:00Z\", in UTC"}},
      {"client,text\n192.0.2.1,gr\xC3\xBC\xC3\x9F\n",
       {"2: text: must be ASCII, since it is part of an SMTP reply"}},
  };
  for (const auto& c : cases) EXPECT_EQ(Csv(c.text).mistakes, c.mistakes) << c.text;
}

TEST(AccessCsv, a_long_row_of_mistakes_is_cut_short) {
  std::string text = "client\n";
  for (int i = 0; i < 20; ++i) text += "x\n";
  EXPECT_EQ(Csv(text).mistakes.size(), 20U);
  EXPECT_EQ(Csv(text + "x\n").mistakes.back(), "0: 1 more mistake");
  EXPECT_EQ(Csv(text + "x\nx\nx\n").mistakes.back(), "0: 3 more mistakes");
}

TEST(AccessList, takes_published_lists_as_they_are) {
  CheckFiles files;
  FileMistakes mistakes("list", files);
  std::string taken;
  read_network_list(
      "; a list\r\n# of networks\r\n192.0.2.0/24 ; SBL1\r\n2001:db8::1\r\n\r\nexample.com\r\n198.51.100.7#x",
      [&taken](base::Network network, std::size_t line) {
        taken += std::to_string(line) + " " + network.to_string() + "\n";
      },
      mistakes);
  EXPECT_EQ(taken, "3 192.0.2.0/24\n4 2001:db8::1/128\n7 198.51.100.7/32\n");
  ASSERT_EQ(files.mistakes.size(), 1U);
  EXPECT_EQ(files.mistakes[0].line, 6U);
  EXPECT_EQ(files.mistakes[0].message, "\"example.com\" is no address or network");
}

TEST(Expiry, is_the_end_of_a_day_or_a_moment) {
  const auto read = [](std::string_view text) {
    Expiry expiry;
    const auto wrong = base::TextForm<Expiry>::parse(text, expiry);
    return wrong.empty() ? base::TextForm<Expiry>::print(expiry) : "wrong";
  };
  EXPECT_EQ(read("2027-12-31"), "2028-01-01T00:00:00Z");
  EXPECT_EQ(read("2028-02-29T23:59:59Z"), "2028-02-29T23:59:59Z");
  EXPECT_EQ(read("9999-12-30"), "9999-12-31T00:00:00Z");
  EXPECT_EQ(read(""), "");
  for (const auto* wrong : {"2027", "2027-13-01", "2027-00-10", "2027-1-31", "2027-01-31T24:00:00Z",
                            "2027-01-31T12:00:00", "2027-01-31 12:00:00Z", "2027-01-31x"})
    EXPECT_EQ(read(wrong), "wrong") << wrong;
  const Expiry expiry{std::chrono::sys_seconds(std::chrono::seconds(100))};
  EXPECT_FALSE(expiry.is_past(std::chrono::sys_seconds(std::chrono::seconds(99))));
  EXPECT_TRUE(expiry.is_past(std::chrono::sys_seconds(std::chrono::seconds(100))));
}

TEST(AccessOptions, say_which_file_is_missing_and_watch_it_all_the_same) {
  const auto config = gateway::read_config_text(
      "[checks.access]\nfiles = [\"/nowhere/a.csv\"]\n[[checks.access.lists]]\npath = \"/nowhere/b\"\n",
      "test");
  CheckFiles files;
  config.options.checks.all().at("access")->make(files);
  EXPECT_EQ(files.read, (std::map<std::string, base::FileStamp>{{"/nowhere/a.csv", {}}, {"/nowhere/b", {}}}));
  ASSERT_EQ(files.mistakes.size(), 2U);
  EXPECT_EQ(files.mistakes[0].file, "/nowhere/a.csv");
  EXPECT_EQ(files.mistakes[0].line, 0U);
}

TEST(AccessOptions, say_which_rule_is_wrong) {
  const auto config = gateway::read_config_text(
      "[[checks.access.rules]]\nsender = [\"a.example\"]\naction = \"exempt\"\nchecks = [\"spff\"]\n"
      "[[checks.access.rules]]\naction = \"deny\"\n"
      "[[checks.access.lists]]\naction = \"exempt\"\nchecks = [\"recipient\"]\n",
      "test");
  std::string all;
  for (const auto& problem : config.problems) {
    if (problem.to_string().find("access") != std::string::npos) all += problem.to_string() + "\n";
  }
  for (const auto* part :
       {"rules[0].checks: there is no check \"spff\" to exempt from", "did you mean \"spf\"?",
        "rules[1]: a rule without conditions matches everything", "lists[0]: a list needs a path",
        "lists[0].checks: there is no check \"recipient\" to exempt from"})
    EXPECT_NE(all.find(part), std::string::npos) << part << " in\n" << all;
}

// ---- Looking up and trying

/// Every rule is tried, one after the other: what AccessRules must come to as well.
class PlainRules {
 public:
  void add(AccessRule rule) { rules_.push_back(std::move(rule)); }

  std::optional<Hits> apply(const AccessFacts& facts) const {
    Hits hits;
    for (std::uint32_t i = 0; i < rules_.size(); ++i) {
      const auto& [when, then] = rules_[i];
      if (facts.now >= then.expires.at) continue;
      const std::array results{one(when.client, &facts.client, contains), one(when.helo, facts.helo, like),
                               one(when.sender, facts.sender, address_matches),
                               one(when.recipient, facts.recipient, address_matches)};
      if (std::count(results.begin(), results.end(), 'n') > 0) continue;
      bool unknown = false;
      if (std::count(results.begin(), results.end(), 'o') == 0) {
        if (!when.client_name.empty()) {
          const auto* name = facts.client_name();
          if (name == nullptr) return std::nullopt;
          unknown = name->state == ClientName::State::unknown;
          const auto confirmed = std::string(name->confirmed());
          if (!unknown && (confirmed.empty() || one(when.client_name, &confirmed, like) == 'n')) continue;
        }
        hits.push_back({i, unknown});
      }
      if (!unknown && then.action != AccessAction::exempt) break;
    }
    return hits;
  }

 private:
  static bool contains(const base::Network& network, const base::IpAddress& address) {
    return network.contains(address);
  }
  static bool like(std::string_view pattern, std::string_view name) {
    return base::wildcard_match(pattern, name);
  }
  /// 'y'es, 'n'o or 'o'pen.
  template <class Pattern, class Value, class Like>
  static char one(const std::vector<Pattern>& patterns, const Value* value, Like like) {
    if (patterns.empty()) return 'y';
    if (value == nullptr) return 'o';
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return like(p, *value); })
               ? 'y'
               : 'n';
  }

  std::vector<AccessRule> rules_;
};

using Words = std::vector<std::string>;

const Words networks{"10.0.0.0/8",    "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3",     "10.1.2.0/25",
                     "2001:db8::/32", "::/0",        "0.0.0.0/0",   "192.0.2.0/24", "2001:db8::1"};
const Words clients{"10.1.2.3",   "10.1.2.200", "10.2.0.1", "2001:db8::1",
                    "2001:db9::", "192.0.2.1",  "8.8.8.8"};
const Words name_patterns{"a.example", "*.example", "*.b.example", "c*.example", "*",
                          "b.example", "A.EXAMPLE", "*.*.example", "other"};
const Words helo_names{"a.example", "b.example", "x.b.example", "y.x.B.example", "cd.example",
                       ".example",  ""};
const Words address_patterns{"u@a.example",  "a.example",   "*.example",  "<>", "*@b.example",
                             "u*@a.example", "U@B.Example", "postmaster", "*",  "*.b.example"};
const Words addresses{"u@a.example", "v@a.example",   "u@b.example", "uv@a.example", "<>",
                      "w@c.example", "w@x.b.example", "postmaster",  "w@other"};

struct Dice {
  std::mt19937 random{4711};

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); }
  const std::string& pick(const Words& words) {
    return words[below(static_cast<std::uint32_t>(words.size()))];
  }
  Words some(const Words& words) {
    Words out;
    for (auto n = below(3) == 0 ? 1 + below(2) : 0; n > 0; --n) out.push_back(pick(words));
    return out;
  }

  AccessRule rule() {
    AccessRule rule;
    while (rule.when.empty()) {
      for (const auto& text : some(networks)) rule.when.client.push_back(*base::Network::parse(text));
      if (below(3) == 0) rule.when.client_name = some(name_patterns);
      rule.when.helo = some(name_patterns);
      rule.when.sender = some(address_patterns);
      rule.when.recipient = some(address_patterns);
    }
    rule.then.action = static_cast<AccessAction>(below(4));
    if (below(5) == 0) rule.then.expires.at = std::chrono::sys_seconds(std::chrono::seconds(below(20)));
    return rule;
  }
};

TEST(AccessRules, finds_what_trying_each_rule_finds_at_every_stage) {
  Dice dice;
  int hit = 0;
  for (int round = 0; round < 3000; ++round) {
    PlainRules plain;
    AccessRules rules;
    rules.add_source("rule");
    for (auto n = 1 + dice.below(12); n > 0; --n) {
      const auto rule = dice.rule();
      plain.add(rule);
      rules.add(rule, 0, 1);
    }
    rules.build();
    const auto client = *base::IpAddress::parse(dice.pick(clients));
    const auto& helo = dice.pick(helo_names);
    const auto& sender = dice.pick(addresses);
    const auto& recipient = dice.pick(addresses);
    ClientName name{static_cast<ClientName::State>(dice.below(4)), dice.pick(helo_names), {}, {}};
    const ClientName* said = dice.below(5) == 0 ? nullptr : &name;
    AccessFacts facts{client,
                      nullptr,
                      nullptr,
                      nullptr,
                      std::chrono::sys_seconds(std::chrono::seconds(dice.below(20))),
                      [&said] { return said; }};
    Hits before;
    for (int stage = 0; stage < 4; ++stage) {
      if (stage == 1) facts.helo = &helo;
      if (stage == 2) facts.sender = &sender;
      if (stage == 3) facts.recipient = &recipient;
      const auto hits = rules.apply(facts);
      ASSERT_EQ(hits, plain.apply(facts)) << "round " << round << " stage " << stage;
      if (!hits) break;
      EXPECT_TRUE(std::includes(hits->begin(), hits->end(), before.begin(), before.end()))
          << "what applied once does so still: round " << round << " stage " << stage;
      if (stage > static_cast<int>(rules.last_stage())) {
        EXPECT_EQ(*hits, before) << "round " << round;
      }
      before = *hits;
    }
    hit += before.empty() ? 0 : 1;
  }
  EXPECT_GT(hit, 1000);
}

TEST(AccessRules, of_hundreds_of_thousands_the_first_that_contains_the_client_applies) {
  AccessRules rules;
  const auto source = rules.add_source("list line");
  // Each /24 of 10.0.0.0/8 in a mixed order, then what is around some of them, then single addresses.
  std::uint32_t line = 0;
  const auto add = [&](const std::string& text) {
    rules.add({{{*base::Network::parse(text)}, {}, {}, {}, {}}, {}}, source, ++line);
  };
  for (std::uint32_t i = 0; i < 65536; ++i) {
    const auto n = i * 40503U % 65536U;
    add("10." + std::to_string(n >> 8) + "." + std::to_string(n & 255U) + ".0/24");
  }
  for (std::uint32_t i = 0; i < 256; ++i) add("10." + std::to_string(i) + ".0.0/16");
  add("0.0.0.0/0");
  add("11.1.2.3");
  add("2001:db8::/32");
  add("11.1.2.3");
  rules.build();
  const auto first = [&rules](std::string_view client) {
    const auto address = *base::IpAddress::parse(client);
    const auto hits = rules.apply({address, nullptr, nullptr, nullptr, {}, {}});
    return hits->empty() ? "none" : rules.name(hits->front().rule);
  };
  for (const std::uint32_t i : {0U, 1U, 77U, 40000U, 65535U}) {
    const auto n = i * 40503U % 65536U;
    EXPECT_EQ(first("10." + std::to_string(n >> 8) + "." + std::to_string(n & 255U) + ".9"),
              "list line " + std::to_string(i + 1));
  }
  EXPECT_EQ(first("11.1.2.3"), "list line 65793");
  EXPECT_EQ(first("2001:db8::9"), "list line 65795");
  EXPECT_EQ(first("2001:db9::9"), "none");
}

TEST(AccessRules, ask_for_the_name_only_if_nothing_else_is_open) {
  AccessRules rules;
  const auto source = rules.add_source("rule");
  AccessRule rule;
  rule.when.client_name = {"*.example"};
  rule.when.sender = {"a.example"};
  rules.add(rule, source, 1);
  rules.build();
  int asked = 0;
  const ClientName name{ClientName::State::confirmed, "mail.example", {}, {}};
  const std::string elsewhere = "x@b.example";
  const std::string here = "x@a.example";
  const base::IpAddress client;
  AccessFacts facts{client, nullptr, nullptr, nullptr, {}, [&] { return ++asked, &name; }};
  EXPECT_EQ(rules.apply(facts), Hits{});
  facts.sender = &elsewhere;
  EXPECT_EQ(rules.apply(facts), Hits{});
  EXPECT_EQ(asked, 0);
  facts.sender = &here;
  EXPECT_EQ(rules.apply(facts), Hits{{0}});
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace gatepost::checks
