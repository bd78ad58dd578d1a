#include "checks/list_code.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/text.hpp"

namespace gatepost::checks {
namespace {

constexpr std::string_view mask_word = "mask ";

}  // namespace

std::optional<CodeSet::Octet> CodeSet::parse_octet(std::string_view text) {
  const bool range = text.find('-') != std::string_view::npos;
  std::uint64_t lowest = 0;
  if (!base::parse_number(base::split_off(text, '-'), lowest)) return std::nullopt;
  std::uint64_t highest = lowest;
  if (range && !base::parse_number(text, highest)) return std::nullopt;
  if (lowest > highest || highest > 255) return std::nullopt;
  return Octet{static_cast<std::uint8_t>(lowest), static_cast<std::uint8_t>(highest)};
}

std::optional<CodeSet> CodeSet::parse(std::string_view text) {
  CodeSet set;
  set.mask_ = text.starts_with(mask_word);
  if (set.mask_) text = base::trim(text.substr(mask_word.size()));
  bool bits = false;
  for (std::size_t i = 0; i < set.octets_.size(); ++i) {
    const auto octet = parse_octet(i + 1 < set.octets_.size() ? base::split_off(text, '.') : text);
    if (!octet || (set.mask_ && octet->lowest != octet->highest)) return std::nullopt;
    set.octets_[i] = *octet;
    bits = bits || octet->highest != 0;
  }
  const auto& first = set.octets_[0];
  const bool loopback = set.mask_ ? bits && (first.lowest & 128) == 0 : first == Octet{127, 127};
  if (!loopback) return std::nullopt;
  return set;
}

bool CodeSet::contains(const base::IpAddress& code) const {
  if (!code.is_v4()) return false;
  const auto bytes = code.v4_bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto& octet = octets_[i];
    const bool in = mask_ ? (bytes[i] & octet.lowest) == octet.lowest
                          : bytes[i] >= octet.lowest && bytes[i] <= octet.highest;
    if (!in) return false;
  }
  return true;
}

std::string CodeSet::to_string() const {
  std::string out;
  for (const auto& octet : octets_) {
    out += (out.empty() ? "" : ".") + std::to_string(octet.lowest);
    if (octet.highest != octet.lowest) out += "-" + std::to_string(octet.highest);
  }
  return mask_ ? std::string(mask_word) + out : out;
}

bool is_code(const base::IpAddress& address) {
  if (!address.is_v4()) return false;
  const auto bytes = address.v4_bytes();
  return bytes[0] == 127 && !(bytes[1] == 255 && bytes[2] == 255);
}

}  // namespace gatepost::checks

namespace gatepost::base {

using checks::CodeSet;
using checks::ListCode;

std::string TextForm<CodeSet>::parse(std::string_view in, CodeSet& value) {
  const auto set = CodeSet::parse(trim(in));
  if (!set)
    return "must be a code in 127.0.0.0/8 like \"127.0.0.2\", \"127.0.0.4-7\" (a range within an octet) or "
           "\"mask 0.0.0.8\" (all with this bit)";
  value = *set;
  return {};
}

std::string TextForm<ListCode>::parse(std::string_view in, ListCode& value) {
  ListCode code;
  auto rest = trim(in);
  const auto start = rest.starts_with(checks::mask_word) ? checks::mask_word.size() : 0;
  const auto end = std::min(rest.find_first_of(" =", start), rest.size());
  auto mistake = TextForm<CodeSet>::parse(rest.substr(0, end), code.codes);
  if (!mistake.empty()) return mistake;
  rest = trim(rest.substr(end));
  if (rest.starts_with('=')) {
    rest = trim(rest.substr(1));
    const auto weight = split_off(rest, ' ');
    const auto [stop, error] =
        std::from_chars(weight.data(), weight.data() + weight.size(), code.weight.emplace());
    if (error != std::errc() || stop != weight.data() + weight.size() || !(std::abs(*code.weight) <= 1000))
      return "wants a weight from -1000 to 1000 behind \"=\", like \"127.0.0.2 = 2.5\"";
  }
  code.label = trim(rest);
  if (!is_ascii(code.label)) return "the name of a code must be ASCII, since it is part of an SMTP reply";
  value = std::move(code);
  return {};
}

std::string TextForm<ListCode>::print(const ListCode& value) {
  auto out = value.codes.to_string();
  if (value.weight) out += fmt::format(" = {:g}", *value.weight);
  if (!value.label.empty()) out += " " + value.label;
  return out;
}

}  // namespace gatepost::base
