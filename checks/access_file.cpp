#include "checks/access_file.hpp"

#include <algorithm>
#include <array>

#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

constexpr std::size_t most_mistakes = 20;

enum class Column { client, client_name, helo, sender, recipient, action, text, checks, expires, note };
constexpr std::array<std::string_view, 10> column_names{
    "client", "client_name", "helo", "sender", "recipient", "action", "text", "checks", "expires", "note"};

std::string quoted(std::string_view foreign) {
  return "\"" + base::printable(foreign, 100) + "\"";
}

/// Calls with each line of a file and its number, without what editors put at its start and ends.
template <class Call>
void each_line(std::string_view text, Call call) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (std::size_t number = 1; !text.empty(); ++number) {
    auto line = base::split_off(text, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    call(base::trim(line), number);
  }
}

/// Calls with each word of a cell.
template <class Call>
void each_word(std::string_view cell, Call call) {
  for (cell = base::trim(cell); !cell.empty(); cell = base::trim(cell)) {
    const auto word = cell.substr(0, cell.find_first_of(" \t"));
    call(word);
    cell.remove_prefix(word.size());
  }
}

/// Takes a quoted cell off the front of `line`.
std::string take_quoted(std::string_view& line, std::string& cell) {
  line.remove_prefix(1);
  for (;;) {
    const auto quote = line.find('"');
    if (quote == std::string_view::npos) return "a quote is opened and not closed in this line";
    cell += line.substr(0, quote);
    line.remove_prefix(quote + 1);
    if (!line.starts_with('"')) break;
    cell += '"';
    line.remove_prefix(1);
  }
  return line.empty() || line.front() == ',' ? "" : "a comma is missing behind a closing quote";
}

/// Reads the lines of one file.
class CsvReader {
 public:
  CsvReader(std::span<const std::string_view> exemptable, FileMistakes& mistakes)
      : exemptable_(exemptable), mistakes_(mistakes) {}

  bool has_header() const { return !columns_.empty(); }
  /// False: the rest of the file cannot be understood.
  bool read_header(std::string_view line, std::size_t number);
  std::optional<AccessRule> read_rule(std::string_view line, std::size_t number);

 private:
  bool split(std::string_view line);
  void set(AccessRule& rule, Column column, std::string_view cell);
  void set_networks(std::vector<base::Network>& networks, std::string_view cell);
  void set_action(AccessAction& action, std::string_view cell);
  void wrong(std::string message, std::string hint = {}) {
    good_ = false;
    mistakes_.add(number_, std::move(message), std::move(hint));
  }

  std::span<const std::string_view> exemptable_;
  FileMistakes& mistakes_;
  std::vector<Column> columns_;
  std::vector<std::string> cells_;
  std::size_t number_ = 0;  ///< of the line
  bool good_ = true;        ///< nothing is wrong with it so far
};

bool CsvReader::split(std::string_view line) {
  if (!base::is_utf8(line)) {
    wrong("is not UTF-8", "save the file as UTF-8");
  } else if (auto mistake = split_csv_line(line, cells_); !mistake.empty()) {
    wrong(std::move(mistake), "a cell with a comma or a quote stands in quotes, a quote in it twice");
  }
  return good_;
}

bool CsvReader::read_header(std::string_view line, std::size_t number) {
  number_ = number;
  if (!split(line)) return false;
  for (const auto& cell : cells_) {
    const auto name = base::trim(cell);
    const auto found = std::find(column_names.begin(), column_names.end(), name);
    if (found == column_names.end()) {
      const auto meant = suggestion(name, column_names);
      wrong("there is no column " + quoted(name),
            meant.empty() ? "the first line names the columns, separated by commas: client,action,note"
                          : meant);
      continue;
    }
    const auto column = static_cast<Column>(found - column_names.begin());
    if (std::find(columns_.begin(), columns_.end(), column) != columns_.end())
      wrong("there are two columns " + quoted(name));
    columns_.push_back(column);
  }
  return good_;
}

std::optional<AccessRule> CsvReader::read_rule(std::string_view line, std::size_t number) {
  number_ = number;
  good_ = true;
  if (!split(line)) return std::nullopt;
  if (cells_.size() != columns_.size()) {
    wrong("has " + std::to_string(cells_.size()) + " cells where the first line names " +
          std::to_string(columns_.size()) + " columns");
    return std::nullopt;
  }
  AccessRule rule;
  for (std::size_t i = 0; i < cells_.size(); ++i) set(rule, columns_[i], base::trim(cells_[i]));
  // A condition that could not be read is not missing.
  if (!good_) return std::nullopt;
  for (auto& mistake : mistakes_in(rule, exemptable_))
    wrong((mistake.field.empty() ? "" : mistake.field + ": ") + mistake.message, std::move(mistake.hint));
  if (!good_) return std::nullopt;
  return rule;
}

