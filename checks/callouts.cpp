#include "checks/callouts.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.hpp"
#include "core/state/octets.hpp"

namespace gatepost::checks {

using state::Second;

namespace {

constexpr char version = 1;
/// Octets in front of the words.
constexpr std::size_t head_size = 1 + 1 + 1 + 2 + 4 + 4 + 4;

Second seconds(base::Millis span) {
  return static_cast<Second>(std::chrono::duration_cast<base::seconds>(span).count());
}

Second lasts(CalloutResult result, const CalloutSettings& how) {
  switch (result) {
    case CalloutResult::taken: return seconds(how.keep_taken);
    case CalloutResult::refused:
    case CalloutResult::sender_refused: return seconds(how.keep_refused);
    case CalloutResult::takes_all:
    case CalloutResult::selective: return seconds(how.keep_domain);
    case CalloutResult::unknown: return seconds(how.keep_unknown);
    case CalloutResult::not_asked: break;
  }
  return 0;
}

std::string_view in_words(CalloutResult result) {
  switch (result) {
    case CalloutResult::takes_all: return "takes any address";
    case CalloutResult::selective: return "refuses made-up addresses";
    case CalloutResult::sender_refused: return "refuses our sender";
    default: return name_of(result);
  }
}

CalloutAnswer remembered(const CalloutRecord& record) {
  return {record.result, std::string(record.words()), true};
}

}  // namespace

void CalloutRecord::set(CalloutResult to, std::string_view said, Second holds_until) {
  result = to;
  until = holds_until;
  size_ = static_cast<std::uint8_t>(std::min(said.size(), longest_words));
  std::copy_n(said.begin(), size_, words_.begin());
}

Second CalloutRecord::expires() const {
  return std::max(
      {until, deferrals > 0 ? deferred + deferral_memory : 0, asked > 0 ? asked_since + hour : 0});
}

/// What saves most probes is worth most: a domain's answer, then an address's.
unsigned CalloutRecord::worth(Second now) const {
  if (!holds(now) || result == CalloutResult::unknown) return 0;
  return result == CalloutResult::taken || result == CalloutResult::refused ? 1 : 2;
}

std::string CalloutRecord::encode() const {
  std::string out(1, version);
  state::put_number(out, static_cast<std::uint32_t>(result), 1);
  state::put_number(out, deferrals, 1);
  state::put_number(out, asked, 2);
  state::put_number(out, until, 4);
  state::put_number(out, deferred, 4);
  state::put_number(out, asked_since, 4);
  return out.append(words());
}

std::optional<CalloutRecord> CalloutRecord::decode(std::string_view value) {
  if (value.size() < head_size || value.size() > head_size + longest_words || value.front() != version)
    return std::nullopt;
  value.remove_prefix(1);
  CalloutRecord record;
  const auto result = state::take_number(value, 1);
  if (result >= callout_result_names.size()) return std::nullopt;
  record.deferrals = static_cast<std::uint8_t>(state::take_number(value, 1));
  record.asked = static_cast<std::uint16_t>(state::take_number(value, 2));
  const auto until = state::take_number(value, 4);
  record.deferred = state::take_number(value, 4);
  record.asked_since = state::take_number(value, 4);
  record.set(static_cast<CalloutResult>(result), value, until);
  return record;
}

std::string CalloutRecord::describe(Second now) const {
  std::string text = "nothing known";
  if (holds(now)) {
    text = fmt::format("{} for another {}", in_words(result), base::duration_in_words(until - now));
    if (size_ > 0) text.append(": ").append(words());
  }
  if (deferrals > 0) text += fmt::format("; deferred {} time{}", deferrals, deferrals == 1 ? "" : "s");
  if (asked > 0 && now < asked_since + hour)
    text += fmt::format("; {} address{} asked within an hour", asked, asked == 1 ? "" : "es");
  return text;
}

std::string callout_name(const mail::Mailbox& address) {
  return "address " + address.key();
}

std::string callout_domain_name(std::string_view domain_key) {
  return "domain " + std::string(domain_key);
}

std::optional<CalloutAnswer> recall(const Callouts& callouts, const mail::Mailbox& address, Second now) {
  const auto own = callouts.find(callout_name(address), now);
  if (own && own->holds(now)) return remembered(*own);
  const auto domain = callouts.find(callout_domain_name(address.domain_key()), now);
  if (domain && domain->holds(now) && domain->result != CalloutResult::selective) return remembered(*domain);
  return std::nullopt;
}

bool known_selective(const Callouts& callouts, std::string_view domain_key, Second now) {
  const auto domain = callouts.find(callout_domain_name(domain_key), now);
  return domain && domain->holds(now) && domain->result == CalloutResult::selective;
}

void remember(Callouts& callouts, const std::string& name, const CalloutAnswer& answer,
              const CalloutSettings& how, Second now) {
  if (answer.result == CalloutResult::not_asked) return;
  callouts.update(name, now, [&](CalloutRecord& record) {
    record.set(answer.result, answer.words, now + lasts(answer.result, how));
    if (answer.result != CalloutResult::unknown) record.deferrals = 0;
  });
}

bool may_ask(Callouts& callouts, std::string_view domain_key, std::int64_t most, Second now) {
  bool enough = false;
  callouts.update(callout_domain_name(domain_key), now, [&](CalloutRecord& record) {
    if (record.asked == 0 || now >= record.asked_since + CalloutRecord::hour) {
      record.asked = 0;
      record.asked_since = now;
    }
    enough = record.asked >= most;
    if (!enough) ++record.asked;
  });
  return !enough;
}

unsigned deferrals(const Callouts& callouts, const mail::Mailbox& address, Second now) {
  const auto known = callouts.find(callout_name(address), now);
  if (!known || now >= known->deferred + CalloutRecord::deferral_memory) return 0;
  return known->deferrals;
}

void count_deferral(Callouts& callouts, const mail::Mailbox& address, Second now) {
  callouts.update(callout_name(address), now, [now](CalloutRecord& record) {
    if (record.deferrals < CalloutRecord::most_deferrals) ++record.deferrals;
    record.deferred = now;
  });
}

std::string made_up_local_part(const Callouts& callouts, std::string_view domain_key) {
  const auto key = callouts.key_of("made up " + std::string(domain_key));
  return fmt::format("no-such-user-{:016x}", key.low);
}

}  // namespace gatepost::checks
