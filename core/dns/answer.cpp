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
  // Looks at every octet, without a branch, so that the compiler can take many at once.
  unsigned char unfit = 0;
  for (const char c : name) {
    const auto octet = static_cast<unsigned char>(c);
    unfit |= static_cast<unsigned char>((octet < 32) | (octet >= 127));
  }
  if (unfit != 0 || name.empty()) return unfit == 0;
  for (auto rest = name;;) {
    const auto dot = rest.find('.');
    const auto label = rest.substr(0, dot);
    if (label.empty() || label.size() > 63) return false;
    if (dot == std::string_view::npos) return true;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace gatepost::dns
