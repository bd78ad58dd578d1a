#include "gateway/state_view.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/text.hpp"
#include "gateway/config.hpp"
#include "gateway/process.hpp"
#include "gateway/state_file.hpp"
#include "gateway/state_names.hpp"

namespace gatepost::gateway {
namespace {

constexpr std::chrono::seconds patience{3};
/// Orders that a gateway carries out in a second, at the very least.
constexpr std::size_t orders_a_second = 1000;
/// Values are read one at a time here: the tables need not hold them.
constexpr std::size_t bytes_of_tables = 1 << 20;

const base::SystemClock the_clock;

std::string problems_in_words(const Config& config) {
  std::vector<std::string> words;
  for (const auto& problem : config.problems) words.push_back(problem.to_string());
  return fmt::format("the configuration has errors\n{}", fmt::join(words, "\n"));
}

}  // namespace

bool is_named(const state::Row& row, std::string_view name) {
  return !row.name.empty() && (row.name == name || base::iequals(shown_name(row.name), name));
}

StateView::StateView(const Options& options, std::unique_ptr<state::SqliteStore> store)
    : hostname_(options.hostname),
      directory_(options.state_dir),
      file_(state_file(options)),
      store_(std::move(store)),
      remembered_(the_clock, store_->origin(), bytes_of_tables, 1) {}

base::Result<std::unique_ptr<StateView>> StateView::open(const std::string& config, Purpose purpose) {
  const auto read = read_config(config);
  if (read.has_errors()) return base::Failure{problems_in_words(read)};
  const auto& options = read.options;
  if (const auto become = become_owner(options.state_dir, options.user); !become) return become.error();
  const auto file = state_file(options);
  if (purpose != Purpose::make && ::access(file.c_str(), F_OK) != 0 && errno == ENOENT)
    return base::Failure{file + " is not there: no gateway has run with this state_dir yet"};
  auto store = purpose == Purpose::look ? state::SqliteStore::open_to_read(file, the_clock)
                                        : state::SqliteStore::open_to_change(file, the_clock);
  if (!store) return store.error();
  return std::unique_ptr<StateView>(new StateView(options, std::move(*store)));
}

std::optional<bool> StateView::gateway_runs() const {
  return DirectoryClaim::is_taken(directory_);
}

base::seconds StateView::age() const {
  return std::chrono::duration_cast<base::seconds>(the_clock.wall() - origin().wall);
}

std::string StateView::wrong_table(const std::string& name) const {
  if (name.empty() || remembered_.find(name) != nullptr) return {};
  std::vector<std::string_view> known;
  for (const auto* table : remembered_.tables) known.push_back(table->table());
  const auto meant = base::probably_meant(name, known);
  return fmt::format("there is no table \"{}\"{}; there are {}", name,
                     meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant),
                     fmt::join(known, ", "));
}

base::Result<ChosenRows> StateView::choose(const RowChoice& choice) {
  ChosenRows chosen;
  for (const auto* table : remembered_.tables) chosen.counts[std::string(table->table())] = 0;
  const NameMatch matches(choice.match);
  const auto is_meant = [&](const state::Row& row) {
    if (!choice.match.empty() && !matches(row.name)) return false;
    if (choice.names.empty()) return true;
    return std::any_of(choice.names.begin(), choice.names.end(),
                       [&](const auto& name) { return is_named(row, name); });
  };
  const bool by_name = !choice.match.empty() || !choice.names.empty();
  const auto loaded = store_->load([&](const state::Row& row) {
    ++chosen.counts[row.table];
    if (!choice.table.empty() && row.table != choice.table) return;
    if (row.name.empty()) ++chosen.unnamed;
    if (row.name.empty() ? !by_name : is_meant(row)) chosen.rows.push_back(row);
  });
  if (!loaded) return loaded.error();
  std::sort(chosen.rows.begin(), chosen.rows.end(), [](const auto& a, const auto& b) {
    return std::tie(a.table, a.name, a.key) < std::tie(b.table, b.name, b.key);
  });
  return chosen;
}

std::string StateView::says(const state::Row& row) const {
  const auto* table = remembered_.find(row.table);
  return table == nullptr ? std::string() : base::printable(table->describe(row.value, now()));
}

base::Result<StateView::Outcome> StateView::change(const state::Batch& batch) {
  const auto order = store_->change(batch);
  if (!order) return order.error();
  const auto runs = gateway_runs();
  if (runs && !*runs) return Outcome{true, "no gateway is running"};
  if (*order > 0) return wait_for_gateway(*order, batch.size());
  if (!runs) return Outcome{true, "whether a gateway is running cannot be found out"};
  return Outcome{false,
                 "the running gateway was not told, since it does not write to this file (its log says why)"};
}

StateView::Outcome StateView::wait_for_gateway(std::int64_t order, std::size_t rows) const {
  const auto wait = patience + base::seconds(static_cast<std::int64_t>(rows / orders_a_second));
  const auto until = the_clock.now() + wait;
  while (the_clock.now() < until) {
    if (const auto done = store_->is_carried_out(order); done && *done)
      return {true, "the running gateway has done so, too"};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {false,
          fmt::format("the running gateway has not done so within {} s; it will when it reads the file again",
                      wait.count())};
}

}  // namespace gatepost::gateway
