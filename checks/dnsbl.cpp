// dnsbl: DNS lists of client addresses, to refuse and to allow; their weights are added up.
#include <array>
#include <set>

#include "checks/listing.hpp"

namespace gatepost::checks {
namespace {

constexpr std::array<std::string_view, 2> family_names{"ipv4", "ipv6"};

/// Of a list's addresses: the first of Holds.
struct Family {
  Holds holds = Holds::ipv4;
};

}  // namespace
}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::Family> {
  static constexpr std::string_view form = "\"ipv4\" or \"ipv6\"";
  static std::string parse(std::string_view in, checks::Family& value) {
    return parse_choice(in, value.holds, checks::family_names);
  }
  static std::string print(const checks::Family& value) {
    return std::string(checks::family_names[static_cast<std::size_t>(value.holds)]);
  }
};

}  // namespace gatepost::base

namespace gatepost::checks {
namespace {

struct AddressListOptions : ListOptions {
  std::vector<Family> families{Family{}};

  std::vector<Holds> holds() const {
    std::vector<Holds> all;
    for (const auto& family : families) all.push_back(family.holds);
    return all;
  }
  void visit(base::Visitor& v) {
    ListOptions::visit(v);
    v.field({.key = "families", .help = "Which addresses it is asked about."}, families);
  }
};

class Dnsbl final : public Check {
 public:
  Dnsbl(const std::vector<AddressListOptions>& lists, ListingPolicy policy)
      : Check({smtp::Stage::connect}), policy_(policy) {
    for (const auto& options : lists) {
      for (const auto holds : options.holds())
        (holds == Holds::ipv4 ? ipv4_ : ipv6_).push_back(std::make_unique<const DnsList>(options, holds));
    }
  }

  bool depends_on_client() const override { return true; }
  std::vector<WitnessPtr> witnesses() const override {
    std::vector<WitnessPtr> all;
    for (const auto* lists : {&ipv4_, &ipv6_}) {
      for (const auto& list : *lists) all.push_back(list->witness());
    }
    return all;
  }

  Findings connect(const smtp::ConnectFacts& facts, Evidence& evidence) const override {
    const auto& client = facts.client.address;
    std::vector<const DnsList*> lists;
    for (const auto& list : client.is_v4() ? ipv4_ : ipv6_) lists.push_back(list.get());
    const Subject subject{dns::reversed(client), client.to_string()};
    const auto listings = look_up(lists, subject, evidence);
    if (!listings) return std::nullopt;
    if (listings->none()) return Findings{std::in_place};
    const ListingWords words{smtp::Say::dnsbl_listed, "dnsbl.below_threshold", "dnsbl.no_answer",
                             "dnsbl.list_error", subject.text};
    impeach_failing(*listings, evidence);
    return judge(*listings, policy_, subject, words);
  }

 private:
  using Lists = std::vector<std::unique_ptr<const DnsList>>;
  Lists ipv4_;
  Lists ipv6_;
  ListingPolicy policy_;
};

class DnsblOptions final : public CheckOptions {
 public:
  DnsblOptions() : CheckOptions(Mode::observe) {}

  void visit(base::Visitor& v) override {
    visit_mode(v);
    policy_.visit(v);
    v.list({.key = "lists", .help = "DNS lists of addresses. All are asked at once when a client connects."},
           lists_);
  }
  void validate(const std::string& path, base::Problems& problems) const override {
    policy_.validate(path, problems);
    if (lists_.empty() && mode == Mode::enforce)
      problems.warning(path + ".mode", "no list is named, so that nothing is refused",
                       "add [[" + path + ".lists]]");
    std::set<std::pair<std::string, Holds>> names;
    for (std::size_t i = 0; i < lists_.size(); ++i) {
      const auto& list = lists_[i];
      const auto at = path + ".lists[" + std::to_string(i) + "]";
      const auto holds = list.holds();
      list.validate(at, holds, problems);
      if (holds.empty()) problems.error(at + ".families", "without families the list is never asked");
      for (const auto held : holds) {
        if (names.emplace(list.shown_name(), held).second) continue;
        problems.error(at, "there is another list of this name", "give it a name of its own");
      }
    }
  }
  std::unique_ptr<const Check> make(CheckFiles&) const override {
    return std::make_unique<Dnsbl>(lists_, policy_);
  }

 private:
  ListingPolicy policy_;
  std::vector<AddressListOptions> lists_;
};

}  // namespace

std::unique_ptr<CheckOptions> make_dnsbl_options() {
  return std::make_unique<DnsblOptions>();
}

}  // namespace gatepost::checks
