#include "tests/support/fake_zone.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/base/text.hpp"

namespace gatepost::tests {
namespace {

using dns::Outcome;
using dns::Type;

std::optional<Outcome> outcome_of(std::string_view text) {
  if (text == "(no name)") return Outcome::no_name;
  if (text == "(no data)") return Outcome::no_data;
  if (text == "(failure)") return Outcome::temporary_failure;
  if (text == "(bogus)") return Outcome::bogus;
  return std::nullopt;
}

std::optional<Type> type_of(std::string_view text) {
  for (const auto type :
       {Type::a, Type::ns, Type::cname, Type::soa, Type::ptr, Type::mx, Type::txt, Type::aaaa}) {
    if (dns::name_of(type) == text) return type;
  }
  return std::nullopt;
}

std::string host(std::string_view text) {
  return dns::question(text, Type::a).name;
}

/// "one" "two" -> onetwo; without quotes: as it stands.
std::string join_strings(std::string_view text) {
  if (!text.starts_with('"')) return std::string(text);
  std::string out;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      inside = !inside;
    } else if (inside) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      out += text[i];
    }
  }
  return out;
}

}  // namespace

FakeZone::FakeZone(std::string_view text) {
  while (!text.empty()) add(base::split_off(text, '\n'));
}

void FakeZone::add(std::string_view line) {
  line = base::trim(line);
  if (line.empty() || line.starts_with('#')) return;
  auto rest = line;
  const auto name = host(base::split_off(rest, ' '));
  if (name == "*") {
    otherwise_ = outcome_of(base::trim(rest));
    if (!otherwise_) throw std::runtime_error("zone: " + std::string(line));
    return;
  }
  rest = base::trim(rest);
  const auto kind = base::split_off(rest, ' ');
  rest = base::trim(rest);
  if (kind == "*") {
    const auto outcome = outcome_of(rest);
    if (!outcome) throw std::runtime_error("zone: " + std::string(line));
    outcomes_[name] = *outcome;
    return;
  }
  const auto type = type_of(kind);
  if (!type) throw std::runtime_error("zone: no such type: " + std::string(line));
  auto& answer = answers_[{name, *type}];
  answer.ttl = std::chrono::seconds(300);
  if (const auto outcome = outcome_of(rest)) {
    answer.outcome = *outcome;
    if (answer.failed()) answer.why = "the zone says so";
    return;
  }
  answer.outcome = Outcome::found;
  switch (*type) {
    case Type::a:
    case Type::aaaa: {
      const auto address = base::IpAddress::parse(rest);
      if (!address) throw std::runtime_error("zone: no address: " + std::string(line));
      answer.addresses.push_back(*address);
      break;
    }
    case Type::mx: {
      std::uint64_t preference = 0;
      base::parse_number(base::split_off(rest, ' '), preference);
      answer.exchanges.push_back({static_cast<std::uint16_t>(preference), host(rest == "." ? "" : rest)});
      std::sort(answer.exchanges.begin(), answer.exchanges.end());
      break;
    }
    case Type::txt: answer.texts.push_back(join_strings(rest)); break;
    default: answer.names.push_back(host(rest));
  }
}

dns::Answer FakeZone::answer(const dns::Question& question) {
  dns::Answer none;
  none.ttl = std::chrono::seconds(300);
  if (!dns::is_askable(question.name)) {
    none.outcome = Outcome::no_name;
    return none;
  }
  if (const auto found = answers_.find(question); found != answers_.end()) return found->second;
  if (const auto found = outcomes_.find(question.name); found != outcomes_.end()) {
    none.outcome = found->second;
    return none;
  }
  if (const auto alias = answers_.find({question.name, Type::cname});
      alias != answers_.end() && alias->second.found()) {
    auto answer = this->answer({alias->second.names.front(), question.type});
    answer.alias = true;
    return answer;
  }
  if (otherwise_) {
    none.outcome = *otherwise_;
    const auto same = std::any_of(answers_.begin(), answers_.end(),
                                  [&](const auto& entry) { return entry.first.name == question.name; });
    if (same && none.outcome == Outcome::no_name) none.outcome = Outcome::no_data;
    return none;
  }
  unexpected_.push_back(question.to_string());
  none.why = "not in the zone";
  return none;
}

const dns::Answer* FakeLookup::lookup(const dns::Question& question) {
  auto& answer = answers_[question];
  if (answer) return answer.get();
  answer = std::make_unique<dns::Answer>(zone_.answer(question));
  return late_ ? nullptr : answer.get();
}

}  // namespace gatepost::tests
