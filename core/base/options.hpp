// Options describe themselves: each options struct has defaults and one visit(Visitor&) that names each field
// once. From that come reading, unknown-key errors with suggestions, validation, the reference and the
// redacted dump. Nothing here knows TOML.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace gatepost::base {

/// How an option is named and explained. The views must outlive the visit (string literals).
struct Field {
  std::string_view key;
  std::string_view help;          ///< one or two sentences for the reference
  std::string_view example = {};  ///< shown in the reference where the default says too little
  std::int64_t min = 0;           ///< for numbers
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  bool restart = false;  ///< takes effect only at a restart; otherwise at a reload
  bool secret = false;   ///< redacted in dumps
  bool table = false;    ///< may be written as a table of texts, which is read as "key value, key value"
};

/// How a type is written as text. Specialise with
///   static std::string parse(std::string_view, T&);   // empty, or what is wrong
///   static std::string print(const T&);
///   static constexpr std::string_view form = "...";   // for the reference: what may be written
template <class T>
struct TextForm;

/// A value written as text, its type forgotten.
struct TextValue {
  std::function<std::string(std::string_view)> assign;
  std::function<std::string()> print;
  std::string_view form;
};

/// A list of such values; `assign` appends, `clear` empties.
struct TextList {
  std::function<void()> clear;
  std::function<std::string(std::string_view)> append;
  std::function<std::vector<std::string>()> print;
  std::string_view form;
};

/// Walks options structs. Implementations: the TOML reader, the reference writer, the dump.
class Visitor {
 public:
  virtual ~Visitor() = default;

  virtual void field(const Field& field, bool& value) = 0;
  virtual void field(const Field& field, std::int64_t& value) = 0;
  virtual void field(const Field& field, double& value) = 0;

  /// A value written as text.
  template <class T>
  void field(const Field& f, T& value) {
    text(f, TextValue{[&value](std::string_view in) { return TextForm<T>::parse(in, value); },
                      [&value] { return TextForm<T>::print(value); }, TextForm<T>::form});
  }

  /// A list of values written as text.
  template <class T>
  void field(const Field& f, std::vector<T>& values) {
    texts(f, TextList{[&values] { values.clear(); },
                      [&values](std::string_view in) {
                        T value{};
                        auto wrong = TextForm<T>::parse(in, value);
                        if (wrong.empty()) values.push_back(std::move(value));
                        return wrong;
                      },
                      [&values] {
                        std::vector<std::string> out;
                        for (const auto& value : values) out.push_back(TextForm<T>::print(value));
                        return out;
                      },
                      TextForm<T>::form});
  }

  /// A table: [key]. `present` tells whether the configuration has it, where the caller wants to know.
  template <class T>
  void section(const Field& f, T& options, bool* present = nullptr) {
    const bool there = enter(f);
    if (present != nullptr) *present = there;
    options.visit(*this);
    leave();
  }

  /// An array of tables: [[key]].
  template <class T>
  void list(const Field& f, std::vector<T>& items) {
    items.resize(enter_list(f, items.size()));
    // The reference shows one item of an empty list.
    if (items.empty() && wants_samples()) {
      T sample{};
      enter_item(0, {});
      sample.visit(*this);
      leave();
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      enter_item(i, {});
      items[i].visit(*this);
      leave();
    }
    leave();
  }

  /// Tables by name: [key.<name>].
  template <class T>
  void map(const Field& f, std::map<std::string, T>& items) {
    std::vector<std::string> names;
    for (const auto& [name, item] : items) names.push_back(name);
    for (const auto& name : enter_map(f, std::move(names))) {
      T& item = wants_samples() ? samples<T>(name) : items[name];
      enter_item(0, name);
      item.visit(*this);
      leave();
    }
    leave();
  }

 protected:
  virtual void text(const Field& field, const TextValue& value) = 0;
  virtual void texts(const Field& field, const TextList& values) = 0;
  virtual bool enter(const Field& field) = 0;
  virtual std::size_t enter_list(const Field& field, std::size_t size) = 0;
  virtual std::vector<std::string> enter_map(const Field& field, std::vector<std::string> names) = 0;
  /// An element of a list (name empty) or of a map.
  virtual void enter_item(std::size_t index, std::string_view name) = 0;
  virtual void leave() = 0;
  virtual bool wants_samples() const { return false; }

 private:
  template <class T>
  static T& samples(const std::string&) {
    static T sample;
    sample = T{};
    return sample;
  }
};

/// Problems found in options after reading, each at a path like "domains[1].route"; the reader of the
/// configuration knows the place in the file.
class Problems {
 public:
  struct Problem {
    std::string path;
    std::string message;
    std::string hint;
    bool warning = false;
  };
  void error(std::string path, std::string message, std::string hint = {}) {
    found_.push_back({std::move(path), std::move(message), std::move(hint), false});
  }
  void warning(std::string path, std::string message, std::string hint = {}) {
    found_.push_back({std::move(path), std::move(message), std::move(hint), true});
  }
  const std::vector<Problem>& all() const { return found_; }

 private:
  std::vector<Problem> found_;
};

}  // namespace gatepost::base
