// Numbers and names as they stand in DNS packets (RFC 1035 2.3.2, 3.1, 4.1.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gatepost::dns {

void put_16(std::string& out, unsigned value);

/// A name, not compressed. It must be askable; \DDD in it is an octet, as Reader::name() writes it.
void put_name(std::string& out, std::string_view name);

/// Reads a packet from one place to another. What would lie beyond is zero or empty, and makes it failed.
class Reader {
 public:
  Reader(std::string_view packet, std::size_t at, std::size_t end) : packet_(packet), at_(at), end_(end) {}

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == end_; }
  std::size_t at() const { return at_; }

  std::string_view bytes(std::size_t count);
  std::uint8_t number_8();
  std::uint16_t number_16();
  std::uint32_t number_32();
  /// A name, compressed or not: lower case, no trailing dot; octets that would confuse as \DDD.
  std::string name();

 private:
  std::string_view packet_;
  std::size_t at_;
  std::size_t end_;
  bool failed_ = false;
};

}  // namespace gatepost::dns
