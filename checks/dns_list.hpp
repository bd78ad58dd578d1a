// A DNS list (RFC 5782) of addresses or of domains: how it is configured, asked, understood and examined.
// What a key in its zone's name opens is paid for, so that the key is shown nowhere.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/list_code.hpp"
#include "checks/witness.hpp"
#include "core/base/text_forms.hpp"
#include "core/dns/answer.hpp"

namespace gatepost::checks {

/// What a list holds.
enum class Holds { ipv4, ipv6, domains };

/// The name of a list's zone. If its first label looks like a key, it is not shown.
struct ListZone {
  std::string name;  ///< lower case, no trailing dot
  /// The first label if it is a key, else empty.
  std::string_view key() const;
  std::string without_key() const;
};

/// Entries whose answers are known beforehand.
struct Canary {
  enum class Kind {
    rfc5782,  ///< 127.0.0.2 is listed, 127.0.0.1 is not; ::FFFF:7F00:2 and :1; TEST and INVALID (RFC 5782 5)
    none,     ///< the list has none: it only must not answer with an error code
    own,
  };
  Kind kind = Kind::rfc5782;
  std::string listed;  ///< of own: an address or a domain
  std::string clean;
};

/// What the options of all lists have in common.
struct ListOptions {
  ListZone zone;
  base::Secret key;
  std::string name;
  std::vector<ListCode> codes{ListCode{}};
  std::vector<CodeSet> error_codes;
  double weight = 1;
  std::string url;
  bool txt = true;
  Canary canary;

  void visit(base::Visitor& v);
  /// `holds`: what the list is asked for.
  void validate(const std::string& path, std::span<const Holds> holds, base::Problems& problems) const;
  /// What people see.
  std::string shown_name() const { return name.empty() ? zone.without_key() : name; }
};

/// Whom or what a list is asked about.
struct Subject {
  std::string entry;  ///< as the list has it: "9.113.0.203", "remote.example"
  std::string text;   ///< for people and URLs: "203.0.113.9"
};

/// The entry in a list of domains for a host name as somebody said it; nothing for an address, a name of one
/// label and what is no host name: lists of domains are never asked about those.
std::optional<std::string> domain_entry(std::string_view name);

/// What an answer of a list means.
struct Reading {
  enum class Kind {
    not_listed,  ///< or with a code that does not count
    listed,
    no_answer,
    error,  ///< the list does not serve us, or is a list no longer
  };
  Kind kind = Kind::not_listed;
  base::IpAddress code;  ///< of listed: the heaviest one
  double weight = 0;
  std::string label;
  std::string why;  ///< of no_answer and error
};

/// A list, ready to be asked. Immutable.
class DnsList {
 public:
  DnsList(const ListOptions& options, Holds holds);

  const std::string& name() const { return name_; }
  bool txt() const { return txt_; }
  dns::Question question(std::string_view entry, dns::Type type) const;
  Reading read(const dns::Answer& answer) const;
  /// What its answer adds at least and at most.
  double lowest() const { return lowest_; }
  double highest() const { return highest_; }

  /// Where people can look the subject up, or empty.
  std::string url(const Subject& subject) const;
  /// The key in text from outside becomes "...".
  std::string without_key(std::string_view text) const;
  const WitnessPtr& witness() const { return witness_; }

 private:
  /// Codes and what they count; shared with the witness, which may outlive the list.
  struct Codes {
    std::vector<ListCode> known;
    std::vector<CodeSet> errors;
    /// An error code in the answer, in words; or empty.
    std::string error_in(const dns::Answer& answer) const;
  };
  WitnessPtr make_witness(const Canary& canary, Holds holds) const;

  std::string name_;
  std::string key_;
  std::string zone_;  ///< with the key, in lower case
  std::shared_ptr<const Codes> codes_;
  std::string url_;
  bool txt_;
  double lowest_ = 0;
  double highest_ = 0;
  WitnessPtr witness_;
};

}  // namespace gatepost::checks

namespace gatepost::base {

template <>
struct TextForm<checks::ListZone> {
  static constexpr std::string_view form = "domain";
  static std::string parse(std::string_view in, checks::ListZone& value);
  static std::string print(const checks::ListZone& value);
};

template <>
struct TextForm<checks::Canary> {
  static constexpr std::string_view form =
      "\"rfc5782\", \"none\" or a table: { listed = \"...\", clean = \"...\" }";
  static std::string parse(std::string_view in, checks::Canary& value);
  static std::string print(const checks::Canary& value);
};

}  // namespace gatepost::base
