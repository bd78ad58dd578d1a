#include "checks/host_name_shape.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "checks/address_in_name.hpp"
#include "core/base/text.hpp"
#include "mail/organisational_domain.hpp"

namespace gatepost::checks {
namespace {

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool holds(std::string_view word, std::string_view part) {
  return word.find(part) != std::string_view::npos;
}

bool says_mail(std::string_view word) {
  return holds(word, "mail") || holds(word, "smtp") || word.ends_with("mta");
}

/// Addresses that stay: an operator wrote that, so that he means it.
bool says_static(std::string_view word) {
  static constexpr std::string_view fixed[] = {"dedicated", "fixed", "fixedip", "fixip"};
  return (holds(word, "static") && !word.starts_with("non")) || is_one_of(word, fixed);
}

/// Words that mail servers have in their names; but for 3BB of Thailand "mx" is a kind of line, so that
/// "dynamic" weighs more.
bool says_server(std::string_view word) {
  static constexpr std::string_view servers[] = {
      "bounce",      "bounces",  "exchange", "exim",     "listserv", "mtas",   "newsletter",
      "newsletters", "out",      "outbound", "outgoing", "outmx",    "post",   "postfix",
      "relay",       "relayout", "relays",   "sender",   "server",   "servers"};
  return word.starts_with("mx") || is_one_of(word, servers);
}

bool says_dynamic(std::string_view word) {
  static constexpr std::string_view dynamic[] = {"dhcp",      "dial",     "dialin", "dialup", "dinamic",
                                                 "dinamica",  "dinamico", "dip",    "dyn",    "dynamic",
                                                 "dynamicip", "dynip",    "ppp",    "pppoe"};
  return is_one_of(word, dynamic);
}

/// Kinds of access lines. (SDSL is what companies have.)
bool says_access_line(std::string_view word) {
  static constexpr std::string_view lines[] = {
      "broadband",  "cable", "cablelink", "cablemodem",  "catv",   "cdma", "cpe",  "dialip", "docsis",
      "fttb",       "fttc",  "ftth",      "fttx",        "gpon",   "gprs", "isdn", "lte",    "modem",
      "modemcable", "pppoa", "pptp",      "residential", "resnet", "umts", "wimax"};
  return says_dynamic(word) || (word.ends_with("dsl") && word != "sdsl") || word.starts_with("adsl") ||
         is_one_of(word, lines);
}

/// Words of names given by rule, which servers' own names have too.
bool says_customer(std::string_view word) {
  static constexpr std::string_view customers[] = {
      "abo", "client",  "clients", "clnt",       "cm",   "cust",  "customer", "customers", "home", "host",
      "hsi", "ip",      "mobile",  "nat",        "node", "pc",    "pool",     "pools",     "port", "res",
      "rev", "reverse", "subnet",  "subscriber", "user", "users", "wifi",     "wireless",  "wlan"};
  return is_one_of(word, customers);
}

/// What the holder of the registered domain has put before it. Networks that companies let out
/// (compute-1.amazonaws.com) are part of that, so that only suffixes of registries count.
std::string_view below_registered_domain(std::string_view host) {
  const auto domain = mail::organisational_domain(host, mail::PublicSuffixes::registries);
  return host.substr(0, domain.empty() || domain == host ? 0 : host.size() - domain.size() - 1);
}

bool any_word(std::string_view text, bool (*says)(std::string_view)) {
  const auto words = runs_of(text, base::is_alpha);
  return std::any_of(words.begin(), words.end(), says);
}

/// Senders of bulk mail number their hosts by address too, but say what they are: in the domain, or before
/// it.
bool speaks_for_itself(std::string_view host, std::string_view below_domain) {
  return any_word(host, says_mail) || any_word(below_domain, says_static) ||
         (any_word(below_domain, says_server) && !any_word(below_domain, says_dynamic));
}

/// The word that makes it the name of an access line.
std::optional<std::string_view> find_line_word(std::string_view text, const base::IpAddress& address) {
  if (std::none_of(text.begin(), text.end(), base::is_digit)) return std::nullopt;
  const auto words = runs_of(text, base::is_alpha);
  auto word = std::find_if(words.begin(), words.end(), says_access_line);
  if (word == words.end() && holds_last_octets(text, address))
    word = std::find_if(words.begin(), words.end(), says_customer);
  return word == words.end() ? std::nullopt : std::optional(*word);
}

}  // namespace

HostNameShape shape_of(std::string_view host, const base::IpAddress& address) {
  using Kind = HostNameShape::Kind;
  const auto text = below_registered_domain(host);
  if (speaks_for_itself(host, text)) return {};
  if (auto held = find_address(text, address)) return {Kind::holds_address, std::move(*held)};
  if (const auto word = find_line_word(text, address)) return {Kind::access_line, std::string(*word)};
  return {};
}

}  // namespace gatepost::checks
