#include "mail/date.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace gatepost::mail {
namespace {

using std::chrono::seconds;

std::optional<std::int64_t> epoch(std::string_view text) {
  const auto when = parse_date(text);
  if (!when) return std::nullopt;
  return std::chrono::floor<seconds>(*when).time_since_epoch().count();
}

struct Case {
  std::string text;
  std::optional<std::int64_t> epoch;
};

constexpr std::int64_t usual = 1601924757;  // Mon, 05 Oct 2020 19:05:57 UTC

const Case cases[] = {
    {"Mon, 05 Oct 2020 19:05:57 +0000", usual},
    {" Mon , 5 Oct 2020 19:05:57 +0000 ", usual},
    {"\r\n Mon,\r\n\t5 Oct 2020\r\n 19:05:57\r\n +0000", usual},
    {"MON, 5 oct 2020 19:05:57 gmt", usual},
    {"Tue, 5 Oct 2020 19:05:57 +0000", usual},  // it was a Monday
    {"Mon (a (nested \\) one)), 5 () Oct (x) 2020 19 : 05 (y) : 57 +0000 (UTC)", usual},
    {"5 Oct 20 19:05:57 Z", usual},
    {"5 Oct 120 19:05:57 A", usual},
    {"5 Oct 2020 21:05:57 +0200 (CEST)", usual},
    {"5 Oct 2020 14:35:57 -0430", usual},
    {"5 Oct 2020 15:05:57 EDT", usual},
    {"5 Oct 2020 14:05:57 EST", usual},
    {"5 Oct 2020 14:05:57 CDT", usual},
    {"5 Oct 2020 13:05:57 CST", usual},
    {"5 Oct 2020 13:05:57 mdt", usual},
    {"5 Oct 2020 12:05:57 MST", usual},
    {"5 Oct 2020 12:05:57 PDT", usual},
    {"5 Oct 2020 11:05:57 PST", usual},
    {"5 Oct 2020 19:05:57 CEST", usual},  // not a name of RFC 5322: unknown
    {"5 Oct 2020 19:05 +0000", usual - 57},
    {"1 Jan 1970 00:00:00 +0000", 0},
    {"31 Dec 69 23:59:59 +0000", -1},
    {"1 Jan 49 00:00:00 +0000", 2493072000},
    {"1 Jan 50 00:00:00 +0000", -631152000},
    {"29 Feb 2020 00:00:00 +0000", 1582934400},
    {"31 Dec 2016 23:59:60 +0000", 1483228800},  // a leap second
    {"31 Dec 2016 15:59:60 -0800", 1483228800},
    {"31 Dec 9999 23:59:59 +0000", 9223372036},  // more than WallTime can hold
    {"31 Dec 2016 23:58:60 +0000", std::nullopt},
    {"29 Feb 2021 00:00:00 +0000", std::nullopt},
    {"0 Jan 2020 00:00:00 +0000", std::nullopt},
    {"1 Jan 1899 00:00:00 +0000", std::nullopt},
    {"1 Jan 0 00:00:00 +0000", std::nullopt},
    {"1 Jan 20200 00:00:00 +0000", std::nullopt},
    {"1 Jan 2020 24:00:00 +0000", std::nullopt},
    {"1 Jan 2020 00:60:00 +0000", std::nullopt},
    {"1 Jan 2020 00:00:00 +0060", std::nullopt},
    {"1 Jan 2020 00:00:00 +000", std::nullopt},
    {"1 Jan 2020 00:00:00 +00000", std::nullopt},
    {"1 Jan 2020 00:00:00", std::nullopt},
    {"1 Jan 2020 00:00: +0000", std::nullopt},
    {"1 Jan 2020 +0000", std::nullopt},
    {"1 January 2020 00:00:00 +0000", std::nullopt},
    {"Wednesday, 1 Jan 2020 00:00:00 +0000", std::nullopt},
    {"Wed 1 Jan 2020 00:00:00 +0000", std::nullopt},
    {"1 Jan 2020 00:00:00 +0000 GMT", std::nullopt},
    {"1 Jan 2020 00:00:00 GMT+1", std::nullopt},
    {"1 Jan 2020 00:00:00 +0000 (never closed", std::nullopt},
    {"2020-01-01T00:00:00Z", std::nullopt},
    {"", std::nullopt},
    {"  ", std::nullopt},
    {"((((", std::nullopt},
};

TEST(Date, is_read_as_rfc_5322_says_obsolete_forms_included) {
  for (const auto& c : cases) EXPECT_EQ(epoch(c.text), c.epoch) << c.text;
}

TEST(Date, is_written_so_that_it_reads_the_same_again) {
  for (const std::int64_t when :
       {std::int64_t{0}, usual, std::int64_t{1582934400}, std::int64_t{9223372036}}) {
    const auto text = format_date(base::WallTime(seconds(when)));
    EXPECT_EQ(epoch(text), when) << text;
  }
  EXPECT_EQ(format_date(base::WallTime(seconds(usual))), "Mon, 5 Oct 2020 19:05:57 +0000");
}

TEST(DateSuite, agrees_with_rspamd_and_spamassassin) {
  const char* suites = std::getenv("GATEPOST_SUITES");
  const auto file =
      std::filesystem::path(suites != nullptr ? suites : GATEPOST_SOURCE_DIR "/../shared/suites") /
      "headers/date_cases.json";
  std::ifstream in(file);
  if (!in) GTEST_SKIP() << "the public suites are not here: " << file;
  const auto suite = boost::json::parse(std::string{std::istreambuf_iterator<char>(in), {}});
  const auto& dates = suite.at("cases").as_array();
  EXPECT_EQ(dates.size(), 39U);
  for (const auto& date : dates) {
    const std::string text(date.at("date").as_string());
    const auto& expected = date.at("epoch");
    EXPECT_EQ(epoch(text), expected.is_null() ? std::nullopt : std::optional(expected.as_int64())) << text;
  }
}

}  // namespace
}  // namespace gatepost::mail
