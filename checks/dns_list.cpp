#include "checks/dns_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/text.hpp"
#include "mail/address.hpp"

namespace gatepost::checks {
namespace {

/// The least length of a first label that is taken for a key.
constexpr std::size_t shortest_key = 16;
/// The least length of a key written as such.
constexpr std::size_t shortest_hidden = 8;
constexpr std::string_view hidden = "...";

std::string_view suffix(Holds holds) {
  switch (holds) {
    case Holds::ipv4: return " (IPv4)";
    case Holds::ipv6: return " (IPv6)";
    case Holds::domains: return " (domains)";
  }
  return "";
}

/// ::FFFF:7F00:<last>, which a value of type IpAddress would take for the IPv4 address.
std::string mapped_entry(char last) {
  std::string entry = std::string(1, last) + ".0.0.0.0.0.f.7.f.f.f.f";
  for (int i = 0; i < 20; ++i) entry += ".0";
  return entry;
}

struct CanaryEntries {
  std::string listed;
  std::string clean;
};

CanaryEntries rfc5782_entries(Holds holds) {
  switch (holds) {
    case Holds::ipv4: return {"2.0.0.127", "1.0.0.127"};
    case Holds::ipv6: return {mapped_entry('2'), mapped_entry('1')};
    case Holds::domains: return {"test", "invalid"};
  }
  return {};
}

/// A canary of the operator's as the list has it; nothing if it is none for such a list.
std::optional<std::string> own_entry(std::string_view text, Holds holds) {
  if (holds == Holds::domains) {
    if (!mail::domain_key(text) || base::IpAddress::parse(text)) return std::nullopt;
    return base::to_lower(text);
  }
  const auto address = base::IpAddress::parse(text);
  if (!address || address->is_v4() != (holds == Holds::ipv4)) return std::nullopt;
  return dns::reversed(*address);
}

CanaryEntries entries_of(const Canary& canary, Holds holds) {
  if (canary.kind != Canary::Kind::own) return rfc5782_entries(holds);
  return {own_entry(canary.listed, holds).value_or(""), own_entry(canary.clean, holds).value_or("")};
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  if (what.empty()) return std::string(text);
  std::string out;
  while (!text.empty()) {
    if (base::istarts_with(text, what)) {
      out += by;
      text.remove_prefix(what.size());
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

}  // namespace

// ---- Options

std::string_view ListZone::key() const {
  const auto label = std::string_view(name).substr(0, name.find('.'));
  const bool plain = std::all_of(label.begin(), label.end(), base::is_alnum);
  return label.size() >= shortest_key && plain ? label : std::string_view{};
}

std::string ListZone::without_key() const {
  return key().empty() ? name : name.substr(std::min(key().size() + 1, name.size()));
}

void ListOptions::visit(base::Visitor& v) {
  v.field({.key = "zone",
           .help = "The list's zone in DNS, without the key.",
           .example = "\"zen.dq.spamhaus.net\""},
          zone);
  v.field({.key = "key",
           .help = "Stands before the zone in each question. It is shown nowhere.",
           .example = "\"...\"",
           .secret = true},
          key);
  v.field({.key = "name",
           .help = "What senders and logs are told that they are on; if empty, the zone.",
           .example = "\"Spamhaus ZEN\""},
          name);
  v.field(
      {.key = "codes",
       .help = "The codes that count; all others are no listing. Each with a weight, if the list's is not "
               "to hold, and a name for people. Of several codes the heaviest counts.",
       .example = "[\"127.0.0.2-3 = 5 SBL\", \"127.0.0.10-11 = 3 PBL\"]"},
      codes);
  v.field({.key = "error_codes",
           .help = "Codes by which this list says that it does not answer. 127.255.255.0/24 and all outside "
                   "127.0.0.0/8 are errors in any list.",
           .example = "[\"127.0.0.255\"]"},
          error_codes);
  v.field({.key = "weight",
           .help = "What being on the list adds. Negative: an allow list.",
           .min = -1000,
           .max = 1000},
          weight);
  v.field({.key = "url",
           .help = "Where senders can look themselves up; {ip} and {domain} stand for who was listed.",
           .example = "\"https://check.spamhaus.org/query/ip/{ip}\""},
          url);
  v.field({.key = "txt",
           .help = "Asks for the list's own words (TXT) about what it lists: for the log, and for the reply "
                   "if there is no url."},
          txt);
  v.field({.key = "canary",
           .help = "What must be listed and what must not, so that the list is believed: the entries of RFC "
                   "5782 (127.0.0.2, 127.0.0.1; TEST, INVALID), others, or none.",
           .table = true},
          canary);
}

void ListOptions::validate(const std::string& path, std::span<const Holds> holds,
                           base::Problems& problems) const {
  if (zone.name.empty()) problems.error(path + ".zone", "is missing");
  if (!zone.key().empty())
    problems.warning(path + ".zone", "its first label looks like a key", "write it as key = \"...\"");
  // A short one would be found, and hidden, in words that have nothing to do with it.
  if (!key.empty() && key.reveal().size() < shortest_hidden) {
    problems.error(path + ".key", "is too short for a key", "write it at the front of zone");
  } else if (!key.empty() && !dns::is_askable(key.reveal() + "." + zone.name)) {
    problems.error(path + ".key", "is no part of a domain name");
  }
  if (codes.empty()) problems.error(path + ".codes", "without codes nothing is ever listed");
  for (const auto& [text, where] : {std::pair(&name, ".name"), std::pair(&url, ".url")}) {
    if (!base::is_ascii(*text))
      problems.error(path + where, "must be ASCII, since it is part of an SMTP reply");
  }
  if (canary.kind != Canary::Kind::own) return;
  for (const auto held : holds) {
    for (const auto* entry : {&canary.listed, &canary.clean}) {
      if (own_entry(*entry, held)) continue;
      problems.error(path + ".canary",
                     fmt::format("\"{}\" cannot be in a list{}", base::printable(*entry), suffix(held)),
                     holds.size() > 1 ? "name the list once for each family" : "");
    }
  }
}

// ---- The list

std::optional<std::string> domain_entry(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos || !dns::is_askable(name)) return std::nullopt;
  const auto last = name.substr(dot + 1);
  if (std::all_of(last.begin(), last.end(), base::is_digit)) return std::nullopt;
  const auto in_host_name = [](char c) { return base::is_alnum(c) || c == '-' || c == '_' || c == '.'; };
  if (!std::all_of(name.begin(), name.end(), in_host_name)) return std::nullopt;
  return base::to_lower(name);
}

std::string DnsList::Codes::error_in(const dns::Answer& answer) const {
  const auto means = [](std::string_view code) -> std::string_view {
    if (code == "127.255.255.252") return "the zone's name is misspelt";
    if (code == "127.255.255.254") return "it does not serve open or public resolvers";
    if (code == "127.255.255.255") return "too many questions";
    return "it does not serve us";
  };
  for (const auto& address : answer.addresses) {
    const auto text = address.to_string();
    const bool error = std::any_of(errors.begin(), errors.end(),
                                   [&](const CodeSet& codes) { return codes.contains(address); });
    if (is_code(address) && !error) continue;
    if (!text.starts_with("127.")) return "it answers " + text + ", which is no code: the list may be gone";
    return "it answers the error code " + text + ": " + std::string(means(text));
  }
  return {};
}

DnsList::DnsList(const ListOptions& options, Holds holds)
    : name_(options.shown_name()),
      key_(options.key.empty() ? options.zone.key() : options.key.reveal()),
      zone_(base::to_lower((options.key.empty() ? "" : options.key.reveal() + ".") + options.zone.name)),
      url_(options.url),
      txt_(options.txt) {
  Codes codes{options.codes, options.error_codes};
  for (auto& code : codes.known) {
    if (!code.weight) code.weight = options.weight;
    lowest_ = std::min(lowest_, *code.weight);
    highest_ = std::max(highest_, *code.weight);
  }
  codes_ = std::make_shared<const Codes>(std::move(codes));
  witness_ = make_witness(options.canary, holds);
}

dns::Question DnsList::question(std::string_view entry, dns::Type type) const {
  dns::Question question{{}, type};
  question.name.reserve(entry.size() + 1 + zone_.size());
  question.name.append(entry).append(".").append(zone_);
  return question;
}

Reading DnsList::read(const dns::Answer& answer) const {
  Reading reading;
  if (answer.failed()) {
    reading.kind = Reading::Kind::no_answer;
    reading.why = "it does not answer: " + without_key(answer.why);
    return reading;
  }
  reading.why = codes_->error_in(answer);
  if (!reading.why.empty()) {
    reading.kind = Reading::Kind::error;
    return reading;
  }
  for (const auto& code : answer.addresses) {
    for (const auto& known : codes_->known) {
      if (!known.codes.contains(code)) continue;
      const bool first = reading.kind == Reading::Kind::not_listed;
      if (!first && std::abs(*known.weight) <= std::abs(reading.weight)) continue;
      reading = {Reading::Kind::listed, code, *known.weight, known.label, {}};
    }
  }
  return reading;
}

std::string DnsList::url(const Subject& subject) const {
  return without_key(replaced(replaced(url_, "{ip}", subject.text), "{domain}", subject.text));
}

std::string DnsList::without_key(std::string_view text) const {
  return replaced(text, key_, hidden);
}

WitnessPtr DnsList::make_witness(const Canary& canary, Holds holds) const {
  const auto entries = entries_of(canary, holds);
  Witness witness{name_ + std::string(suffix(holds)), {question(entries.clean, dns::Type::a)}, {}};
  if (canary.kind == Canary::Kind::none) {
    witness.judge = [codes = codes_](auto answers) { return codes->error_in(*answers[0]); };
    return std::make_shared<const Witness>(std::move(witness));
  }
  witness.questions.push_back(question(entries.listed, dns::Type::a));
  witness.judge = [codes = codes_, entries, key = key_](auto answers) -> std::string {
    for (const auto* answer : answers) {
      if (answer->failed()) return "it does not answer: " + replaced(answer->why, key, hidden);
      if (auto error = codes->error_in(*answer); !error.empty()) return error;
    }
    if (answers[0]->found()) return "it lists " + entries.clean + ", which no list may (RFC 5782 5)";
    if (!answers[1]->found()) return "it does not list " + entries.listed + ", its test entry";
    return {};
  };
  return std::make_shared<const Witness>(std::move(witness));
}

}  // namespace gatepost::checks

namespace gatepost::base {

using checks::Canary;
using checks::ListZone;

std::string TextForm<ListZone>::parse(std::string_view in, ListZone& value) {
  const auto name = dns::question(in, dns::Type::a).name;
  if (!mail::domain_key(name) || name.starts_with('[')) return "is no domain name";
  value.name = name;
  return {};
}

std::string TextForm<ListZone>::print(const ListZone& value) {
  if (value.key().empty()) return value.name;
  return TextForm<Secret>::print(Secret(std::string(value.key()))) + "." + value.without_key();
}

std::string TextForm<Canary>::parse(std::string_view in, Canary& value) {
  Canary canary;
  if (in == "rfc5782" || in == "none") {
    canary.kind = in == "none" ? Canary::Kind::none : Canary::Kind::rfc5782;
  } else {
    canary.kind = Canary::Kind::own;
    for (auto rest = in; !rest.empty();) {
      auto entry = trim(split_off(rest, ','));
      const auto key = split_off(entry, ' ');
      if (key != "listed" && key != "clean") return "must be " + std::string(form);
      (key == "listed" ? canary.listed : canary.clean) = trim(entry);
    }
    if (canary.listed.empty() || canary.clean.empty()) return "must be " + std::string(form);
  }
  value = std::move(canary);
  return {};
}

std::string TextForm<Canary>::print(const Canary& value) {
  if (value.kind == Canary::Kind::none) return "none";
  if (value.kind == Canary::Kind::rfc5782) return "rfc5782";
  return "listed " + value.listed + ", clean " + value.clean;
}

}  // namespace gatepost::base
