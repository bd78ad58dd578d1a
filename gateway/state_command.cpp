#include "gateway/state_command.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <map>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.hpp"
#include "gateway/state_names.hpp"
#include "gateway/state_view.hpp"

namespace gatepost::gateway {
namespace {

namespace json = boost::json;

/// More are forgotten only by who says so.
constexpr std::size_t most_unasked = 10;

int complain(const std::string& what, StateExit code = state_unreachable) {
  std::fprintf(stderr, "gatepost state: %s\n", what.c_str());
  return code;
}

std::string rows_in_words(std::size_t count) {
  return fmt::format("{} {}", count, count == 1 ? "entry" : "entries");
}

std::string name_of(const state::Row& row) {
  return row.name.empty() ? "(without a name)" : shown_name(row.name);
}

void print_rows(const StateView& view, std::span<const state::Row> rows) {
  for (const auto& row : rows) {
    const auto says = view.says(row);
    fmt::print("{:<12} {}: {}{}expires in {}\n", row.table, name_of(row), says, says.empty() ? "" : "; ",
               base::duration_in_words(std::int64_t{row.expires} - view.now()));
  }
}

/// How many rows each table has, also if it has none.
void print_counts(const StateView& view, const ChosenRows& chosen) {
  for (const auto& [table, count] : chosen.counts) {
    const auto* known = view.remembered().find(table);
    fmt::print("{:<12} {}{}\n", table, rows_in_words(count),
               known == nullptr     ? " (this version does not know them)"
               : !known->survives() ? " (in the gateway's memory only, never in the file)"
                                    : "");
  }
}

json::string text(std::string_view from) {
  return {json::string_view(from.data(), from.size())};
}

json::object row_as_json(const StateView& view, const state::Row& row) {
  json::object object;
  object["table"] = text(row.table);
  object["name"] = text(base::is_utf8(row.name) ? row.name : shown_name(row.name));
  object["shown"] = text(name_of(row));
  object["says"] = text(view.says(row));
  object["expires_in"] = row.expires > view.now() ? row.expires - view.now() : 0;
  return object;
}

void print_json(const StateView& view, const ChosenRows& chosen, std::size_t listed) {
  json::array rows;
  for (std::size_t i = 0; i < listed; ++i) rows.push_back(row_as_json(view, chosen.rows[i]));
  json::object counts;
  for (const auto& [table, count] : chosen.counts)
    counts[json::string_view(table.data(), table.size())] = count;
  json::object all;
  all["file"] = text(view.file());
  all["age"] = view.age().count();
  const auto runs = view.gateway_runs();
  all["gateway_runs"] = runs ? json::value(*runs) : json::value(nullptr);
  all["rows"] = std::move(rows);
  all["more"] = chosen.rows.size() - listed;
  all["without_name"] = chosen.unnamed;
  all["tables"] = std::move(counts);
  fmt::print("{}\n", json::serialize(all));
}

void print_list(const StateView& view, const ChosenRows& chosen, std::size_t listed, bool searched) {
  const auto runs = view.gateway_runs();
  fmt::print("{}, written {} ago{}\n\n", view.file(), base::duration_in_words(view.age().count()),
             !runs   ? ""
             : *runs ? "; the gateway is running"
                     : "; no gateway is running");
  print_rows(view, std::span(chosen.rows).first(listed));
  if (const auto more = chosen.rows.size() - listed; more > 0)
    fmt::print("... and {} more (--limit 0 lists all)\n", more);
  if (searched && chosen.rows.empty()) fmt::print("nothing that matches\n");
  if (searched && chosen.unnamed > 0)
    fmt::print("{} without a name cannot be searched\n", rows_in_words(chosen.unnamed));
  if (searched || !chosen.rows.empty()) fmt::print("\n");
  print_counts(view, chosen);
}

// ---- forget

/// "greylist 3, learned 1"
std::string counts_in_words(std::span<const state::Row> rows) {
  std::map<std::string, std::size_t> counts;
  for (const auto& row : rows) ++counts[row.table];
  std::vector<std::string> words;
  for (const auto& [table, count] : counts) words.push_back(fmt::format("{} {}", table, count));
  return fmt::format("{}", fmt::join(words, ", "));
}

/// True: each name was found. Says which were not.
bool print_missing(const StateArguments& arguments, const ChosenRows& chosen) {
  bool all = true;
  for (const auto& name : arguments.names) {
    const bool found = std::any_of(chosen.rows.begin(), chosen.rows.end(),
                                   [&](const auto& row) { return is_named(row, name); });
    if (!found) fmt::print("{:<12} {}: nothing is remembered\n", arguments.table, name);
    all = all && found;
  }
  if (chosen.rows.empty() && arguments.names.size() > 1)
    fmt::print("a name of several parts stands in quotes: \"{}\"\n", fmt::join(arguments.names, " "));
  return all;
}

/// What is not in the file may be in the running gateway's memory, for a moment yet.
state::Batch batch_of(const StateView& view, const StateArguments& arguments, const ChosenRows& chosen) {
  state::Batch batch;
  for (const auto& row : chosen.rows) batch.erased.push_back({row.table, row.key});
  for (const auto& name : arguments.names)
    batch.erased.push_back({arguments.table, base::siphash128(view.origin().hash_key, name)});
  return batch;
}

int forget(StateView& view, const StateArguments& arguments, const ChosenRows& chosen) {
  print_rows(view, std::span(chosen.rows).first(std::min(chosen.rows.size(), most_unasked)));
  if (chosen.rows.size() > most_unasked) fmt::print("... and {} more\n", chosen.rows.size() - most_unasked);
  const bool all = print_missing(arguments, chosen);
  if (chosen.unnamed > 0 && !arguments.match.empty())
    fmt::print("{} without a name cannot be searched, and expire by themselves\n",
               rows_in_words(chosen.unnamed));
  if (chosen.rows.size() > most_unasked && !arguments.yes && arguments.names.empty()) {
    fmt::print("\nnothing was forgotten: these are {} ({}); --yes forgets them\n",
               rows_in_words(chosen.rows.size()), counts_in_words(chosen.rows));
    return state_not_done;
  }
  const auto batch = batch_of(view, arguments, chosen);
  if (batch.empty()) {
    fmt::print("nothing that matches\n");
    return state_not_done;
  }
  const auto outcome = view.change(batch);
  if (!outcome) return complain(outcome.error().message);
  if (!chosen.rows.empty()) fmt::print("\nforgotten: {}", counts_in_words(chosen.rows));
  fmt::print("\n{}\n", outcome->words);
  if (!outcome->done) return state_unreachable;
  return all ? state_done : state_not_done;
}

}  // namespace

int run_state_list(const StateArguments& arguments) {
  const auto view = StateView::open(arguments.config, StateView::Purpose::look);
  if (!view) return complain(view.error().message);
  if (const auto wrong = (*view)->wrong_table(arguments.table); !wrong.empty())
    return complain(wrong, state_usage);
  const auto chosen = (*view)->choose({arguments.table, arguments.match, {}});
  if (!chosen) return complain(chosen.error().message);
  const auto all = chosen->rows.size();
  const auto listed = arguments.limit == 0 ? all : std::min<std::size_t>(all, arguments.limit);
  if (arguments.json) {
    print_json(**view, *chosen, listed);
  } else {
    print_list(**view, *chosen, listed, !arguments.match.empty());
  }
  return state_done;
}

int run_state_forget(const StateArguments& arguments) {
  if (arguments.match.empty() == arguments.names.empty() ||
      (arguments.table.empty() && arguments.match.empty()))
    return complain("say a table and names, or --match TEXT", state_usage);
  const auto view = StateView::open(arguments.config, StateView::Purpose::change);
  if (!view) return complain(view.error().message);
  if (const auto wrong = (*view)->wrong_table(arguments.table); !wrong.empty())
    return complain(wrong, state_usage);
  const auto chosen = (*view)->choose({arguments.table, arguments.match, arguments.names});
  if (!chosen) return complain(chosen.error().message);
  return forget(**view, arguments, *chosen);
}

}  // namespace gatepost::gateway
