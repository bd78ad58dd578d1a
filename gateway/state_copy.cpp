// gatepost state export and import.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>
#include <system_error>

#include <fmt/format.h>

#include "core/base/file.hpp"
#include "gateway/process.hpp"
#include "gateway/state_command.hpp"
#include "gateway/state_transfer.hpp"
#include "gateway/state_view.hpp"
#include "gateway/version.hpp"

namespace gatepost::gateway {
namespace {

int complain(const std::string& what, StateExit code = state_unreachable) {
  std::fprintf(stderr, "gatepost state: %s\n", what.c_str());
  return code;
}

/// Where an export goes. It is opened before the program becomes somebody who may not, and nobody else may
/// read it; what was in it stays until there is something to write.
class Destination {
 public:
  explicit Destination(const std::string& file)
      : descriptor_(file.empty() ? STDOUT_FILENO
                                 : ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
        file_(file) {}
  ~Destination() {
    if (!file_.empty() && descriptor_ >= 0) ::close(descriptor_);
  }
  Destination(const Destination&) = delete;
  Destination& operator=(const Destination&) = delete;
  bool is_open() const { return descriptor_ >= 0; }
  bool write(std::string_view text) {
    if (!file_.empty() && ::ftruncate(descriptor_, 0) != 0 && errno != EINVAL) return false;
    while (!text.empty()) {
      const auto written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return file_.empty() || ::fsync(descriptor_) == 0 || errno == EINVAL;
  }
  std::string trouble() const {
    return (file_.empty() ? "standard output" : file_) + ": " + std::generic_category().message(errno);
  }

 private:
  int descriptor_;
  std::string file_;
};

base::Result<std::string> read_source(const std::string& file) {
  if (!file.empty() && file != "-") return base::read_file(file);
  return base::Result<std::string>(
      boost::system::in_place_value,
      std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()));
}

std::string counts_in_words(const std::map<std::string, std::size_t>& counts) {
  std::string words;
  for (const auto& [table, count] : counts)
    words += fmt::format("{}{} {}", words.empty() ? "" : ", ", table, count);
  return words.empty() ? "nothing" : words;
}

void warn_of_left_out(const Import& import) {
  if (!import.unknown.empty())
    fmt::print(stderr, "warning: left out, since there are no such tables here: {}\n",
               counts_in_words(import.unknown));
  if (!import.fixed.empty())
    fmt::print(stderr, "warning: left out, since they go by the clock of the gateway they come from: {}\n",
               counts_in_words(import.fixed));
  if (import.expired > 0) fmt::print(stderr, "left out, since they have expired: {}\n", import.expired);
}

using RowKey = std::pair<std::string, state::Key>;

/// What is to be written: of rows with one key that which expires last. `kept` counts those here that stay.
state::Batch merge(const Import& import, const std::vector<state::Row>& here, std::size_t& kept) {
  std::map<RowKey, const state::Row*> last;
  for (const auto& row : here) last[{row.table, row.key}] = &row;
  std::map<RowKey, const state::Row*> taken;
  for (const auto& row : import.rows) {
    auto& best = last[{row.table, row.key}];
    if (best != nullptr && best->expires >= row.expires) {
      ++kept;
      continue;
    }
    best = &row;
    taken[{row.table, row.key}] = &row;
  }
  state::Batch batch;
  for (const auto& [key, row] : taken) batch.rows.push_back(*row);
  return batch;
}

int import_into(StateView& view, const Import& import) {
  const auto here = view.choose({});
  if (!here) return complain(here.error().message);
  std::size_t kept = 0;
  const auto batch = merge(import, here->rows, kept);
  std::map<std::string, std::size_t> counts;
  for (const auto& row : batch.rows) ++counts[row.table];
  StateView::Outcome outcome{true, "nothing was changed"};
  if (!batch.empty()) {
    const auto changed = view.change(batch);
    if (!changed) return complain(changed.error().message);
    outcome = *changed;
  }
  fmt::print("imported: {}\n", counts_in_words(counts));
  if (kept > 0) fmt::print("left as they are, since they expire no earlier: {}\n", kept);
  fmt::print("{}\n", outcome.words);
  return outcome.done ? state_done : state_unreachable;
}

}  // namespace

int run_state_export(const StateArguments& arguments) {
  Destination destination(arguments.file);
  if (!destination.is_open()) return complain(destination.trouble());
  const auto opened = StateView::open(arguments.config, StateView::Purpose::look);
  if (!opened) return complain(opened.error().message);
  const auto& view = **opened;
  if (const auto wrong = view.wrong_table(arguments.table); !wrong.empty())
    return complain(wrong, state_usage);
  const auto chosen = (*opened)->choose({arguments.table, {}, {}});
  if (!chosen) return complain(chosen.error().message);
  const base::SystemClock clock;
  auto text = export_line(ExportHeader{version(), view.hostname(), clock.wall(), view.now()}) + "\n";
  for (const auto& row : chosen->rows) {
    if (!row.name.empty()) text += export_line(row, view.now(), view.says(row)) + "\n";
  }
  if (!destination.write(text)) return complain(destination.trouble());
  fmt::print(stderr, "exported: {} entries\n", chosen->rows.size() - chosen->unnamed);
  if (chosen->unnamed > 0)
    fmt::print(stderr, "left out, since they have no name, by which others could find them: {}\n",
               chosen->unnamed);
  return state_done;
}

int run_state_import(const StateArguments& arguments) {
  const auto text = read_source(arguments.file);
  if (!text) return complain(arguments.file + ": " + text.error().message);
  const auto opened = StateView::open(arguments.config, StateView::Purpose::make);
  if (!opened) return complain(opened.error().message);
  const auto& view = **opened;
  const auto import = read_export(*text, {view.remembered().tables, view.origin().hash_key, view.now()});
  for (const auto& problem : import.problems) fmt::print(stderr, "{}: {}\n", arguments.file, problem);
  if (!import.problems.empty()) return complain("nothing was imported", state_not_done);
  warn_of_left_out(import);
  return import_into(**opened, import);
}

}  // namespace gatepost::gateway
