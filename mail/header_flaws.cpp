#include "mail/header_flaws.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/random.hpp"
#include "core/base/text.hpp"
#include "mail/address_list.hpp"
#include "mail/date.hpp"
#include "mail/field_body.hpp"
#include "mail/message_id.hpp"

namespace gatepost::mail {
namespace {

using Kind = HeaderFlawKind;

constexpr std::size_t longest_line = 998;
constexpr std::size_t longest_quote = 120;

std::string quote(const HeaderField& field) {
  return base::printable(std::string(field.name) + ": " + unfold(field.value), longest_quote);
}

std::string quote(const HeaderBlock::Line& line) {
  return "line " + std::to_string(line.number) + ": " + base::printable(line.text, longest_quote);
}

/// The id under which `host` received it (RFC 5321 4.4), empty if it does not tell; nothing if somebody else
/// did.
std::optional<std::string_view> id_at(std::string_view host, std::string_view received) {
  FieldBody in(received);
  std::string_view by;
  std::string_view id;
  std::string_view before;
  while (by.empty() || id.empty()) {
    in.skip_cfws();
    const auto token = in.take_token();
    if (token.empty()) break;
    if (by.empty() && base::iequals(before, "by")) {
      if (!base::iequals(token, host)) return std::nullopt;
      by = token;
    }
    if (id.empty() && base::iequals(before, "id")) id = token;
    before = token;
  }
  return by.empty() ? std::nullopt : std::optional(id);
}

class Judge {
 public:
  Judge(const HeaderBlock& header, const HeaderLimits& limits, const HeaderContext& context)
      : header_(header), limits_(limits), context_(context) {}

  std::vector<HeaderFlaw> all() {
    judge_count("Date", Kind::no_date, Kind::many_dates);
    judge_date();
    judge_count("From", Kind::no_from, Kind::many_froms);
    judge_from();
    judge_count("Message-ID", Kind::no_message_id, Kind::many_message_ids);
    judge_message_id();
    judge_count("Subject", Kind::no_subject, Kind::many_subjects);
    judge_count("To", Kind::no_to, Kind::many_tos);
    judge_octets();
    judge_lines();
    judge_trace();
    return std::move(flaws_);
  }

 private:
  void add(Kind kind, std::string evidence) { flaws_.push_back({kind, std::move(evidence)}); }

  void judge_count(std::string_view name, Kind missing, Kind several) {
    const auto count = header_.count(name);
    if (count == 0) add(missing, "no " + std::string(name) + " field");
    if (count > 1) add(several, std::to_string(count) + " " + std::string(name) + " fields");
  }

  void judge_date() {
    const auto* field = header_.first("Date");
    if (field == nullptr) return;
    const auto date = parse_date(field->value);
    if (!date) return add(Kind::bad_date, quote(*field));
    if (*date > context_.now + limits_.future) add(Kind::future_date, quote(*field));
    // What somebody sends on keeps its date, however old it is (RFC 5322 3.6.6).
    const bool resent = header_.first("Resent-Date") != nullptr;
    if (*date < context_.now - limits_.past && !resent) add(Kind::old_date, quote(*field));
  }

  void judge_from() {
    const auto* field = header_.first("From");
    if (field == nullptr) return;
    const auto from = parse_address_list(field->value);
    if (from.count == 0) return add(Kind::no_address, quote(*field));
    if (from.malformed) add(Kind::bad_from, quote(*field));
    if (from.count > 1 && header_.first("Sender") == nullptr)
      add(Kind::many_addresses, std::to_string(from.count) + " addresses, no Sender: " + quote(*field));
  }

  void judge_message_id() {
    const auto* field = header_.first("Message-ID");
    if (field != nullptr && !is_message_id(field->value)) add(Kind::bad_message_id, quote(*field));
  }

  void judge_octets() {
    const HeaderField* utf8 = nullptr;
    for (const auto& field : header_.fields()) {
      if (base::is_ascii(field.value)) continue;
      if (!base::is_utf8(field.value)) return add(Kind::raw_8bit, "not UTF-8: " + quote(field));
      if (utf8 == nullptr) utf8 = &field;
    }
    if (utf8 != nullptr && !context_.smtputf8) add(Kind::raw_8bit, "UTF-8 without SMTPUTF8: " + quote(*utf8));
  }

  void judge_lines() {
    const auto& longest = header_.longest_line();
    if (longest.text.size() > longest_line)
      add(Kind::long_line, std::to_string(longest.text.size()) + " octets in " + quote(longest));
    if (header_.stray_line().number != 0) add(Kind::stray_line, quote(header_.stray_line()));
    if (header_.field_count() > static_cast<std::size_t>(limits_.fields))
      add(Kind::many_fields, std::to_string(header_.field_count()) + " fields");
  }

  void judge_trace() {
    for (const auto& field : header_.fields()) {
      if (!base::iequals(field.name, "Received")) continue;
      const auto id = id_at(context_.hostname, field.value);
      if (!id) continue;
      const bool ours = base::SessionId::resembles(*id);
      return add(Kind::forged_received,
                 "by " + std::string(context_.hostname) + " id " + base::printable(*id, longest_quote) +
                     (ours ? ", which may be one of ours" : ", which is not of our form"));
    }
  }

  const HeaderBlock& header_;
  const HeaderLimits& limits_;
  const HeaderContext& context_;
  std::vector<HeaderFlaw> flaws_;
};

}  // namespace

std::vector<HeaderFlaw> header_flaws(const HeaderBlock& header, const HeaderLimits& limits,
                                     const HeaderContext& context) {
  return Judge(header, limits, context).all();
}

}  // namespace gatepost::mail
