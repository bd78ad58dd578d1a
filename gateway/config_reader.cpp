#include <algorithm>
#include <set>

#include <toml++/toml.h>

#include "core/base/file.hpp"
#include "core/base/text.hpp"
#include "gateway/config.hpp"

namespace gatepost::gateway {
namespace {

ConfigMap::Place place_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

std::string type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "a list";
    case toml::node_type::string: return "a text";
    case toml::node_type::integer: return "a number";
    case toml::node_type::floating_point: return "a fraction";
    case toml::node_type::boolean: return "true or false";
    default: return "a date";
  }
}

/// Fills options from a parsed file; collects every mistake.
class Reader final : public base::Visitor {
 public:
  Reader(const toml::table& root, Config& config) : config_(config) {
    frames_.push_back({&root, nullptr, "", {}});
  }

  /// Reports the unknown keys of the top level.
  void finish() { report_unknown(frames_.back()); }

  void field(const base::Field& f, bool& value) override {
    const auto* node = find(f.key);
    if (node == nullptr) return;
    if (const auto in = node->value_exact<bool>()) {
      value = *in;
    } else {
      wrong(*node, f.key, "must be true or false, not " + type_name(*node));
    }
  }

  void field(const base::Field& f, std::int64_t& value) override {
    const auto* node = find(f.key);
    if (node == nullptr) return;
    const auto in = node->value_exact<std::int64_t>();
    if (!in) {
      wrong(*node, f.key, "must be a whole number, not " + type_name(*node));
    } else if (*in < f.min || *in > f.max) {
      wrong(*node, f.key, "must be between " + std::to_string(f.min) + " and " + std::to_string(f.max));
    } else {
      value = *in;
    }
  }

  void field(const base::Field& f, double& value) override {
    const auto* node = find(f.key);
    if (node == nullptr) return;
    const auto in = node->value<double>();
    if (!in || !node->is_number()) {
      wrong(*node, f.key, "must be a number, not " + type_name(*node));
    } else if (!(*in >= static_cast<double>(f.min) && *in <= static_cast<double>(f.max))) {  // also NaN
      wrong(*node, f.key,
            f.min == 0 ? "must be a number that is not negative"
                       : "must be between " + std::to_string(f.min) + " and " + std::to_string(f.max));
    } else {
      value = *in;
    }
  }

 protected:
  void text(const base::Field& f, const base::TextValue& value) override {
    const auto* node = find(f.key);
    if (node == nullptr) return;
    if (const auto* table = node->as_table(); table != nullptr && f.table)
      return assign_text(*node, f.key, joined(*table), value.assign);
    assign(*node, f.key, value.form, value.assign);
  }

  void texts(const base::Field& f, const base::TextList& values) override {
    const auto* node = find(f.key);
    if (node == nullptr) return;
    values.clear();
    const auto* array = node->as_array();
    // A single text stands for a list of one.
    if (array == nullptr) return assign(*node, f.key, values.form, values.append);
    for (const auto& item : *array) assign(item, f.key, values.form, values.append);
  }

  bool enter(const base::Field& f) override {
    const auto* node = find(f.key);
    const auto* table = node == nullptr ? nullptr : node->as_table();
    if (node != nullptr && table == nullptr)
      wrong(*node, f.key, "must be a table [" + path_of(f.key) + "], not " + type_name(*node));
    frames_.push_back({table, nullptr, path_of(f.key), {}});
    return table != nullptr;
  }

  std::size_t enter_list(const base::Field& f, std::size_t) override {
    const auto* node = find(f.key);
    const auto* array = node == nullptr ? nullptr : node->as_array();
    if (node != nullptr && array == nullptr)
      wrong(*node, f.key, "must be a list of tables [[" + path_of(f.key) + "]], not " + type_name(*node));
    frames_.push_back({nullptr, array, path_of(f.key), {}});
    return array == nullptr ? 0 : array->size();
  }

  std::vector<std::string> enter_map(const base::Field& f, std::vector<std::string>) override {
    enter(f);
    std::vector<std::string> names;
    if (frames_.back().table == nullptr) return names;
    for (const auto& [key, node] : *frames_.back().table) names.emplace_back(key.str());
    return names;
  }

  void enter_item(std::size_t index, std::string_view name) override {
    auto& parent = frames_.back();
    if (name.empty()) {
      const auto& node = (*parent.array)[index];
      const auto path = parent.path + "[" + std::to_string(index) + "]";
      note(path, node.source());
      if (!node.is_table())
        report(place_of(node.source()), parent.path + " must hold tables, not " + type_name(node));
      frames_.push_back({node.as_table(), nullptr, path, {}});
    } else {
      const auto* node = find(name);
      const auto path = path_of(name);
      if (!node->is_table())
        report(place_of(node->source()), "\"" + path + "\" must be a table [" + path + "]");
      frames_.push_back({node->as_table(), nullptr, path, {}});
    }
  }

