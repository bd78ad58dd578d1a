// dynamic_host: the client's confirmed host name says that it is a dynamic or residential line.
#include <algorithm>

#include <fmt/format.h>
#include <re2/re2.h>

#include "checks/check.hpp"
#include "checks/host_name_shape.hpp"
#include "checks/rule.hpp"

namespace gatepost::checks {
namespace {

using smtp::Say;
using Kind = HostNameShape::Kind;

struct Rules {
  Rule address = Rule::reject();
  Rule token = Rule::points(2);
  Rule pattern = Rule::reject();
};

RE2::Options pattern_options() {
  RE2::Options options(RE2::Quiet);
  options.set_case_sensitive(false);
  return options;
}

/// What an operator has written, compiled.
class Patterns {
 public:
  explicit Patterns(const std::vector<std::string>& texts) {
    for (const auto& text : texts) all_.push_back(std::make_unique<RE2>(text, pattern_options()));
  }
  /// The first that matches a part of the name, or null.
  const std::string* find(const std::string& name) const {
    const auto found = std::find_if(all_.begin(), all_.end(),
                                    [&](const auto& pattern) { return RE2::PartialMatch(name, *pattern); });
    return found == all_.end() ? nullptr : &(*found)->pattern();
  }
  static void validate(const std::vector<std::string>& texts, const std::string& path,
                       base::Problems& problems) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const RE2 pattern(texts[i], pattern_options());
      if (!pattern.ok()) problems.error(fmt::format("{}[{}]", path, i), pattern.error());
    }
  }

 private:
  std::vector<std::unique_ptr<const RE2>> all_;
};

class DynamicHost final : public Check {
 public:
  DynamicHost(const Rules& rules, Patterns patterns, Patterns except)
      : Check({smtp::Stage::connect}),
        rules_(rules),
        patterns_(std::move(patterns)),
        except_(std::move(except)) {}
  bool depends_on_client() const override { return true; }

  Findings connect(const smtp::ConnectFacts& facts, Evidence& evidence) const override {
    const auto& client = facts.client.address;
    const auto* name = evidence.client_name(client);
    if (name == nullptr) return std::nullopt;
    Findings findings{std::in_place};
    if (name->state == ClientName::State::unknown)
      findings->push_back(cannot_know(Say::ptr_unavailable, {client.to_string()}, name->why));
    if (name->state != ClientName::State::confirmed || except_.find(name->name) != nullptr) return findings;
    if (auto finding = judge(*name, client)) {
      finding->rests_on = {evidence.resolver()};
      findings->push_back(std::move(*finding));
    }
    return findings;
  }

 private:
  std::optional<Finding> judge(const ClientName& client_name, const base::IpAddress& client) const {
    const auto& name = client_name.name;
    const auto* pattern = rules_.pattern.on() ? patterns_.find(name) : nullptr;
    if (pattern != nullptr)
      return finding_of(rules_.pattern, Say::dynamic_pattern, {name}, name + " is like " + *pattern);
    // Whoever could have a second name made has one of his own.
    const auto own = [&client](const std::string& any) { return shape_of(any, client).kind == Kind::own; };
    if (std::any_of(client_name.names.begin(), client_name.names.end(), own)) return std::nullopt;
    const auto shape = shape_of(name, client);
    if (shape.kind == Kind::holds_address && rules_.address.on())
      return finding_of(rules_.address, Say::dynamic_address, {name},
                        fmt::format("{} holds {} ({})", name, client.to_string(), shape.seen));
    if (shape.kind == Kind::access_line && rules_.token.on())
      return finding_of(rules_.token, Say::dynamic_token, {name},
                        fmt::format("{} says {} and holds numbers", name, shape.seen));
    return std::nullopt;
  }

  Rules rules_;
  Patterns patterns_;
  Patterns except_;
};

class DynamicHostOptions final : public CheckOptions {
 public:
  DynamicHostOptions() : CheckOptions(Mode::observe) {}
  void visit(base::Visitor& v) override {
    visit_mode(v);
    v.field({.key = "address", .help = "The name holds the address, in whatever notation."}, rules_.address);
    v.field({.key = "token", .help = "The name has a word for access lines (dsl, dyn, ppp ...) and numbers."},
            rules_.token);
    v.field({.key = "pattern", .help = "The name is like one of the patterns."}, rules_.pattern);
    v.field(
        {.key = "patterns",
         .help = "Regular expressions (RE2; case does not count) for names to refuse; they match any part "
                 "of the name unless they begin with ^ or end with $.",
         .example = "['\\.customers\\.example\\.net$']"},
        patterns_);
    v.field({.key = "except",
             .help = "Regular expressions for names about which this check says nothing.",
             .example = "['^gw-[0-9]+\\.example\\.com$']"},
            except_);
  }
  void validate(const std::string& path, base::Problems& problems) const override {
    Patterns::validate(patterns_, path + ".patterns", problems);
    Patterns::validate(except_, path + ".except", problems);
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<DynamicHost>(rules_, Patterns(patterns_), Patterns(except_));
  }

 private:
  Rules rules_;
  std::vector<std::string> patterns_;
  std::vector<std::string> except_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_dynamic_host_options() {
  return std::make_unique<DynamicHostOptions>();
}

}  // namespace gatepost::checks
