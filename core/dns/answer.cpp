#include "core/dns/answer.hpp"

#include "core/base/text.hpp"

namespace gatepost::dns {

std::string_view name_of(Type type) {
  switch (type) {
    case Type::a: return "A";
    case Type::ns: return "NS";
    case Type::cname: return "CNAME";
    case Type::soa: return "SOA";
    case Type::ptr: return "PTR";
    case Type::mx: return "MX";
    case Type::txt: return "TXT";
    case Type::aaaa: return "AAAA";
  }
  return "?";
}

std::string Question::to_string() const {
  return (name.empty() ? "." : name) + " " + std::string(name_of(type));
}

Question question(std::string_view name, Type type) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return {base::to_lower(name), type};
}

std::string reversed(const base::IpAddress& address) {
  std::string out;
  if (address.is_v4()) {
    const auto bytes = address.v4_bytes();
    for (std::size_t i = bytes.size(); i-- > 0;) {
      out += std::to_string(bytes[i]);
      if (i > 0) out += '.';
    }
    return out;
  }
  constexpr std::string_view digits = "0123456789abcdef";
  const auto& bytes = address.bytes();
  out.reserve(63);
  for (std::size_t i = bytes.size(); i-- > 0;) {
    out += digits[bytes[i] & 15U];
    out += '.';
    out += digits[bytes[i] >> 4U];
    if (i > 0) out += '.';
  }
  return out;
}

Question reverse_question(const base::IpAddress& address) {
  return {reversed(address) + (address.is_v4() ? ".in-addr.arpa" : ".ip6.arpa"), Type::ptr};
}

bool is_askable(std::string_view name) {
  if (name.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (base::is_control(c) || base::is_high(c) || ++label > 63) {
      return false;
    }
  }
  return name.empty() || label > 0;
}

}  // namespace gatepost::dns
