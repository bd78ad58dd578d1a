#include "gateway/state_transfer.hpp"

#include <gtest/gtest.h>

#include "core/base/text.hpp"
#include "core/state/table.hpp"

namespace gatepost::gateway {
namespace {

using namespace std::string_literals;
using state::Second;

/// A record with a moment in its value.
struct Visit {
  static constexpr bool survives = true;
  static constexpr bool newcomers_yield = false;
  Second until = 0;
  Second expires() const { return until; }
  unsigned worth(Second) const { return 1; }
  std::string encode() const { return "v" + std::to_string(until); }
  static std::optional<Visit> decode(std::string_view text) {
    std::uint64_t until = 0;
    if (!text.starts_with('v') || !base::parse_number(text.substr(1), until)) return std::nullopt;
    return Visit{static_cast<Second>(until)};
  }
  void move(std::int64_t seconds) { until = state::moved(until, seconds); }
};

struct FixedVisit : Visit {
  static std::optional<FixedVisit> decode(std::string_view text) {
    const auto visit = Visit::decode(text);
    return visit ? std::optional(FixedVisit{*visit}) : std::nullopt;
  }
  void move(std::int64_t) = delete;
};

struct Passing : Visit {
  static constexpr bool survives = false;
};

constexpr base::HashKey here{3, 4};
constexpr Second there_now = 10000;
constexpr Second here_now = 50000;

struct StateTransfer : ::testing::Test {
  state::Table<Visit> visits{"visits", here, 1 << 16};
  state::Table<FixedVisit> fixed{"fixed", here, 1 << 16};
  state::Table<Passing> passing{"passing", here, 1 << 16};
  std::vector<state::Durable*> tables{&visits, &fixed, &passing};

  const std::string header = export_line(ExportHeader{"1.2.3", "mx.example.org", {}, there_now});
  static state::Row row(std::string table, std::string name, std::string value = "v10600") {
    return {std::move(table), {1, 2}, std::move(name), std::move(value), there_now + 600};
  }
  static std::string line(const state::Row& row) { return export_line(row, there_now, "came once"); }
  Import read(const std::string& lines) {
    return read_export(header + "\n" + lines, {tables, here, here_now});
  }
};

TEST_F(StateTransfer, lines_are_json_that_people_can_read) {
  EXPECT_EQ(header, R"({"gatepost_state":1,"version":"1.2.3","host":"mx.example.org",)"
                    R"("exported":"1970-01-01T00:00:00.000Z","now":10000})");
  EXPECT_EQ(
      line(row("visits", "a\0\"b\""s)),
      R"({"table":"visits","name":"a\u0000\"b\"","value":"763130363030","expires_in":600,"says":"came once"})");
}

TEST_F(StateTransfer, a_row_arrives_with_the_keys_and_the_clock_of_its_new_home) {
  const auto import = read(line(row("visits", "a@b.test")) + "\r\n\n");
  EXPECT_TRUE(import.problems.empty());
  ASSERT_EQ(import.rows.size(), 1U);
  EXPECT_EQ(import.rows[0].key, visits.key_of("a@b.test"));
  EXPECT_EQ(import.rows[0].expires, here_now + 600);
  EXPECT_EQ(import.rows[0].value, "v50600");
}

TEST_F(StateTransfer, any_octets_may_be_a_name) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (const auto& name : {all, "J\xC3\xBCrgen\0\x01\x7f\\"s, "\xff"s}) {
    const auto import = read(line(row("visits", name)));
    ASSERT_EQ(import.rows.size(), 1U);
    EXPECT_EQ(import.rows[0].name, name);
  }
}

TEST_F(StateTransfer, says_of_all_bad_lines_what_is_wrong) {
  const auto good = line(row("visits", "a"));
  const auto import = read(
      good + "\nrubbish\n[1]\n{\"table\":\"visits\"}\n" + line(row("visits", "")) + "\n" +
      line(row("visits", "b", "w1")) + "\n" + R"({"table":"visits","name":"a","value":"7","expires_in":1})" +
      "\n" + R"({"table":"visits","name":"a","value":"76","expires_in":-1})" + "\n" +
      R"({"table":"visits","name":"a","value":"76","expires_in":9999999999})" + "\n" + good);
  ASSERT_EQ(import.problems.size(), 8U);
  const char* expected[] = {"line 3: it is no JSON: ",
                            "line 4: it is no JSON object",
                            "line 5: \"name\" is missing, or no text",
                            "line 6: \"name\" is empty",
                            "line 7: \"value\" is none of table visits",
                            "line 8: \"value\" is not hexadecimal",
                            "line 9: \"expires_in\" is missing, or no number",
                            "line 10: \"expires_in\" is missing, or no number"};
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_TRUE(import.problems[i].starts_with(expected[i])) << import.problems[i];
}

TEST_F(StateTransfer, knows_a_file_that_is_none) {
  const auto problem_of = [this](std::string_view text) {
    const auto import = read_export(text, {tables, here, here_now});
    return import.problems.size() == 1 ? import.problems[0] : std::to_string(import.problems.size());
  };
  EXPECT_EQ(problem_of(""), "it is empty");
  EXPECT_EQ(problem_of("\n \n"), "it is empty");
  EXPECT_EQ(problem_of(line(row("visits", "a")) + "\nrubbish"),
            "line 1: \"gatepost_state\" is missing, or no number from 0 to 2147483647");
  EXPECT_EQ(problem_of(R"({"gatepost_state":2,"now":1})"),
            "line 1: \"gatepost_state\" is 2: the file comes from another version of Gatepost");
  EXPECT_TRUE(problem_of(R"({"gatepost_state":1})").starts_with("line 1: \"now\" is missing"));
  EXPECT_TRUE(problem_of("SQLite format 3").starts_with("line 1: it is no JSON"));
}

TEST_F(StateTransfer, leaves_out_what_has_no_place_here) {
  auto expired = row("visits", "old");
  expired.expires = there_now;
  const auto import = read(line(row("nowhere", "a")) + "\n" + line(row("passing", "a")) + "\n" +
                           line(row("fixed", "a")) + "\n" + line(expired) + "\n" + line(row("visits", "b")));
  EXPECT_TRUE(import.problems.empty());
  EXPECT_EQ(import.unknown, (std::map<std::string, std::size_t>{{"nowhere", 1}, {"passing", 1}}));
  EXPECT_EQ(import.fixed, (std::map<std::string, std::size_t>{{"fixed", 1}}));
  EXPECT_EQ(import.expired, 1U);
  EXPECT_EQ(import.rows.size(), 1U);
}

TEST_F(StateTransfer, takes_values_as_they_are_where_the_clocks_agree) {
  const auto import = read_export(header + "\n" + line(row("fixed", "a")), {tables, here, there_now});
  ASSERT_EQ(import.rows.size(), 1U);
  EXPECT_EQ(import.rows[0].value, "v10600");
}

}  // namespace
}  // namespace gatepost::gateway
