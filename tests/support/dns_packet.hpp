// DNS packets for tests, put together by hand.
#pragma once

#include <string>
#include <string_view>

#include "core/dns/message.hpp"
#include "core/dns/wire.hpp"

namespace gatepost::tests {

inline std::string dns_16(unsigned value) {
  std::string out;
  dns::put_16(out, value);
  return out;
}
inline std::string dns_32(std::uint32_t value) {
  return dns_16(value >> 16U) + dns_16(value & 0xFFFFU);
}
inline std::string dns_name(std::string_view name) {
  std::string out;
  dns::put_name(out, name);
  return out;
}
inline std::string dns_text(std::string_view text) {
  return static_cast<char>(text.size()) + std::string(text);
}
inline std::string dns_mx(unsigned preference, std::string_view host) {
  return dns_16(preference) + dns_name(host);
}
inline std::string dns_soa(std::uint32_t minimum) {
  return dns_name("ns.example") + dns_name("root.example") + std::string(16, '\0') + dns_32(minimum);
}

/// An answer to a question; records go to the section that was named last.
class DnsPacket {
 public:
  /// `flags`: QR, RD and RA unless a test wants others; the response code is their lowest four bits.
  explicit DnsPacket(const dns::Question& question, unsigned flags = 0x8180)
      : question_(dns_name(question.name) + dns_16(static_cast<unsigned>(question.type)) + dns_16(1)),
        flags_(flags) {}

  DnsPacket& record(std::string_view owner, unsigned type, std::uint32_t ttl, std::string_view data,
                    unsigned klass = 1) {
    ++counts_[section_];
    records_ += dns_name(owner) + dns_16(type) + dns_16(klass) + dns_32(ttl) +
                dns_16(static_cast<unsigned>(data.size())) + std::string(data);
    return *this;
  }
  DnsPacket& record(std::string_view owner, dns::Type type, std::uint32_t ttl, std::string_view data) {
    return record(owner, static_cast<unsigned>(type), ttl, data);
  }
  DnsPacket& authority() {
    section_ = 1;
    return *this;
  }
  /// OPT with an extended error (RFC 8914).
  DnsPacket& extended_error(unsigned info_code, std::string_view text = {}) {
    section_ = 2;
    const auto error = dns_16(info_code) + std::string(text);
    return record("", 41, 0, dns_16(15) + dns_16(static_cast<unsigned>(error.size())) + error, 1232);
  }

  std::string bytes(std::uint16_t id = 0) const {
    return dns_16(id) + dns_16(flags_) + dns_16(1) + dns_16(counts_[0]) + dns_16(counts_[1]) +
           dns_16(counts_[2]) + question_ + records_;
  }

 private:
  std::string question_;
  unsigned flags_;
  unsigned counts_[3] = {0, 0, 0};
  int section_ = 0;
  std::string records_;
};

}  // namespace gatepost::tests
