#include "webui/page.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "core/base/text.hpp"
#include "sample.hpp"
#include "webui/foreign.hpp"
#include "webui/html.hpp"
#include "webui/style.hpp"
#include "webui/words.hpp"

namespace gatepost::webui {
namespace {

using tests::sample_status;
using tests::sample_time;

bool holds(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string html_of(std::string_view foreign, std::size_t limit = 512) {
  Html html;
  return html.text(foreign, limit).take();
}

std::string number(std::uint64_t value) {
  Html html;
  return html.number(value).take();
}

TEST(Html, escapes_whatever_could_be_markup) {
  EXPECT_EQ(html_of("<script>alert(1)</script>"), "&lt;script&gt;alert(1)&lt;/script&gt;");
  EXPECT_EQ(html_of("a\" onload='x' & b"), "a&quot; onload=&#39;x&#39; &amp; b");
  EXPECT_EQ(html_of("&lt;"), "&amp;lt;");
}

TEST(Html, shows_control_bytes_and_broken_utf8_as_numbers) {
  EXPECT_EQ(html_of(std::string_view("a\0b\r\n\x1b[2J\x7f", 10)), "a\\x00b\\x0d\\x0a\\x1b[2J\\x7f");
  EXPECT_EQ(html_of("\xff\xc0\xaf\xed\xa0\x80"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
  EXPECT_EQ(html_of("\\x41"), "\\\\x41");
  EXPECT_EQ(html_of("J\xC3\xBCrgen \xE2\x82\xAC"), "J\xC3\xBCrgen \xE2\x82\xAC");
}

TEST(Html, leaves_no_byte_of_any_value_as_markup_or_control) {
  for (int first = 0; first < 256; ++first) {
    for (const int second : {0x22, 0x3c, 0x80, 0x9f, 0xbf, 0xff}) {
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second)};
      const auto html = html_of({bytes, 2});
      EXPECT_EQ(html.find_first_of("<>\"'"), std::string::npos) << first;
      EXPECT_TRUE(std::none_of(html.begin(), html.end(), [](char c) {
        return static_cast<unsigned char>(c) < 32 || c == 127;
      })) << first;
    }
  }
}

TEST(Html, cuts_what_is_too_long_before_it_escapes) {
  EXPECT_EQ(html_of("<<<<<<", 3), "&lt;&lt;&lt;...");
}

TEST(Html, groups_digits_by_thousands) {
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(999), "999");
  EXPECT_EQ(number(1000),
            "1\xE2\x80\xAF"
            "000");
  EXPECT_EQ(number(12345678),
            "12\xE2\x80\xAF"
            "345\xE2\x80\xAF"
            "678");
}

TEST(Shown, shows_the_bytes_of_characters_that_hide_or_reorder_text) {
  EXPECT_EQ(shown("moc.\xE2\x80\xAE"
                  "elpmaxe"),
            "moc.\\xe2\\x80\\xaeelpmaxe");
  EXPECT_EQ(shown("\xC2\x9B"
                  "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(shown("a\xE2\x80\x8B"
                  "b\xE2\x81\xA6\xEF\xBB\xBF\xD8\x9C\xC2\xAD"),
            "a\\xe2\\x80\\x8bb\\xe2\\x81\\xa6\\xef\\xbb\\xbf\\xd8\\x9c\\xc2\\xad");
  EXPECT_EQ(shown("\xC2\xA0\xE2\x80\x90\xE2\x80\xAF\xF0\x9F\x93\xAB"),
            "\xC2\xA0\xE2\x80\x90\xE2\x80\xAF\xF0\x9F\x93\xAB");
}

TEST(Words, say_times_and_sizes) {
  EXPECT_EQ(date_and_time(sample_time), "2026-11-20 22:30:00");
  EXPECT_EQ(duration(std::chrono::seconds(-5)), "0 s");
  EXPECT_EQ(duration(std::chrono::seconds(59)), "59 s");
  EXPECT_EQ(duration(std::chrono::seconds(3599)), "59 min 59 s");
  EXPECT_EQ(duration(std::chrono::minutes(125)), "2 h 5 min");
  EXPECT_EQ(duration(std::chrono::hours(76)), "3 d 4 h");
  EXPECT_EQ(age(std::chrono::seconds(-5)), "0 s ago");
  EXPECT_EQ(age(std::chrono::seconds(59)), "59 s ago");
  EXPECT_EQ(age(std::chrono::seconds(3599)), "59 min ago");
  EXPECT_EQ(age(std::chrono::minutes(125)), "2 h ago");
  EXPECT_EQ(age(std::chrono::hours(76)), "3 d ago");
  EXPECT_EQ(octets(0), "0 B");
  EXPECT_EQ(octets(1023), "1023 B");
  EXPECT_EQ(octets(1536), "1.5 KiB");
  EXPECT_EQ(octets(std::uint64_t{5} << 50), "5120.0 TiB");
  EXPECT_EQ(percent(1, 0), 0U);
  EXPECT_EQ(percent(1, 3), 33U);
  EXPECT_EQ(percent(2, 3), 67U);
}

TEST(Page, says_who_it_is_and_since_when) {
  const auto page = status_page(sample_status());
  for (const auto* part : {"<h1>mx.example.test</h1>", "1.2.3", "3 d 4 h", "2026-11-17 18:30:00",
                           "2026-11-20 17:30:00", "<title>mx.example.test"})
    EXPECT_TRUE(holds(page, part)) << part;
}

TEST(Page, has_a_warnings_box_only_if_there_is_something_to_warn_of) {
  auto status = sample_status();
  EXPECT_FALSE(holds(status_page(status), "class=\"warnings\""));
  status.warnings = {"backend <b>192.0.2.8</b> cannot be reached"};
  const auto page = status_page(status);
  EXPECT_TRUE(holds(page, "class=\"warnings\""));
  EXPECT_TRUE(holds(page, "1 warning</h2>"));
  EXPECT_TRUE(holds(page, "<title>1 warning: mx.example.test"));
  EXPECT_TRUE(holds(page, "<li>backend &lt;b&gt;192.0.2.8&lt;/b&gt; cannot be reached</li>"));
}

TEST(Page, tells_refused_from_deferred_by_word) {
  auto status = sample_status();
  status.refusals.push_back(tests::sample_refusal());
  status.refusals.back().reply = "451 4.4.1 come again";
  const auto page = status_page(status);
  EXPECT_TRUE(holds(page, ">refused 5xx<"));
  EXPECT_TRUE(holds(page, ">deferred 4xx<"));
}

TEST(Page, says_in_words_how_backends_are) {
  const auto page = status_page(sample_status());
  for (const auto* part : {">up<", ">down<", ">not seen yet<", "3 of 20", "connection refused", ">1 of 3<"})
    EXPECT_TRUE(holds(page, part)) << part;
}

TEST(Page, says_when_a_certificate_ends) {
  auto status = sample_status();
  status.certificates.push_back({"soon.test", "b.pem", status.now + std::chrono::hours(50)});
  status.certificates.push_back({"old.test", "c.pem", status.now - std::chrono::hours(1)});
  const auto page = status_page(status);
  for (const auto* part : {"in 60 days", "soon: in 2 d 2 h", ">expired<", "2027-01-19"})
    EXPECT_TRUE(holds(page, part)) << part;
}

TEST(Page, shows_a_refusal_whole) {
  auto status = sample_status();
  status.since_start.reasons.clear();  // the reason is not to be found there
  status.refusals[0].time -= std::chrono::minutes(7);
  const auto page = status_page(status);
  for (const auto* part : {"2026-11-20 22:23:00", "7 min ago", ">rcpt<", ">refused 5xx<",
                           ">recipient.unknown<", ">7KQ2M9XYZ0<", ">203.0.113.9:4711<", ">mail.sender.test<",
                           ">a@sender.test<", ">b@example.test<", ">550 5.1.1 no such user [7KQ2M9XYZ0]<"})
    EXPECT_TRUE(holds(page, part)) << part;
}

TEST(Page, says_beside_a_reply_what_it_rests_on) {
  auto status = sample_status();
  EXPECT_TRUE(holds(status_page(status), "data-label=\"why\">recipient: it is in no directory<"));
  status.refusals[0].evidence.clear();
  EXPECT_FALSE(holds(status_page(status), "data-label=\"why\""));
}

TEST(Page, shows_each_check_with_its_mode_reasons_and_both_counts) {
  const auto page = status_page(sample_status());
  std::size_t at = page.find("id=\"checks\"");
  for (const auto* part :
       {"<b>helo</b>", ">enforce<", ">helo.syntax<", "refused\">540<", "exempt\">542<", "<b>spf</b>",
        ">observe<", ">spf.fail<", "would refuse\">544<", "of these delivered\">545<", ">spf.softfail<",
        "noted\">546<", ">spf.temperror<", "unknown\">548<", "<b>headers</b>", ">off<", "<b>protocol</b>",
        ">limit.errors<"}) {
    at = page.find(part, at);
    ASSERT_NE(at, std::string::npos) << part;
  }
}

TEST(Page, lists_what_observe_mode_let_through) {
  auto status = sample_status();
  auto page = status_page(status);
  for (const auto* part : {"2026-11-20 22:27:00", ">0BS3RVED00<", ">spf.fail<", ">198.51.100.9:2525<",
                           ">mail.observed.test<", ">c@observed.test<", ">d@example.test and 2 more<",
                           ">delivered<", "spf: reject<", ">-all of observed.test<"})
    EXPECT_TRUE(holds(page, part)) << part;
  status.observed[0].delivered = false;
  status.observed[0].sender.clear();
  page = status_page(status);
  EXPECT_TRUE(holds(page, ">not delivered<"));
  EXPECT_TRUE(holds(page, "&lt;&gt;"));
}

TEST(Page, shows_resolvers_cache_and_witnesses) {
  const auto page = status_page(sample_status());
  for (const auto* part :
       {">192.0.2.53:53<", ">6.2 ms<", ">says SERVFAIL<", ">down<", ">timed out<", "(93 %)", ">the resolver<",
        ">trusted<", ">2 h ago<", ">not trusted<", ">it lists 127.0.0.1<", ">not examined yet<"})
    EXPECT_TRUE(holds(page, part)) << part;
}

TEST(Page, shows_how_full_the_memory_is) {
  const auto page = status_page(sample_status());
  std::size_t at = page.find("id=\"state\"");
  for (const auto* part :
       {">greylist<",
        "entries\">8\xE2\x80\xAF"
        "101<",
        ">50 %<", ">810.0 KiB<", "made way\">83<", "not taken\">84<", ">survives a restart<", ">rates<",
        ">gone at a restart<", ": well. Last written 4 s ago",
        "could not be written yet: 85. Written since the start: 8\xE2\x80\xAF"
        "600; failures: 87"}) {
    at = page.find(part, at);
    ASSERT_NE(at, std::string::npos) << part;
  }
}

TEST(Page, says_since_when_and_why_the_memory_is_not_written) {
  auto status = sample_status();
  status.state.store.up = false;
  status.state.store.since = sample_time - std::chrono::minutes(9);
  status.state.store.why = "disk full";
  status.state.store.last_write = std::nullopt;
  const auto page = status_page(status);
  EXPECT_TRUE(holds(page, "not well</span> since 2026-11-20 22:21:00: disk full. Mail goes on"));
  EXPECT_TRUE(holds(page, "Last written never"));
}

TEST(Page, lists_all_refusals_in_the_order_given) {
  auto status = sample_status();
  status.refusals.assign(200, tests::sample_refusal());
  for (std::size_t i = 0; i < 200; ++i) status.refusals[i].id = fmt::format("ID{:08}", i);
  const auto page = status_page(status);
  std::size_t at = 0;
  for (const auto& refusal : status.refusals) {
    at = page.find(">" + refusal.id + "<", at);
    ASSERT_NE(at, std::string::npos) << refusal.id;
  }
}

TEST(Page, shows_the_reasons_below_their_stage_with_both_counts) {
  auto status = sample_status();
  status.since_start.reasons[{smtp::Stage::helo, true, "protocol.bad_helo"}] = 7;
  const auto page = status_page(status);
  std::size_t at = 0;
  for (const auto* part : {"<b>helo</b>", ">protocol.bad_helo<", ">refused 5xx<", ">0</td>", ">7</td>",
                           "<b>rcpt</b>", ">relay.backend_down<", ">deferred 4xx<", ">531</td>",
                           ">2\xE2\x80\xAF"
                           "000\xE2\x80\xAF"
                           "131</td>",
                           ">recipient.unknown<"}) {
    at = page.find(part, at);
    ASSERT_NE(at, std::string::npos) << part;
  }
  EXPECT_EQ(page.find("<b>rcpt</b>"), page.rfind("<b>rcpt</b>"));
  for (const auto* part : {"<b>connect</b>", "<b>mail</b>", "<b>data</b>", "<b>message</b>"})
    EXPECT_FALSE(holds(page, part)) << part;
}

TEST(Page, puts_a_dash_where_a_refusal_has_nothing_to_show) {
  auto status = sample_status();
  EXPECT_FALSE(holds(status_page(status), "\xE2\x80\x93"));
  status.refusals[0].helo.clear();
  EXPECT_TRUE(holds(status_page(status), "data-label=\"HELO\"><span class=\"zero\">\xE2\x80\x93</span>"));
}

TEST(Page, writes_the_null_sender_as_such_and_none_before_mail) {
  auto status = sample_status();
  status.refusals[0].sender.clear();
  EXPECT_TRUE(holds(status_page(status), "&lt;&gt;"));
  status.refusals[0].stage = smtp::Stage::helo;
  EXPECT_FALSE(holds(status_page(status), "&lt;&gt;"));
}

TEST(Page, says_in_words_that_a_table_is_empty) {
  Status empty;
  auto page = status_page(empty);
  for (const auto* part :
       {"No client has connected since the start.", "The last 200 that are will be listed here",
        "No backend is configured.", "There is no check.", "No resolver is in use.",
        "No check in observe mode would have refused anything", "Nothing is to be remembered.",
        "No check takes anybody's word.", "No certificate is in use.", "No directory is configured."})
    EXPECT_TRUE(holds(page, part)) << part;
  empty.since_start.sessions = 1;
  page = status_page(empty);
  EXPECT_FALSE(holds(page, "No client has connected"));
  EXPECT_TRUE(holds(page, "Nothing has been refused or deferred since the start.</p>"));
}

TEST(Page, links_to_places_that_are_there_even_if_they_are_empty) {
  for (const auto& status : {sample_status(), Status{}}) {
    const auto page = status_page(status);
    std::size_t links = 0;
    for (auto at = page.find("href=\"#"); at != std::string::npos; at = page.find("href=\"#", at + 1)) {
      ++links;
      const auto name = page.substr(at + 7, page.find('"', at + 7) - at - 7);
      EXPECT_TRUE(holds(page, "id=\"" + name + "\"")) << name;
    }
    EXPECT_EQ(links, 9U);
  }
}

/// A status in which everything that can be foreign is.
Status hostile_status(const std::string& bytes) {
  auto status = sample_status();
  status.warnings = {bytes};
  status.reload_error = status.hostname = status.version = bytes;
  status.refusals = {
      {sample_time, bytes, bytes, bytes, bytes, bytes, bytes, "token", smtp::Stage::helo, bytes}};
  auto& observed = status.observed[0];
  observed.id = observed.client = observed.helo = observed.sender = observed.recipient = observed.evidence =
      bytes;
  status.dns.resolvers = {{bytes, true, 1, 1, 1, 1, 1, 1, bytes}};
  status.dns.witnesses = {{bytes, false, sample_time, bytes}};
  status.state.tables = {{bytes, true, 1, 1, 1, 1, 1}};
  status.state.store.up = false;
  status.state.store.why = bytes;
  status.backends = {{bytes, bytes, true, true, 0, 0, 0, 0, 0, 0, 0, bytes}};
  status.certificates = {{bytes, bytes, sample_time}};
  status.directories = {{bytes, 1}};
  return status;
}

/// Tags with their attributes, in the order they stand in.
std::vector<std::string> tags_of(const std::string& page) {
  static const std::regex tag("<[^>]*>");
  std::vector<std::string> tags;
  for (std::sregex_iterator at(page.begin(), page.end(), tag), end; at != end; ++at)
    tags.push_back(at->str());
  return tags;
}

TEST(Page, has_the_same_tags_whatever_others_sent) {
  const auto harmless = tags_of(status_page(hostile_status("x")));
  for (const std::string& bytes :
       {std::string("<script>alert(1)</script>"), std::string("\"><img src=x onerror='alert(1)'>"),
        std::string("</td></table><!--"), std::string("]]>--><svg/onload=1>"),
        std::string("\xC0\xBCscript\xC0\xBE"), std::string("+ADw-script+AD4-"), std::string("<\0script>", 9),
        std::string(5000, '<')}) {
    EXPECT_EQ(tags_of(status_page(hostile_status(bytes))), harmless) << bytes;
  }
}

TEST(Page, holds_no_character_that_hides_or_reorders_others) {
  std::string bytes = "\xE2\x80\xAE\xE2\x80\x8B\xC2\x9B\xD8\x9C\xE2\x81\xA6\xEF\xBB\xBF";
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  const auto page = status_page(hostile_status(bytes));
  EXPECT_TRUE(base::is_utf8(page));
  for (const auto* hidden :
       {"\xE2\x80\xAE", "\xE2\x80\x8B", "\xC2\x9B", "\xD8\x9C", "\xE2\x81\xA6", "\xEF\xBB\xBF"})
    EXPECT_FALSE(holds(page, hidden));
  EXPECT_TRUE(
      std::none_of(page.begin(), page.end(), [](char c) { return base::is_control(c) && c != '\n'; }));
}

TEST(Page, closes_every_tag_it_opens) {
  std::vector<std::string> open;
  static const std::set<std::string> empty_elements{"meta", "link", "!DOCTYPE"};
  for (const auto& tag : tags_of(status_page(hostile_status("x")))) {
    const bool closing = tag[1] == '/';
    const auto from = closing ? 2U : 1U;
    const auto name = tag.substr(from, tag.find_first_of(" >", from) - from);
    if (empty_elements.count(name) > 0) continue;
    if (!closing) {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << tag;
    EXPECT_EQ(open.back(), name);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(Page, needs_nothing_that_its_policy_forbids) {
  const auto page = status_page(sample_status());
  for (const auto* part : {"<script", " style=", "<style", " onclick", "javascript:", "<iframe", "<form",
                           "<base", "http://mx", "https://"})
    EXPECT_FALSE(holds(page, part)) << part;
  EXPECT_FALSE(holds(style_sheet, "url("));
  EXPECT_FALSE(holds(style_sheet, "@import"));
}

TEST(Page, names_its_columns_and_tables) {
  const auto page = status_page(sample_status());
  const auto count = [&page](std::string_view part) {
    std::size_t n = 0;
    for (auto at = page.find(part); at != std::string::npos; at = page.find(part, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count("<table"), 12U);
  EXPECT_EQ(count("<caption>"), 12U);
  for (const auto& tag : tags_of(page)) {
    const bool heads = tag.starts_with("<th ") || tag == "<th>";
    EXPECT_TRUE(!heads || holds(tag, "scope=\"")) << tag;
  }
}

}  // namespace
}  // namespace gatepost::webui
