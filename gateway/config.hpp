// Reads the configuration file into options, and writes options out again. Only config_reader.cpp knows TOML.
#pragma once

#include <iosfwd>
#include <set>
#include <string>
#include <vector>

#include "gateway/options.hpp"

namespace gatepost::gateway {

/// Something wrong with the configuration, and where.
struct ConfigProblem {
  std::string file;
  std::size_t line = 0;  ///< 0: nowhere in particular
  std::size_t column = 0;
  std::string message;
  std::string hint;
  bool warning = false;

  /// "file:line:column: error: message (hint)"
  std::string to_string() const;
};

/// Where each option stands in the file.
class ConfigMap {
 public:
  struct Place {
    std::size_t line = 0;
    std::size_t column = 0;
  };
  explicit ConfigMap(std::string file = {}) : file_(std::move(file)) {}
  void note(const std::string& path, Place place) { places_[path] = place; }
  /// What stands at `path` could not be read: what is wrong with it besides is not worth telling.
  void note_unreadable(const std::string& path) { unreadable_.insert(path); }
  bool unreadable(const std::string& path) const { return unreadable_.count(path) > 0; }
  /// A problem at `path`, or at the nearest table that is in the file.
  ConfigProblem locate(const base::Problems::Problem& problem) const;
  const std::string& file() const { return file_; }

 private:
  std::string file_;
  std::map<std::string, Place> places_;
  std::set<std::string> unreadable_;
};

struct Config {
  Options options;
  ConfigMap map;
  std::vector<ConfigProblem> problems;

  bool has_errors() const;
  /// Adds problems found later.
  void add(const base::Problems& problems);
};

/// Never fails: what is wrong is in `problems`, sorted by place, the rest has its defaults.
Config read_config(const std::string& path);
Config read_config_text(std::string_view text, const std::string& name);

/// The reference: every option with its help and default, as TOML.
std::string config_reference();
/// The options as they are, secrets redacted.
std::string config_dump(Options& options);
/// Of the options that only a restart changes, a line each: "smtp.memory = ...".
std::vector<std::string> fixed_options(Options& options);

}  // namespace gatepost::gateway