void CsvReader::set(AccessRule& rule, Column column, std::string_view cell) {
  const auto words = [cell](std::vector<std::string>& into) {
    each_word(cell, [&into](std::string_view word) { into.emplace_back(word); });
  };
  switch (column) {
    case Column::client: return set_networks(rule.when.client, cell);
    case Column::client_name: return words(rule.when.client_name);
    case Column::helo: return words(rule.when.helo);
    case Column::sender: return words(rule.when.sender);
    case Column::recipient: return words(rule.when.recipient);
    case Column::action: return set_action(rule.then.action, cell);
    case Column::text: rule.then.text = cell; return;
    case Column::checks: return words(rule.then.checks);
    case Column::expires: {
      const auto mistake = base::TextForm<Expiry>::parse(cell, rule.then.expires);
      if (!mistake.empty()) wrong("expires: " + quoted(cell) + " " + mistake);
      return;
    }
    case Column::note: rule.then.note = cell; return;
  }
}

void CsvReader::set_networks(std::vector<base::Network>& networks, std::string_view cell) {
  each_word(cell, [&](std::string_view word) {
    if (const auto network = base::Network::parse(word)) {
      networks.push_back(*network);
    } else {
      wrong("client: " + quoted(word) + " is no address or network",
            "like 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32; several with spaces between");
    }
  });
}

void CsvReader::set_action(AccessAction& action, std::string_view cell) {
  if (cell.empty() || base::TextForm<AccessAction>::parse(cell, action).empty()) return;
  const auto meant = suggestion(cell, base::TextForm<AccessAction>::names);
  wrong("action: there is no action " + quoted(cell),
        meant.empty() ? "it is " + std::string(base::TextForm<AccessAction>::form) : meant);
}

}  // namespace

void FileMistakes::add(std::size_t line, std::string message, std::string hint) {
  ++count_;
  if (count_ <= most_mistakes) {
    files_.mistakes.push_back({file_, line, std::move(message), std::move(hint)});
    return;
  }
  if (count_ == most_mistakes + 1) files_.mistakes.push_back({file_, 0, {}, {}});
  const auto more = count_ - most_mistakes;
  files_.mistakes.back().message = std::to_string(more) + (more == 1 ? " more mistake" : " more mistakes");
}

std::string split_csv_line(std::string_view line, std::vector<std::string>& cells) {
  cells.clear();
  for (;;) {
    auto& cell = cells.emplace_back();
    if (line.starts_with('"')) {
      auto mistake = take_quoted(line, cell);
      if (!mistake.empty()) return mistake;
    } else {
      cell = line.substr(0, line.find(','));
      if (cell.find('"') != std::string::npos)
        return "a quote stands inside a cell that does not begin with one";
      line.remove_prefix(cell.size());
    }
    if (line.empty()) return {};
    line.remove_prefix(1);
  }
}

void read_access_csv(std::string_view text, std::span<const std::string_view> exemptable,
                     const std::function<void(AccessRule rule, std::size_t line)>& take,
                     FileMistakes& mistakes) {
  CsvReader reader(exemptable, mistakes);
  bool understood = true;
  each_line(text, [&](std::string_view line, std::size_t number) {
    if (line.empty() || line.starts_with('#') || !understood) return;
    if (!reader.has_header()) {
      understood = reader.read_header(line, number);
    } else if (auto rule = reader.read_rule(line, number)) {
      take(std::move(*rule), number);
    }
  });
}

void read_network_list(std::string_view text,
                       const std::function<void(base::Network network, std::size_t line)>& take,
                       FileMistakes& mistakes) {
  each_line(text, [&](std::string_view line, std::size_t number) {
    const auto word = base::trim(line.substr(0, line.find_first_of("#;")));
    if (word.empty()) return;
    if (const auto network = base::Network::parse(word)) {
      take(*network, number);
    } else {
      mistakes.add(number, quoted(word) + " is no address or network", "one a line; comments behind # or ;");
    }
  });
}

}  // namespace gatepost::checks
