// Options as TOML: the reference and the dump.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.hpp"
#include "gateway/config.hpp"

namespace gatepost::gateway {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

/// Sentences as comment lines of at most 100 columns.
void append_comment(std::string& out, std::string_view text) {
  while (!text.empty()) {
    auto end = text.size();
    if (end > 98) {
      end = text.substr(0, 98).rfind(' ');
      if (end == std::string_view::npos) end = text.size();
    }
    out.append("# ").append(text.substr(0, end)).append("\n");
    text.remove_prefix(std::min(text.size(), end + 1));
  }
}

/// What is written: everything with help and samples of empty lists and maps, the values, or the values that
/// only a restart changes, a line each with the whole key.
enum class What { reference, values, fixed };

class Writer final : public base::Visitor {
 public:
  explicit Writer(What what) : what_(what), reference_(what == What::reference) {}
  std::string take() { return std::move(out_); }

  void field(const base::Field& f, bool& value) override {
    write(f, value ? "true" : "false", "true or false");
  }
  void field(const base::Field& f, std::int64_t& value) override {
    write(f, std::to_string(value), "number");
  }
  void field(const base::Field& f, double& value) override { write(f, fmt::format("{}", value), "number"); }

 protected:
  void text(const base::Field& f, const base::TextValue& value) override {
    const auto printed = value.print();
    write(f, quoted(f.secret && !printed.empty() ? "********" : printed), value.form);
  }
  void texts(const base::Field& f, const base::TextList& values) override {
    std::string list;
    for (const auto& value : values.print()) list += (list.empty() ? "" : ", ") + quoted(value);
    write(f, "[" + list + "]", "list of " + std::string(values.form));
  }

  bool enter(const base::Field& f) override {
    push(std::string(f.key));
    header(f.help, "[" + path_ + "]");
    return true;
  }
  std::size_t enter_list(const base::Field& f, std::size_t size) override {
    push(std::string(f.key));
    if (reference_) list_help_ = f.help;

    return size;
  }
  std::vector<std::string> enter_map(const base::Field& f, std::vector<std::string> names) override {
    push(std::string(f.key));
    if (reference_) {
      list_help_ = f.help;
      names = {"NAME"};
    }

    return names;
  }
  void enter_item(std::size_t, std::string_view name) override {
    const auto help = std::exchange(list_help_, {});
    if (name.empty()) {
      push("");
      header(help, "[[" + path_ + "]]");
    } else {
      push(std::string(name));
      header(help, "[" + path_ + "]");
    }
  }
  void leave() override {
    path_ = std::move(parents_.back());
    parents_.pop_back();
  }
  bool wants_samples() const override { return reference_; }

 private:
  void push(const std::string& key) {
    parents_.push_back(path_);
    if (!key.empty()) path_ += (path_.empty() ? "" : ".") + key;
  }

  void header(std::string_view help, const std::string& line) {
    if (what_ == What::fixed) return;
    out_ += "\n";
    if (reference_) append_comment(out_, help);
    out_ += line + "\n";
  }

  void write(const base::Field& f, const std::string& value, std::string_view form) {
    if (what_ == What::fixed) {
      if (f.restart) out_ += fmt::format("{}{}{} = {}\n", path_, path_.empty() ? "" : ".", f.key, value);
      return;
    }
    if (reference_) {
      out_ += "\n";
      append_comment(out_, f.help);
      append_comment(out_, fmt::format("({}{})", form, f.restart ? "; takes effect at a restart" : ""));
      const bool unset = value == "\"\"" || value == "[]";
      if (unset && !f.example.empty()) {
        out_ += fmt::format("# {} = {}\n", f.key, f.example);
        return;
      }
    }
    out_ += fmt::format("{} = {}\n", f.key, value);
  }

  What what_;
  bool reference_;
  std::string out_;
  std::string path_;
  std::vector<std::string> parents_;
  std::string_view list_help_;
};

}  // namespace

std::string config_reference() {
  Options options;
  Writer writer(What::reference);
  options.visit(writer);
  return "# Every option of Gatepost with its default. Printed by `gatepost config --reference`.\n" +
         writer.take();
}

std::string config_dump(Options& options) {
  Writer writer(What::values);
  options.visit(writer);
  return writer.take();
}

std::vector<std::string> fixed_options(Options& options) {
  Writer writer(What::fixed);
  options.visit(writer);
  const auto text = writer.take();
  std::vector<std::string> lines;
  for (std::string_view rest = text; !rest.empty();) lines.emplace_back(base::split_off(rest, '\n'));
  return lines;
}

}  // namespace gatepost::gateway
