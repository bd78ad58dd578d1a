#include "mail/spf.hpp"

#include <algorithm>
#include <span>
#include <utility>

#include "core/base/text.hpp"
#include "mail/address.hpp"
#include "mail/spf_macro.hpp"
#include "mail/spf_record.hpp"

namespace gatepost::mail {
namespace {

using dns::Type;

// RFC 7208 4.6.4
constexpr unsigned most_lookups = 10;
constexpr unsigned most_void_lookups = 2;
constexpr std::size_t most_names = 10;

bool count(unsigned& counter, unsigned most) {
  if (counter == most) return false;
  ++counter;
  return true;
}

/// Are the first `length` bits the same, in addresses of one family?
bool same_network(const base::IpAddress& a, const base::IpAddress& b, unsigned length) {
  if (a.is_v4() != b.is_v4()) return false;
  const std::size_t first = a.is_v4() ? 12 : 0;
  const auto partial = first + length / 8;
  for (auto i = first; i < partial; ++i) {
    if (a.bytes()[i] != b.bytes()[i]) return false;
  }
  return length % 8 == 0 || ((a.bytes()[partial] ^ b.bytes()[partial]) >> (8 - length % 8)) == 0;
}

/// Is `name` the domain or below it? Both in lower case.
bool is_within(std::string_view name, std::string_view domain) {
  if (!name.ends_with(domain)) return false;
  return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

/// Can this be a domain with a record (RFC 7208 4.3)? It has several labels, and is no address.
bool is_domain(std::string_view name) {
  const auto is_foreign = [](char c) { return c == '@' || c == '[' || c == ' '; };
  return dns::is_askable(name) && name.find('.') != std::string_view::npos &&
         std::none_of(name.begin(), name.end(), is_foreign) && !base::IpAddress::parse(name);
}

/// As the domain name system knows it, without trailing dot. What can't be made so stays as it is.
std::string host_name(std::string_view written) {
  if (written.ends_with('.')) written.remove_suffix(1);
  if (!base::is_ascii(written)) {
    if (auto key = domain_key(written)) return std::move(*key);
  }
  return std::string(written);
}

/// Is "postmaster" at the name in HELO checked (RFC 7208 2.3, 2.4)?
bool checks_helo(const SpfQuestion& question) {
  return question.identity == SpfIdentity::helo || question.sender.empty();
}

std::string checked_domain(const SpfQuestion& question) {
  return host_name(checks_helo(question)
                       ? std::string_view(question.helo)
                       : std::string_view(question.sender).substr(question.sender.rfind('@') + 1));
}

std::string checked_local_part(const SpfQuestion& question) {
  const auto at = checks_helo(question) ? std::string::npos : question.sender.rfind('@');
  return at == std::string::npos || at == 0 ? "postmaster" : question.sender.substr(0, at);
}

std::string failure(const dns::Question& question, const dns::Answer& answer) {
  return question.to_string() + ": " + std::string(name_of(answer.outcome)) +
         (answer.why.empty() ? "" : " (" + answer.why + ")");
}

/// One check, begun anew whenever an answer has come in. "Nothing" means everywhere: an answer is missing.
class Check {
 public:
  Check(const SpfQuestion& question, dns::Lookup& dns)
      : question_(question), dns_(dns), domain_(checked_domain(question)) {
    answer_.domain = base::to_lower(domain_);
    answer_.sender = checked_local_part(question) + "@" + domain_;
  }

  std::optional<SpfAnswer> run();

 private:
  /// What comes of a mechanism, or of a query.
  enum class Match { no, yes, temperror, permerror, pending };

  std::optional<SpfResult> check_host();
  std::optional<SpfResult> evaluate(const SpfRecord& record);
  std::optional<SpfResult> redirect(std::string_view domain_spec);
  void look_ahead(std::span<const SpfDirective> rest);

  Match match(const SpfDirective& directive);
  Match match_query(const SpfDirective& directive);
  Match match_include(const SpfDirective& directive, std::string target);
  Match match_address(const SpfDirective& directive, std::string_view target);
  Match match_mx(const SpfDirective& directive, std::string_view target);
  Match match_ptr(std::string_view target);
  Match match_exists(std::string_view target);

  Match ask(std::string_view name, Type type, const dns::Answer*& answer);
  bool covers_client(const SpfDirective& directive, const dns::Answer& answer) const;
  std::optional<std::vector<std::string_view>> validated(const dns::Answer& reverse, std::string_view domain);
  std::optional<std::string> client_name();
  std::optional<std::string> target_name(std::string_view domain_spec);
  std::optional<std::string> expand(std::string_view text, SpfMacroUse use);
  bool explain();

  bool count_lookup();
  bool count_void();
  Type address_type() const { return question_.client.is_v4() ? Type::a : Type::aaaa; }
  SpfResult wrong(SpfResult result, std::string problem);
  Match wrong(Match match, std::string problem);
  template <class... Words>
  void note(const Words&... words);

  const SpfQuestion& question_;
  dns::Lookup& dns_;
  SpfAnswer answer_;
  std::string domain_;  ///< whose record is evaluated
  std::size_t depth_ = 0;
  std::string explanation_;  ///< the domain-spec of exp= where the result is fail
};

SpfResult Check::wrong(SpfResult result, std::string problem) {
  answer_.problem = std::move(problem);
  return result;
}

Check::Match Check::wrong(Match match, std::string problem) {
  answer_.problem = std::move(problem);
  return match;
}

template <class... Words>
void Check::note(const Words&... words) {
  if (!question_.trace) return;
  std::string line(2 * depth_, ' ');
  (line.append(words), ...);
  answer_.path.push_back(base::printable(line, 2048));
}

bool Check::count_lookup() {
  if (count(answer_.lookups, most_lookups)) return true;
  answer_.problem = "more than 10 terms that need DNS lookups (RFC 7208 4.6.4)";
  return false;
}

bool Check::count_void() {
  if (count(answer_.void_lookups, most_void_lookups)) return true;
  answer_.problem = "more than 2 terms that look up what does not exist (RFC 7208 4.6.4)";
  return false;
}

std::optional<SpfAnswer> Check::run() {
  const auto result = check_host();
  if (!result) return std::nullopt;
  answer_.result = *result;
  if (*result == SpfResult::fail && !explain()) return std::nullopt;
  note(name_of(*result), answer_.problem.empty() ? "" : ": ", answer_.problem);
  return std::move(answer_);
}

/// RFC 7208 4, for `domain_`.
std::optional<SpfResult> Check::check_host() {
  if (!is_domain(domain_)) {
    return wrong(SpfResult::none,
                 base::printable(domain_) + " is no domain name that can have an SPF record");
  }
  const auto question = dns::question(domain_, Type::txt);
  const auto* answer = dns_.lookup(question);
  if (answer == nullptr) return std::nullopt;
  if (answer->failed()) return wrong(SpfResult::temperror, failure(question, *answer));
  // Only a term's query counts as void, not the one that begins it all.
  if (answer->absent() && answer_.lookups > 0 && !count_void()) return SpfResult::permerror;
  const auto& texts = answer->texts;
  const auto found = std::find_if(texts.begin(), texts.end(), is_spf_record);
  if (found == texts.end()) return wrong(SpfResult::none, domain_ + " has no SPF record");
  if (depth_ == 0 && answer_.record.empty()) answer_.record = *found;
  if (std::find_if(found + 1, texts.end(), is_spf_record) != texts.end())
    return wrong(SpfResult::permerror, domain_ + " has more than one SPF record");
  note(domain_, ": ", *found);
  const auto record = parse_spf_record(*found);
  if (!*record)
    return wrong(SpfResult::permerror, "in the record of " + domain_ + ": " + record->error().message);
  return evaluate(**record);
}

std::optional<SpfResult> Check::evaluate(const SpfRecord& record) {
  for (const auto& directive : record.directives) {
    switch (match(directive)) {
      case Match::no: note(directive.text, ": no match"); break;
      case Match::yes:
        note(directive.text, ": match, ", name_of(directive.qualifier));
        if (!answer_.mechanism.empty()) answer_.mechanism.insert(0, 1, ' ');
        answer_.mechanism.insert(0, directive.text);
        explanation_ = record.explanation;
        return directive.qualifier;
      case Match::temperror: return SpfResult::temperror;
      case Match::permerror: return SpfResult::permerror;
      case Match::pending:
        look_ahead(std::span(record.directives)
                       .subspan(static_cast<std::size_t>(&directive - record.directives.data()) + 1));
        return std::nullopt;
    }
  }
  if (!record.redirect.empty()) return redirect(record.redirect);
  answer_.mechanism = "default";
  return SpfResult::neutral;
}

/// What the terms behind one that waits will ask is asked now, so that their lookups go side by side. What
/// comes of it does not matter, since all begins anew with the answer; only the limit of terms holds for them
/// together.
void Check::look_ahead(std::span<const SpfDirective> rest) {
  Check scout(*this);
  for (const auto& directive : rest) {
    if (directive.mechanism == SpfMechanism::all || scout.answer_.lookups == most_lookups) break;
    scout.match(directive);
  }
  answer_.lookups = scout.answer_.lookups;
}

/// RFC 7208 6.1
std::optional<SpfResult> Check::redirect(std::string_view domain_spec) {
  if (!count_lookup()) return SpfResult::permerror;
  auto target = target_name(domain_spec);
  if (!target) return std::nullopt;
  note("redirect=", domain_spec);
  domain_ = std::move(*target);
  const auto result = check_host();
  if (result == SpfResult::none) return wrong(SpfResult::permerror, "redirect=" + answer_.problem);
  return result;
}

Check::Match Check::match(const SpfDirective& directive) {
  switch (directive.mechanism) {
    case SpfMechanism::all: return Match::yes;
    case SpfMechanism::ip4:
    case SpfMechanism::ip6: {
      const bool v4 = directive.mechanism == SpfMechanism::ip4;
      // A mapped address in an ip6 mechanism matches no IPv4 client (RFC 7208 5).
      const bool inside =
          v4 == question_.client.is_v4() &&
          same_network(question_.client, directive.network, v4 ? directive.length4 : directive.length6);
      return inside ? Match::yes : Match::no;
    }
    default: return match_query(directive);
  }
}

/// A mechanism that needs lookups.
Check::Match Check::match_query(const SpfDirective& directive) {
  if (!count_lookup()) return Match::permerror;
  auto target = target_name(directive.domain_spec);
  if (!target) return Match::pending;
  switch (directive.mechanism) {
    case SpfMechanism::include: return match_include(directive, std::move(*target));
    case SpfMechanism::a: return match_address(directive, *target);
    case SpfMechanism::mx: return match_mx(directive, *target);
    case SpfMechanism::ptr: return match_ptr(*target);
    default: return match_exists(*target);
  }
}

/// RFC 7208 5.2
Check::Match Check::match_include(const SpfDirective& directive, std::string target) {
  note(directive.text);
  auto outer = std::exchange(domain_, std::move(target));
  ++depth_;
  const auto result = check_host();
  --depth_;
  domain_ = std::move(outer);
  if (!result) return Match::pending;
  switch (*result) {
    case SpfResult::pass: return Match::yes;
    case SpfResult::temperror: return Match::temperror;
    case SpfResult::permerror: return Match::permerror;
    case SpfResult::none: return wrong(Match::permerror, "include:" + answer_.problem);
    default: break;
  }
  answer_.mechanism.clear();
  return Match::no;
}

/// A mechanism's own query; it alone counts as void, once per term (RFC 7208 4.6.4), not those for names that
/// it found. `yes`: the answer has records. What can't be asked for does not exist (4.8).
Check::Match Check::ask(std::string_view name, Type type, const dns::Answer*& answer) {
  if (name.empty() || !dns::is_askable(name)) return Match::no;
  const auto question = dns::question(name, type);
  answer = dns_.lookup(question);
  if (answer == nullptr) return Match::pending;
  if (answer->failed()) return wrong(Match::temperror, failure(question, *answer));
  if (answer->found()) return Match::yes;
  return count_void() ? Match::no : Match::permerror;
}

bool Check::covers_client(const SpfDirective& directive, const dns::Answer& answer) const {
  const auto length = question_.client.is_v4() ? directive.length4 : directive.length6;
  return std::any_of(answer.addresses.begin(), answer.addresses.end(), [&](const base::IpAddress& address) {
    return same_network(question_.client, address, length);
  });
}

/// RFC 7208 5.3
Check::Match Check::match_address(const SpfDirective& directive, std::string_view target) {
  const dns::Answer* answer = nullptr;
  const auto asked = ask(target, address_type(), answer);
  if (asked != Match::yes) return asked;
  return covers_client(directive, *answer) ? Match::yes : Match::no;
}

/// RFC 7208 5.4
Check::Match Check::match_mx(const SpfDirective& directive, std::string_view target) {
  const dns::Answer* exchanges = nullptr;
  const auto asked = ask(target, Type::mx, exchanges);
  if (asked != Match::yes) return asked;
  if (exchanges->exchanges.size() > most_names)
    return wrong(Match::permerror, std::string(target) + " has more than 10 MX records (RFC 7208 4.6.4)");
  bool pending = false;
  for (const auto& exchange : exchanges->exchanges) {
    if (exchange.host.empty() || !dns::is_askable(exchange.host)) continue;
    const auto question = dns::question(exchange.host, address_type());
    const auto* answer = dns_.lookup(question);
    // Once one is missing, all others are asked for, and what they say waits for it.
    pending = pending || answer == nullptr;
    if (pending) continue;
    if (answer->failed()) return wrong(Match::temperror, failure(question, *answer));
    if (covers_client(directive, *answer)) return Match::yes;
  }
  return pending ? Match::pending : Match::no;
}

/// Those of the client's first 10 names that are at or below `domain` (empty: all) and have its address
/// (RFC 7208 5.5). A name whose lookup fails is passed over.
std::optional<std::vector<std::string_view>> Check::validated(const dns::Answer& reverse,
                                                              std::string_view domain) {
  std::vector<std::string_view> names;
  bool pending = false;
  const auto most = std::min(reverse.names.size(), most_names);
  for (std::size_t i = 0; i < most; ++i) {
    const auto& name = reverse.names[i];
    if (name.empty() || !dns::is_askable(name) || (!domain.empty() && !is_within(name, domain))) continue;
    const auto* answer = dns_.lookup(dns::question(name, address_type()));
    pending = pending || answer == nullptr;
    if (pending) continue;
    const auto& addresses = answer->addresses;
    if (std::find(addresses.begin(), addresses.end(), question_.client) != addresses.end())
      names.emplace_back(name);
  }
  if (pending) return std::nullopt;
  return names;
}

/// RFC 7208 5.5
Check::Match Check::match_ptr(std::string_view target) {
  if (target.empty()) return Match::no;
  const dns::Answer* reverse = nullptr;
  const auto asked = ask(dns::reverse_question(question_.client).name, Type::ptr, reverse);
  if (asked == Match::temperror) return wrong(Match::no, {});
  if (asked != Match::yes) return asked;
  const auto names = validated(*reverse, base::to_lower(target));
  if (!names) return Match::pending;
  return names->empty() ? Match::no : Match::yes;
}

/// RFC 7208 5.7: always an A lookup.
Check::Match Check::match_exists(std::string_view target) {
  const dns::Answer* answer = nullptr;
  return ask(target, Type::a, answer);
}

/// For %{p} (RFC 7208 7.3): preferably the domain itself, then a name below it, then any.
std::optional<std::string> Check::client_name() {
  const auto* reverse = dns_.lookup(dns::reverse_question(question_.client));
  if (reverse == nullptr) return std::nullopt;
  const auto names = validated(*reverse, {});
  if (!names) return std::nullopt;
  if (names->empty()) return "unknown";
  const auto domain = base::to_lower(domain_);
  if (std::find(names->begin(), names->end(), domain) != names->end()) return domain;
  const auto below = std::find_if(names->begin(), names->end(),
                                  [&](std::string_view name) { return is_within(name, domain); });
  return std::string(below != names->end() ? *below : names->front());
}

/// The expansion, empty if `text` is no macro-string.
std::optional<std::string> Check::expand(std::string_view text, SpfMacroUse use) {
  SpfMacroValues values;
  values.sender = answer_.sender;
  values.domain = domain_;
  values.client = question_.client;
  values.helo = question_.helo;
  values.receiver = question_.receiver;
  values.now = question_.now;
  std::optional<std::string> name;
  if (needs_client_name(text)) {
    name = client_name();
    if (!name) return std::nullopt;
    values.client_name = *name;
  }
  return expand_spf_macros(text, use, values).value_or("");
}

std::optional<std::string> Check::target_name(std::string_view domain_spec) {
  if (domain_spec.empty()) return domain_;
  if (domain_spec.find('%') == std::string_view::npos) return fit_spf_name(std::string(domain_spec));
  auto name = expand(domain_spec, SpfMacroUse::record);
  if (name) *name = fit_spf_name(std::move(*name));
  return name;
}

/// RFC 7208 6.2: fetches the explanation of a fail; what is wrong with it does not matter. False: pending.
bool Check::explain() {
  if (explanation_.empty()) return true;
  const auto name = target_name(explanation_);
  if (!name) return false;
  if (name->empty() || !dns::is_askable(*name)) return true;
  const auto* answer = dns_.lookup(dns::question(*name, Type::txt));
  if (answer == nullptr) return false;
  if (!answer->found() || answer->texts.size() != 1) return true;
  const auto text = expand(answer->texts.front(), SpfMacroUse::explanation);
  if (!text) return false;
  // The sender's part of it may hold anything.
  answer_.explanation = base::reply_safe(*text, 1024);
  return true;
}

}  // namespace

std::optional<SpfAnswer> check_spf(const SpfQuestion& question, dns::Lookup& dns) {
  return Check(question, dns).run();
}

}  // namespace gatepost::mail