  void leave() override {
    report_unknown(frames_.back());
    frames_.pop_back();
  }

 private:
  struct Frame {
    const toml::table* table;  ///< null: not in the file
    const toml::array* array;
    std::string path;
    std::set<std::string, std::less<>> seen;
  };

  std::string path_of(std::string_view key) const {
    const auto& path = frames_.back().path;
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }

  const toml::node* find(std::string_view key) {
    auto& frame = frames_.back();
    frame.seen.emplace(key);
    if (frame.table == nullptr) return nullptr;
    const auto* node = frame.table->get(key);
    if (node != nullptr) note(path_of(key), node->source());
    return node;
  }

  void note(const std::string& path, const toml::source_region& region) {
    config_.map.note(path, place_of(region));
  }

  template <class Assign>
  void assign(const toml::node& node, std::string_view key, std::string_view form, const Assign& assign) {
    const auto* in = node.as_string();
    if (in == nullptr) {
      wrong(node, key, "must be a " + std::string(form) + " in quotes, not " + type_name(node));
      return;
    }
    assign_text(node, key, in->get(), assign);
  }

  template <class Assign>
  void assign_text(const toml::node& node, std::string_view key, const std::string& in,
                   const Assign& assign) {
    const auto mistake = assign(in);
    if (!mistake.empty()) wrong(node, key, "\"" + base::printable(in, 80) + "\": " + mistake);
  }

  static std::string joined(const toml::table& table) {
    std::string out;
    for (const auto& [key, node] : table) {
      out += (out.empty() ? "" : ", ") + std::string(key.str()) + " " + node.value_or(std::string());
    }
    return out;
  }

  void wrong(const toml::node& node, std::string_view key, const std::string& what) {
    config_.map.note_unreadable(path_of(key));
    report(place_of(node.source()), path_of(key) + " " + what);
  }

  void report(ConfigMap::Place place, std::string message, std::string hint = {}) {
    config_.problems.push_back(
        {config_.map.file(), place.line, place.column, std::move(message), std::move(hint), false});
  }

  void report_unknown(const Frame& frame) {
    if (frame.table == nullptr) return;
    const std::vector<std::string_view> known(frame.seen.begin(), frame.seen.end());
    for (const auto& [key, node] : *frame.table) {
      if (frame.seen.find(key.str()) != frame.seen.end()) continue;
      const auto path =
          frame.path.empty() ? std::string(key.str()) : frame.path + "." + std::string(key.str());
      const auto meant = base::probably_meant(key.str(), known);
      report(place_of(key.source()), "there is no option \"" + base::printable(path) + "\"",
             meant.empty() ? "" : "did you mean \"" + std::string(meant) + "\"?");
    }
  }

  Config& config_;
  std::vector<Frame> frames_;
};

}  // namespace

std::string ConfigProblem::to_string() const {
  auto text = file;
  if (line > 0) text += ":" + std::to_string(line) + ":" + std::to_string(column);
  text += (warning ? ": warning: " : ": error: ") + message;
  if (!hint.empty()) text += " (" + hint + ")";
  return text;
}

ConfigProblem ConfigMap::locate(const base::Problems::Problem& problem) const {
  Place place;
  for (auto path = problem.path; !path.empty();) {
    if (const auto found = places_.find(path); found != places_.end()) {
      place = found->second;
      break;
    }
    const auto end = path.find_last_of(".[");
    path = end == std::string::npos ? "" : path.substr(0, end);
  }
  return {file_,        place.line,     place.column, problem.path + ": " + problem.message,
          problem.hint, problem.warning};
}

bool Config::has_errors() const {
  return std::any_of(problems.begin(), problems.end(), [](const ConfigProblem& p) { return !p.warning; });
}

void Config::add(const base::Problems& found) {
  for (const auto& problem : found.all()) {
    if (!map.unreadable(problem.path)) problems.push_back(map.locate(problem));
  }
  std::stable_sort(problems.begin(), problems.end(), [](const ConfigProblem& a, const ConfigProblem& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  });
}

Config read_config_text(std::string_view text, const std::string& name) {
  Config config;
  config.map = ConfigMap(name);
  toml::table parsed;
  try {
    parsed = toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    config.problems.push_back({name,
                               error.source().begin.line,
                               error.source().begin.column,
                               std::string(error.description()),
                               {},
                               false});
    return config;
  }
  Reader reader(parsed, config);
  config.options.visit(reader);
  reader.finish();
  base::Problems problems;
  config.options.validate(problems);
  config.add(problems);
  return config;
}

Config read_config(const std::string& path) {
  const auto text = base::read_file(path);
  if (!text) {
    Config config;
    config.map = ConfigMap(path);
    config.problems.push_back({path, 0, 0, "cannot read it: " + text.error().message, {}, false});
    return config;
  }
  return read_config_text(*text, path);
}

}  // namespace gatepost::gateway
