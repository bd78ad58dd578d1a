#include <gtest/gtest.h>

#include "mail/received.hpp"
#include "tests/support/fake_clock.hpp"

namespace gatepost::mail {
namespace {

ReceivedParts parts() {
  return {"client.example", "",      *base::IpAddress::parse("203.0.113.9"),
          "mx.example.org", "ESMTP", "",
          "7KQ2M9XA4T",     "",      tests::FakeClock().wall()};
}

TEST(Received, says_who_where_how_and_when) {
  auto p = parts();
  p.client_name = "mail.client.example";
  p.protocol = "ESMTPS";
  p.tls = "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384, 256 bits";
  p.recipient = "user@example.org";
  EXPECT_EQ(received_field(p),
            "Received: from client.example (mail.client.example [203.0.113.9])\r\n"
            "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384, 256 bits)\r\n"
            "\tby mx.example.org with ESMTPS id 7KQ2M9XA4T\r\n"
            "\tfor <user@example.org>; Fri, 20 Nov 2026 22:30:00 +0000\r\n");
}

TEST(Received, says_unknown_where_the_name_is_not_confirmed) {
  auto p = parts();
  p.client = *base::IpAddress::parse("2001:db8::1");
  EXPECT_EQ(received_field(p),
            "Received: from client.example (unknown [IPv6:2001:db8::1])\r\n"
            "\tby mx.example.org with ESMTP id 7KQ2M9XA4T; Fri, 20 Nov 2026 22:30:00 +0000\r\n");
}

TEST(Received, cannot_be_extended_by_a_helo) {
  auto p = parts();
  p.helo = "x)\r\nX-Evil: yes (a;b\\c";
  const auto field = received_field(p);
  EXPECT_EQ(field.find("\r\nX-Evil"), std::string::npos);
  EXPECT_EQ(field.find("from x???X-Evil:?yes??a?b?c (unknown"), 10U) << field;
}

}  // namespace
}  // namespace gatepost::mail
