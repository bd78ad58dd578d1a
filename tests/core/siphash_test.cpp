// SipHash-2-4-128 against the reference implementation's vectors (vectors.h, hash of 0, 1, ... n-1 octets).
#include <gtest/gtest.h>

#include "core/base/siphash.hpp"

namespace gatepost::base {
namespace {

TEST(SipHash, gives_the_reference_results) {
  const HashKey key{0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
  std::string text;
  const auto empty = siphash128(key, text);
  EXPECT_EQ(empty.low, 0xe6a825ba047f81a3U);
  EXPECT_EQ(empty.high, 0x930255c71472f66dU);
  text.push_back('\0');
  const auto one = siphash128(key, text);
  EXPECT_EQ(one.low, 0x44af996bd8c187daU);
  EXPECT_EQ(one.high, 0x45fc229b11597634U);
}

TEST(SipHash, depends_on_the_key_and_each_octet) {
  const HashKey key{1, 2};
  EXPECT_NE(siphash128(key, "greylist a"), siphash128(HashKey{1, 3}, "greylist a"));
  EXPECT_NE(siphash128(key, "greylist a"), siphash128(key, "greylist b"));
  EXPECT_NE(siphash128(key, std::string(8, '\0')), siphash128(key, std::string(9, '\0')));
}

}  // namespace
}  // namespace gatepost::base
