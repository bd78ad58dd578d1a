#include "core/dns/wire.hpp"

#include <optional>

#include "core/base/text.hpp"

namespace gatepost::dns {
namespace {

constexpr std::size_t longest_name = 255;  ///< with its length octets

/// The octet that \DDD at the front of `text` stands for.
std::optional<char> escaped_octet(std::string_view text) {
  std::uint64_t value = 0;
  if (text.size() < 4 || text[0] != '\\' || !base::parse_number(text.substr(1, 3), value) || value > 255)
    return std::nullopt;
  return static_cast<char>(value);
}

void append_label(std::string& name, std::string_view label) {
  if (!name.empty()) name += '.';
  for (const char c : label) {
    if (base::is_control(c) || base::is_high(c) || c == ' ' || c == '.' || c == '\\') {
      const auto value = static_cast<unsigned char>(c);
      name += {'\\', static_cast<char>('0' + value / 100), static_cast<char>('0' + value / 10 % 10),
               static_cast<char>('0' + value % 10)};
    } else {
      name += base::ascii_lower(c);
    }
  }
}

}  // namespace

void put_16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8U & 255U);
  out += static_cast<char>(value & 255U);
}

void put_name(std::string& out, std::string_view name) {
  while (!name.empty()) {
    auto label = base::split_off(name, '.');
    const auto length_at = out.size();
    out += '\0';
    while (!label.empty()) {
      const auto escaped = escaped_octet(label);
      out += escaped.value_or(label[0]);
      label.remove_prefix(escaped ? 4 : 1);
    }
    out[length_at] = static_cast<char>(out.size() - length_at - 1);
  }
  out += '\0';
}

std::string_view Reader::bytes(std::size_t count) {
  if (failed_ || count > end_ - at_) {
    failed_ = true;
    return {};
  }
  at_ += count;
  return packet_.substr(at_ - count, count);
}

std::uint8_t Reader::number_8() {
  const auto one = bytes(1);
  return one.empty() ? 0 : static_cast<std::uint8_t>(one[0]);
}

std::uint16_t Reader::number_16() {
  const unsigned high = number_8();
  return static_cast<std::uint16_t>(high << 8U | number_8());
}

std::uint32_t Reader::number_32() {
  const std::uint32_t high = number_16();
  return high << 16U | number_16();
}

std::string Reader::name() {
  std::string out;
  std::size_t size = 1;
  Reader place = *this;
  bool jumped = false;
  // Each pointer must lead to what lies in front of it, and the steps are counted: a hostile packet costs
  // little.
  for (auto steps = longest_name; steps > 0; --steps) {
    const auto start = place.at_;
    const unsigned length = place.number_8();
    const bool pointer = length >= 0xC0;
    const auto target = pointer ? (length & 0x3FU) << 8U | place.number_8() : 0;
    const auto label = pointer ? std::string_view() : place.bytes(length);
    if (place.failed_) break;
    if (!jumped) at_ = place.at_;
    if (pointer) {
      if (target >= start) break;
      place = Reader(packet_, target, start);
      jumped = true;
      continue;
    }
    if (length == 0) return out;
    size += length + 1;
    if (length >= 0x40 || size > longest_name) break;
    append_label(out, label);
  }
  failed_ = true;
  return {};
}

}  // namespace gatepost::dns
