#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "gateway/config.hpp"
#include "gateway/snapshot.hpp"
#include "webui/server.hpp"

namespace gatepost::gateway {
namespace {

const std::string good = R"(hostname = "mx1.example.org"
[smtp]
listen = ["127.0.0.1:2525"]
[[domains]]
names = ["example.org"]
recipients = ["any"]
route = "inside"
[routes.inside]
servers = ["10.0.0.5:25"]
tls = "none"
)";

std::vector<std::string> problems(const std::string& text) {
  auto config = read_config_text(text, "f");
  ServerRegistry servers;
  const auto snapshot = Snapshot::build(config, servers, false);
  std::vector<std::string> found;
  for (const auto& problem : snapshot ? snapshot->config.problems : config.problems)
    found.push_back(problem.to_string());
  return found;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const auto at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

TEST(Config, takes_a_small_one) {
  EXPECT_EQ(problems(good), std::vector<std::string>{});
  const auto config = read_config_text(good, "f");
  EXPECT_EQ(config.options.hostname, "mx1.example.org");
  EXPECT_EQ(config.options.smtp.listen.at(0).to_string(), "127.0.0.1:2525");
  EXPECT_EQ(config.options.routes.at("inside").servers.at(0).to_string(), "10.0.0.5:25");
  EXPECT_EQ(config.options.smtp.protocol.max_message_size, base::operator""_MiB(36));
}

TEST(Config, says_file_line_column_what_and_what_was_probably_meant) {
  const struct {
    const char* what;
    const char* by;
    std::vector<std::string> expected;
  } cases[] = {
      {"hostname",
       "hostnam",
       {"f: error: hostname: is missing (add hostname = \"mx1.example.org\" with the name of your MX record)",
        "f:1:1: error: there is no option \"hostnam\" (did you mean \"hostname\"?)"}},
      {"[smtp]",
       "[smpt]",
       {"f: error: smtp.listen: is missing (add listen = [\"0.0.0.0:25\", \"[::]:25\"] to [smtp])",
        "f:2:2: error: there is no option \"smpt\" (did you mean \"smtp\"?)"}},
      {"\"127.0.0.1:2525\"",
       "\"127.0.0.1\"",
       {"f:3:11: error: smtp.listen \"127.0.0.1\": must be an address and a port like \"192.0.2.1:25\" or "
        "\"[2001:db8::1]:25\""}},
      {"\"127.0.0.1:2525\"",
       "25",
       {"f:3:11: error: smtp.listen must be a address:port in quotes, not a number"}},
      {"tls = \"none\"",
       "tls = \"none",
       {"f:10:12: error: Error while parsing string: unescaped control characters other than TAB (U+0009) "
        "are explicitly prohibited"}},
      {"\"none\"",
       "\"always\"",
       {"f:10:7: error: routes.inside.tls \"always\": must be one of \"none\", \"opportunistic\", "
        "\"require\", \"verify\""}},
      {"\"none\"",
       "\"none\"\nmax_connections = 0",
       {"f:11:19: error: routes.inside.max_connections must be between 1 and 10000"}},
      {"\"none\"",
       "\"none\"\nmax_connections = \"9\"",
       {"f:11:19: error: routes.inside.max_connections must be a whole number, not a text"}},
      {"\"none\"",
       "\"none\"\nidle_timeout = \"5\"",
       {"f:11:16: error: routes.inside.idle_timeout \"5\": must be a time like \"30 s\", \"5 min\" or \"250 "
        "ms\""}},
      {"= \"inside\"",
       "= \"insde\"",
       {"f:7:9: error: domains[0].route: there is no route \"insde\" (did you mean \"inside\"?)"}},
      {"[\"any\"]",
       "[\"file:staff\"]",
       {"f:6:14: error: domains[0].recipients: there is no directory \"staff\" (add [directories.staff])"}},
      {"[\"example.org\"]",
       "[\"exam ple\", \"example.org\", \"EXAMPLE.org\"]",
       {"f:5:9: error: domains[0].names: \"exam ple\" is no domain",
        "f:5:9: error: domains[0].names: \"EXAMPLE.org\" is named twice"}},
      {"[[domains]]",
       "[domains]",
       {"f:4:1: error: domains must be a list of tables [[domains]], not a table"}},
      {"\"10.0.0.5:25\"",
       "\"127.0.0.1:2525\"",
       {"f:9:11: error: routes.inside.servers: 127.0.0.1:2525 is where we listen ourselves: mail would go "
        "round in a loop"}},
      {"[[domains]]",
       "max_message_size = \"3 GiB\"\nbare_newline = true\n[[domains]]",
       {"f:4:20: error: smtp.max_message_size: must be at most 2 GiB",
        "f:5:16: error: smtp.bare_newline must be a \"normalize\" or \"reject\" in quotes, not true or "
        "false"}},
      {"[smtp]",
       "[web]\nlisten = \"0.0.0.0:80\"\n[smtp]",
       {"f:3:10: error: web.listen: 0.0.0.0:80 is not loopback, and password_hash is not set (run `gatepost "
        "web passwd`, or listen at 127.0.0.1)"}},
      {"[[domains]]",
       "[checks.acess]\nmode = \"off\"\n[[domains]]",
       {"f:4:9: error: there is no option \"checks.acess\" (did you mean \"access\"?)"}},
      {"[[domains]]",
       "[checks.greylist]\nexempt_senders = [\"a.example\", \"@b.example\"]\nexempt_recipients = [\"\"]\n"
       "[checks.sender_callout]\nexcluded_domains = [\"news@\"]\n[policy]\nexempt_recipients = [\"a b\"]\n"
       "[[checks.access.rules]]\nsender = [\"@c.example\"]\n[[domains]]",
       {"f:5:18: error: checks.greylist.exempt_senders[1]: \"@b.example\" matches nothing: a domain is "
        "written "
        "without \"@\" here",
        "f:6:21: error: checks.greylist.exempt_recipients[0]: is empty",
        "f:8:20: error: checks.sender_callout.excluded_domains[0]: \"news@\" has no domain; \"user@*\" is "
        "that "
        "user at each domain",
        "f:10:21: error: policy.exempt_recipients[0]: \"a b\" holds a separator: each address is a text of "
        "its "
        "own",
        "f:12:10: error: checks.access.rules[0].sender: \"@c.example\" matches nothing: a domain is written "
        "without \"@\" here"}},
      {"[[domains]]",
       "[[checks.access.rules]]\naction = \"deny\"\n[[domains]]",
       {"f:4:1: error: checks.access.rules[0]: a rule without conditions matches everything (give it client, "
        "client_name, helo, sender or recipient)"}},
      {"[[domains]]",
       "[checks.dnsbl]\nthreshold = 0\n[[checks.dnsbl.lists]]\nzone = \"list example\"\ncodes = "
       "[\"10.0.0.2\"]\nweight = \"1\"\n[[domains]]",
       {"f:5:13: error: checks.dnsbl.threshold: must be more than 0",
        "f:7:8: error: checks.dnsbl.lists[0].zone \"list example\": is no domain name",
        "f:8:10: error: checks.dnsbl.lists[0].codes \"10.0.0.2\": must be a code in 127.0.0.0/8 like "
        "\"127.0.0.2\", \"127.0.0.4-7\" (a range within an octet) or \"mask 0.0.0.8\" (all with this bit)",
        "f:9:10: error: checks.dnsbl.lists[0].weight must be a number, not a text"}},
      {"[[domains]]",
       "[[checks.dnsbl.lists]]\nzone = \"a.example\"\nfamilies = []\nweight = nan\n"
       "[[checks.domain_list.lists]]\nzone = \"a.example\"\ncodes = []\nlookup = []\nname = \"Ã¤\"\n"
       "[[domains]]",
       {"f:6:12: error: checks.dnsbl.lists[0].families: without families the list is never asked",
        "f:7:10: error: checks.dnsbl.lists[0].weight must be between -1000 and 1000",
        "f:10:9: error: checks.domain_list.lists[0].codes: without codes nothing is ever listed",
        "f:11:10: error: checks.domain_list.lists[0].lookup: without names the list is never asked",
        "f:12:8: error: checks.domain_list.lists[0].name: must be ASCII, since it is part of an SMTP reply"}},
      {"[[domains]]",
       "[[checks.dnsbl.lists]]\nkey = \"a b\"\n[[checks.dnsbl.lists]]\nzone = \"a.example\"\n"
       "[[checks.dnsbl.lists]]\nzone = \"A.example.\"\nfamilies = [\"ipv6\", \"ipv4\"]\n[[domains]]",
       {"f:4:1: error: checks.dnsbl.lists[0].zone: is missing",
        "f:5:7: error: checks.dnsbl.lists[0].key: is too short for a key (write it at the front of zone)",
        "f:8:1: error: checks.dnsbl.lists[2]: there is another list of this name (give it a name of its "
        "own)"}},
      {"[[domains]]",
       "[checks.recipient]\nmode = \"off\"\n[[domains]]",
       {"f:5:1: error: there is no option \"checks.recipient.mode\""}},
      {"[[domains]]",
       "[checks.dynamic_host]\nexcept = [\"^gw\", \"(\"]\n[[domains]]",
       {"f:5:10: error: checks.dynamic_host.except[1]: missing ): ("}},
  };
  for (const auto& c : cases) EXPECT_EQ(problems(replaced(good, c.what, c.by)), c.expected) << c.by;
}

TEST(Config, tells_all_mistakes_at_once) {
  const auto many =
      replaced(replaced(replaced(good, "\"none\"", "\"never\""), "= \"inside\"", "= \"outside\""), "hostname",
               "host_name");
  EXPECT_EQ(problems(many).size(), 4U);
}

TEST(Config, reads_what_its_own_reference_says) {
  // Every option of the reference exists, at its place; what is commented out has no default.
  auto text = config_reference();
  for (const auto& [what, by] :
       {std::pair<std::string, std::string>("# hostname = ", "hostname = "),
        {"# listen = [\"0.0.0.0:25\", \"[::]:25\"]", "listen = [\"127.0.0.1:2525\"]"}})
    text = replaced(text, what, by);
  const auto config = read_config_text(text, "reference");
  for (const auto& problem : config.problems)
    EXPECT_EQ(problem.to_string().find("there is no option"), std::string::npos) << problem.to_string();
}

TEST(Config, has_its_reference_in_the_docs) {
  std::ifstream in(GATEPOST_SOURCE_DIR "/docs/configuration.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(page.find(config_reference()), std::string::npos) << "run scripts/gendocs";
}

TEST(Config, dumps_what_is_in_force_without_secrets) {
  const auto hash = "\"" + webui::password_hash("secret") + "\"";
  auto config =
      read_config_text(good + "[web]\nlisten = \"127.0.0.1:8025\"\npassword_hash = " + hash + "\n", "f");
  const auto dump = config_dump(config.options);
  EXPECT_NE(dump.find("password_hash = \"********\""), std::string::npos);
  EXPECT_EQ(dump.find("pbkdf2"), std::string::npos);
  EXPECT_NE(dump.find("[routes.inside]"), std::string::npos);
  auto again = read_config_text(replaced(dump, "\"********\"", hash), "dump");
  EXPECT_EQ(again.has_errors(), false) << again.problems.at(0).to_string();
}

TEST(Config, takes_canaries_as_a_text_and_as_a_table) {
  const struct {
    const char* canary;
    const char* printed;
    std::vector<std::string> mistakes;
  } cases[] = {
      {"\"rfc5782\"", "\"rfc5782\"", {}},
      {"\"none\"", "\"none\"", {}},
      {"{ listed = \"192.0.2.1\", clean = \"192.0.2.2\" }", "\"listed 192.0.2.1, clean 192.0.2.2\"", {}},
      {"\"clean 192.0.2.2, listed 192.0.2.1\"", "\"listed 192.0.2.1, clean 192.0.2.2\"", {}},
      {"{ listed = \"192.0.2.1\", clean = \"TEST\" }",
       "\"listed 192.0.2.1, clean TEST\"",
       {"f:13:10: error: checks.dnsbl.lists[0].canary: \"TEST\" cannot be in a list (IPv4)"}},
      {"{ listed = \"192.0.2.1\" }",
       "\"rfc5782\"",
       {"f:13:10: error: checks.dnsbl.lists[0].canary \"listed 192.0.2.1\": must be \"rfc5782\", \"none\" or "
        "a "
        "table: { listed = \"...\", clean = \"...\" }"}},
      {"{ listed = 1, clear = \"192.0.2.1\" }",
       "\"rfc5782\"",
       {"f:13:10: error: checks.dnsbl.lists[0].canary \"clear 192.0.2.1, listed \": must be \"rfc5782\", "
        "\"none\" or a table: { listed = \"...\", clean = \"...\" }"}},
  };
  for (const auto& c : cases) {
    const auto text = good + "[[checks.dnsbl.lists]]\nzone = \"list.example\"\ncanary = " + c.canary + "\n";
    EXPECT_EQ(problems(text), c.mistakes) << c.canary;
    auto config = read_config_text(text, "f");
    const auto dump = config_dump(config.options);
    EXPECT_NE(dump.find(std::string("canary = ") + c.printed), std::string::npos) << dump;
  }
}

TEST(Config, shows_no_key_of_a_list) {
  auto config =
      read_config_text(good +
                           "[[checks.dnsbl.lists]]\nzone = \"zen.example\"\nkey = \"aaaa1111bbbb2222\"\n"
                           "[[checks.domain_list.lists]]\nzone = \"cccc3333dddd4444.dbl.example\"\n",
                       "f");
  const auto dump = config_dump(config.options);
  for (const auto* part : {"aaaa1111", "cccc3333"}) EXPECT_EQ(dump.find(part), std::string::npos);
  EXPECT_NE(dump.find("zone = \"zen.example\"\nkey = \"********\""), std::string::npos);
  EXPECT_NE(dump.find("zone = \"********.dbl.example\""), std::string::npos);
}

TEST(Config, warns_of_a_key_in_a_zone) {
  EXPECT_EQ(
      problems(good + "[[checks.domain_list.lists]]\nzone = \"cccc3333dddd4444.dbl.example\"\n"),
      std::vector<std::string>{"f:12:8: warning: checks.domain_list.lists[0].zone: its first label looks "
                               "like a key (write it as key = \"...\")"});
}

TEST(Config, takes_the_lists_that_are_shipped) {
  std::ifstream in(GATEPOST_SOURCE_DIR "/etc/dns-lists.toml");
  const std::string lists{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(problems(good + lists), std::vector<std::string>{});
  const auto config = read_config_text(good + lists, "f");
  checks::CheckFiles files;
  for (const auto* check : {"dnsbl", "domain_list"})
    EXPECT_FALSE(config.options.checks.all().at(check)->make(files)->witnesses().empty()) << check;
}

struct RecipientsTest : testing::Test {
  std::string directory = testing::TempDir() + "gatepost-config-" + std::to_string(::getpid());
  RecipientsTest() { std::filesystem::create_directories(directory); }
  ~RecipientsTest() override { std::filesystem::remove_all(directory); }
  std::string with(const std::string& recipients) {
    std::ofstream(directory + "/recipients") << recipients;
    return replaced(good, "[\"any\"]", "[\"file:staff\"]") + "[directories.staff]\npath = \"" + directory +
           "/recipients\"\n";
  }
};

TEST_F(RecipientsTest, must_have_postmaster_and_abuse) {
  EXPECT_EQ(problems(with("postmaster@example.org\nabuse@example.org\n")), std::vector<std::string>{});
  const auto found = problems(with("user@example.org\n"));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].find("f:4:1: warning: domains: postmaster@example.org is not known"), 0U) << found[0];
}

TEST_F(RecipientsTest, are_checked_line_by_line) {
  const auto found =
      problems(with("postmaster@example.org\n# fine\nabuse@example.org # fine too\n\nuser "
                    "example.org\nuser@\n@example.net\r\n"));
  EXPECT_EQ(found,
            (std::vector<std::string>{directory + "/recipients:5:1: error: \"user example.org\" is no mail "
                                                  "address (one address a line; # begins a comment)",
                                      directory + "/recipients:6:1: error: \"user@\" is no mail address (one "
                                                  "address a line; # begins a comment)"}));
}

TEST_F(RecipientsTest, must_be_readable) {
  const auto found = problems(replaced(with(""), "/recipients", "/nothing"));
  EXPECT_EQ(found.at(0), "f:12:8: error: directories.staff.path: cannot read recipients from " + directory +
                             "/nothing: No such file or directory");
}

TEST(Offer, is_what_every_backend_seen_can_do) {
  auto config =
      read_config_text(replaced(good, "[\"10.0.0.5:25\"]", "[\"10.0.0.5:25\", \"10.0.0.6:25\"]"), "f");
  ServerRegistry servers;
  const auto snapshot = Snapshot::build(config, servers, false);
  ASSERT_TRUE(snapshot);
  using smtp::Extension;
  const auto names = [&] {
    std::string text;
    for (std::size_t i = 0; i < smtp::extension_names.size(); ++i) {
      if (snapshot->offer().has(static_cast<Extension>(i)))
        text += (text.empty() ? "" : " ") + std::string(smtp::extension_names[i]);
    }
    return text;
  };
  EXPECT_EQ(names(), "PIPELINING SIZE 8BITMIME ENHANCEDSTATUSCODES CHUNKING")
      << "before any was seen; without a certificate no STARTTLS";
  smtp::Extensions one;
  one.add(Extension::eight_bit_mime).add(Extension::smtputf8).add(Extension::size).add(Extension::dsn);
  one.max_size = 37748736;
  servers.get({"10.0.0.5", 25}, 18)->learned(one);
  EXPECT_EQ(names(), "PIPELINING SIZE 8BITMIME SMTPUTF8 ENHANCEDSTATUSCODES CHUNKING LIMITS DSN");
  EXPECT_EQ(snapshot->offer().max_size, 37748736U - 65536U);
  smtp::Extensions other;
  other.add(Extension::eight_bit_mime);
  other.rcpt_max = 50;
  servers.get({"10.0.0.6", 25}, 18)->learned(other);
  EXPECT_EQ(names(), "PIPELINING SIZE 8BITMIME ENHANCEDSTATUSCODES CHUNKING LIMITS");
  EXPECT_EQ(snapshot->offer().rcpt_max, 50U);
}

}  // namespace
}  // namespace gatepost::gateway
