#include <gtest/gtest.h>

#include "tests/support/dns_packet.hpp"

namespace gatepost::dns {
namespace {

using namespace std::string_literals;
using tests::dns_16;
using tests::dns_mx;
using tests::dns_name;
using tests::dns_soa;
using tests::dns_text;
using Packet = tests::DnsPacket;

const std::string v4 = "\xC0\x00\x02\x01"s;
const std::string v6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01"s;

/// Everything that an answer says, in one line.
std::string summary(const base::Result<Answer>& result) {
  if (!result) return result.error().message;
  std::string out(name_of(result->outcome));
  if (result->alias) out += " (alias)";
  for (const auto& address : result->addresses) out += " " + address.to_string();
  for (const auto& exchange : result->exchanges)
    out += " " + std::to_string(exchange.preference) + ":" + exchange.host;
  for (const auto& name : result->names) out += " " + name;
  for (const auto& text : result->texts) out += " '" + text + "'";
  if (!result->why.empty()) out += " " + result->why;
  return out + " for " + std::to_string(result->ttl.count());
}

TEST(DnsQuery, wants_recursion_and_offers_edns) {
  EXPECT_EQ(make_query({"example.org", Type::mx}, 0x1234),
            "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01"
            "\x07"
            "example\x03org\x00\x00\x0f\x00\x01"
            "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"s);
  EXPECT_EQ(make_query({"", Type::ns}, 0).substr(12, 5), "\x00\x00\x02\x00\x01"s);
}

TEST(DnsAnswer, holds_the_records_that_were_asked_for) {
  const std::pair<Packet, std::string> cases[] = {
      {Packet({"a.example", Type::a})
           .record("a.example", Type::a, 60, v4)
           .record("a.example", Type::a, 50, v4),
       "found 192.0.2.1 192.0.2.1 for 50"},
      {Packet({"a.example", Type::a}).record("A.EXAMPLE", Type::a, 60, v4), "found 192.0.2.1 for 60"},
      {Packet({"a.example", Type::aaaa}).record("a.example", Type::aaaa, 60, v6), "found 2001:db8::1 for 60"},
      {Packet({"a.example", Type::mx})
           .record("a.example", Type::mx, 60, dns_mx(20, "B.example"))
           .record("a.example", Type::mx, 60, dns_mx(10, "c.example")),
       "found 10:c.example 20:b.example for 60"},
      {Packet({"a.example", Type::mx}).record("a.example", Type::mx, 60, dns_mx(0, "")), "found 0: for 60"},
      {Packet({"a.example", Type::txt})
           .record("a.example", Type::txt, 60, dns_text("v=spf1 ") + dns_text("-all"))
           .record("a.example", Type::txt, 60, dns_text("other")),
       "found 'v=spf1 -all' 'other' for 60"},
      {Packet({"a.example", Type::ptr}).record("a.example", Type::ptr, 60, dns_name("Host.Example")),
       "found host.example for 60"},
      {Packet({"a.example", Type::ns}).record("a.example", Type::ns, 60, dns_name("")), "found  for 60"},
      {Packet({"a.example", Type::soa}).record("a.example", Type::soa, 60, dns_soa(5)),
       "found ns.example for 60"},
      {Packet({"a.example", Type::cname}).record("a.example", Type::cname, 60, dns_name("b.example")),
       "found b.example for 60"},
      // Other names, types and classes do not count.
      {Packet({"a.example", Type::a})
           .record("a.example", Type::a, 60, v4)
           .record("b.example", Type::a, 1, v4)
           .record("a.example", Type::txt, 1, "cut")
           .record("a.example", 1, 1, v4, 3)
           .record("a.example", 46, 1, "a signature"),
       "found 192.0.2.1 for 60"},
      // RFC 2181 8
      {Packet({"a.example", Type::a}).record("a.example", Type::a, 0x80000001, v4), "found 192.0.2.1 for 0"},
  };
  for (const auto& [packet, expected] : cases) {
    const auto bytes = packet.bytes();
    const Type type{static_cast<std::uint16_t>(bytes[12 + 11 + 1])};
    EXPECT_EQ(summary(parse_answer({"a.example", type}, bytes)), expected);
  }
}

TEST(DnsAnswer, follows_aliases) {
  const Question asked{"a.example", Type::a};
  const std::pair<Packet, std::string> cases[] = {
      {Packet(asked)
           .record("a.example", Type::cname, 60, dns_name("B.example"))
           .record("b.example", Type::cname, 20, dns_name("c.example"))
           .record("c.example", Type::a, 90, v4),
       "found (alias) 192.0.2.1 for 20"},
      {Packet(asked)
           .record("c.example", Type::a, 90, v4)
           .record("b.example", Type::cname, 20, dns_name("c.example"))
           .record("a.example", Type::cname, 60, dns_name("b.example")),
       "found (alias) 192.0.2.1 for 20"},
      {Packet(asked).record("a.example", Type::cname, 60, dns_name("a.example")),
       "temporary failure NOERROR with too many aliases for 0"},
      {Packet(asked)
           .record("a.example", Type::cname, 60, dns_name("b.example"))
           .record("b.example", Type::cname, 60, dns_name("a.example")),
       "temporary failure NOERROR with too many aliases for 0"},
      {Packet(asked).record("a.example", Type::cname, 60, dns_name("b.example")), "no data (alias) for 0"},
      {Packet(asked)
           .record("a.example", Type::cname, 60, dns_name("b.example"))
           .authority()
           .record("example", Type::soa, 100, dns_soa(30)),
       "no data (alias) for 30"},
      {Packet(asked, 0x8183)
           .record("a.example", Type::cname, 10, dns_name("b.example"))
           .authority()
           .record("example", Type::soa, 100, dns_soa(30)),
       "no such name (alias) for 10"},
      {Packet(asked).record("a.example", Type::cname, 60, "\x03no"), "garbage"},
  };
  for (const auto& [packet, expected] : cases)
    EXPECT_EQ(summary(parse_answer(asked, packet.bytes())), expected);
}

TEST(DnsAnswer, takes_at_most_sixteen_aliases) {
  for (const int aliases : {16, 17}) {
    Packet packet({"0.example", Type::a});
    for (int i = 0; i < aliases; ++i) {
      packet.record(std::to_string(i) + ".example", Type::cname, 60,
                    dns_name(std::to_string(i + 1) + ".example"));
    }
    packet.record(std::to_string(aliases) + ".example", Type::a, 60, v4);
    const auto answer = parse_answer({"0.example", Type::a}, packet.bytes());
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->found(), aliases == 16) << aliases;
  }
}

TEST(DnsAnswer, tells_nothing_there_from_nothing_known) {
  const Question asked{"a.example", Type::a};
  const std::pair<Packet, std::string> cases[] = {
      {Packet(asked), "no data for 0"},
      {Packet(asked).authority().record("example", Type::soa, 100, dns_soa(30)), "no data for 30"},
      {Packet(asked).authority().record("example", Type::soa, 20, dns_soa(30)), "no data for 20"},
      {Packet(asked).authority().record("example", Type::soa, 20, "cut"), "no data for 0"},
      {Packet(asked)
           .authority()
           .record("example", Type::ns, 20, dns_name("ns.example"))
           .record("example", Type::soa, 20, dns_soa(30)),
       "no data for 20"},
      {Packet(asked).authority().record("example", Type::ns, 20, dns_name("ns.example")),
       "temporary failure NOERROR with a referral for 0"},
      {Packet(asked, 0x8183), "no such name for 0"},
      {Packet(asked, 0x8183).authority().record("example", Type::soa, 100, dns_soa(30)),
       "no such name for 30"},
      {Packet(asked, 0x8181), "temporary failure FORMERR for 0"},
      {Packet(asked, 0x8182), "temporary failure SERVFAIL for 0"},
      {Packet(asked, 0x8184), "temporary failure NOTIMP for 0"},
      {Packet(asked, 0x8185), "temporary failure REFUSED for 0"},
      {Packet(asked, 0x8189), "temporary failure response code 9 for 0"},
  };
  for (const auto& [packet, expected] : cases)
    EXPECT_EQ(summary(parse_answer(asked, packet.bytes())), expected);
}

TEST(DnsAnswer, is_bogus_if_an_extended_error_says_that_signatures_are_wrong) {
  const Question asked{"a.example", Type::a};
  const std::pair<unsigned, std::string> cases[] = {
      {1, "temporary failure SERVFAIL for 0"},
      {5, "temporary failure SERVFAIL for 0"},
      {6, "bogus SERVFAIL: DNSSEC bogus for 0"},
      {7, "bogus SERVFAIL: signature expired for 0"},
      {8, "bogus SERVFAIL: signature not yet valid for 0"},
      {9, "bogus SERVFAIL: DNSKEY missing for 0"},
      {10, "bogus SERVFAIL: RRSIGs missing for 0"},
      {11, "bogus SERVFAIL: no zone key bit set for 0"},
      {12, "bogus SERVFAIL: NSEC missing for 0"},
      {22, "temporary failure SERVFAIL for 0"},
      {25, "bogus SERVFAIL: signature expired before valid for 0"},
  };
  for (const auto& [code, expected] : cases) {
    EXPECT_EQ(summary(parse_answer(asked, Packet(asked, 0x8182).extended_error(code, "text").bytes())),
              expected);
  }
  EXPECT_EQ(summary(parse_answer(asked, Packet(asked, 0x8185).extended_error(6).bytes())),
            "temporary failure REFUSED for 0");
  EXPECT_EQ(summary(parse_answer(asked, Packet(asked, 0x8182).extended_error(22).extended_error(6).bytes())),
            "bogus SERVFAIL: DNSSEC bogus for 0");
  const auto cut = Packet(asked, 0x8182).record("", 41, 0, dns_16(15) + dns_16(9) + dns_16(6), 1232);
  EXPECT_EQ(summary(parse_answer(asked, cut.bytes())), "temporary failure SERVFAIL for 0");
}

TEST(DnsAnswer, has_its_extended_response_code_in_opt) {
  const Question asked{"a.example", Type::a};
  auto packet = Packet(asked).extended_error(0).bytes();
  const auto opt = packet.rfind("\x00\x29"s);
  packet[opt + 4] = 1;
  EXPECT_EQ(summary(parse_answer(asked, packet)), "temporary failure response code 16 for 0");
}

TEST(DnsAnswer, escapes_what_would_confuse_in_names_and_asks_it_again_as_it_was) {
  const Question asked{"a.example", Type::ptr};
  const auto odd = "\x09"s + "x.y\\\n \xFF\x7FZ" + "\x03org\x00"s;
  const auto answer = parse_answer(asked, Packet(asked).record("a.example", Type::ptr, 60, odd).bytes());
  ASSERT_TRUE(answer);
  const auto& name = answer->names.at(0);
  EXPECT_EQ(name, R"(x\046y\092\010\032\255\127z.org)");
  EXPECT_EQ(make_query({name, Type::a}, 0).substr(12, 15), "\x09"s + "x.y\\\n \xFF\x7Fz" + "\x03org\x00"s);
  const Question again{name, Type::a};
  EXPECT_EQ(summary(parse_answer(again, Packet(again).record(name, Type::a, 60, v4).bytes())),
            "found 192.0.2.1 for 60");
}

/// A packet with one record, whose owner stands there as it is given.
std::string with_owner(const Question& asked, const std::string& owner, const std::string& data) {
  auto packet = Packet(asked).bytes();
  packet[7] = 1;
  return packet + owner + dns_16(static_cast<unsigned>(asked.type)) + dns_16(1) + tests::dns_32(60) +
         dns_16(static_cast<unsigned>(data.size())) + data;
}

TEST(DnsAnswer, may_hold_compressed_names) {
  const Question asked{"a.example", Type::mx};
  // The owner points to the question, the host to "example" in it.
  EXPECT_EQ(summary(parse_answer(asked, with_owner(asked, "\xC0\x0C", dns_16(10) + "\x04mail\xC0\x0E"))),
            "found 10:mail.example for 60");
  EXPECT_EQ(summary(parse_answer(asked, with_owner(asked,
                                                   "\x01"
                                                   "a\xC0\x0E",
                                                   dns_16(10) + "\xC0\x0C"))),
            "found 10:a.example for 60");
}

TEST(DnsAnswer, refuses_names_that_do_not_end) {
  const Question asked{"a.example", Type::a};
  const auto at = static_cast<char>(Packet(asked).bytes().size());
  const auto self = "\xC0"s + at;
  const auto label_then_self = "\x01z\xC0"s + at;
  const auto forward = "\xC0"s + static_cast<char>(at + 2);
  std::string long_name;
  for (int i = 0; i < 4; ++i) long_name += "\x3F" + std::string(63, 'x');
  for (const auto& owner : {self, label_then_self, forward, "\x40"s + std::string(64, 'x') + "\0"s, "\x80"s,
                            long_name + "\0"s, "\xC0\xFF"s}) {
    EXPECT_EQ(summary(parse_answer(asked, with_owner(asked, owner, v4))), "garbage")
        << testing::PrintToString(owner);
  }
  EXPECT_EQ(summary(parse_answer(asked, with_owner(asked, "\xC0\x0C", v4))), "found 192.0.2.1 for 60");
}

TEST(DnsAnswer, costs_little_even_if_each_name_is_a_long_row_of_pointers) {
  const Question asked{"a.example", Type::a};
  auto packet = Packet(asked).bytes();
  const auto front = packet.size();
  // A record whose data is pointers, each to the one before, and then names that begin at the last.
  constexpr unsigned pointers = 8000;
  packet += "\0"s + dns_16(99) + dns_16(1) + std::string(4, '\0') + dns_16(pointers * 2);
  auto target = static_cast<unsigned>(front);
  for (unsigned i = 0; i < pointers; ++i) {
    const auto here = static_cast<unsigned>(packet.size());
    packet += dns_16(0xC000U | target);
    target = here;
  }
  unsigned records = 1;
  for (; packet.size() < 65000; ++records) {
    packet += dns_16(0xC000U | target) + dns_16(1) + dns_16(1) + std::string(4, '\0') + dns_16(4) + v4;
  }
  packet.replace(6, 2, dns_16(records));
  EXPECT_EQ(summary(parse_answer(asked, packet)), "garbage");
}

TEST(DnsAnswer, must_answer_the_question) {
  const Question asked{"a.example", Type::a};
  const auto good = Packet(asked).record("a.example", Type::a, 60, v4);
  EXPECT_TRUE(parse_answer(asked, good.bytes()));
  EXPECT_TRUE(parse_answer(asked, Packet({"A.Example", Type::a}).bytes()));
  EXPECT_EQ(summary(parse_answer({"b.example", Type::a}, good.bytes())), "garbage");
  EXPECT_EQ(summary(parse_answer({"a.example", Type::aaaa}, good.bytes())), "garbage");
  EXPECT_EQ(summary(parse_answer({"example", Type::a}, good.bytes())), "garbage");
  EXPECT_EQ(summary(parse_answer({"", Type::a}, good.bytes())), "garbage");
  EXPECT_EQ(summary(parse_answer(asked, Packet(asked, 0x0180).bytes())), "garbage") << "a query";
  EXPECT_EQ(summary(parse_answer(asked, Packet(asked, 0x8380).bytes())), "garbage") << "cut";
  EXPECT_EQ(summary(parse_answer(asked, Packet(asked, 0xA180).bytes())), "garbage") << "NOTIFY";
}

TEST(DnsAnswer, is_garbage_if_its_records_are_malformed) {
  const std::tuple<Type, std::string> cases[] = {
      {Type::a, "\x01\x02\x03"s},
      {Type::a, v4 + "x"},
      {Type::aaaa, v4},
      {Type::mx, "\x01"s},
      {Type::mx, dns_mx(1, "x") + "y"},
      {Type::txt, "\x05yes"s},
      {Type::ptr, ""},
      {Type::ptr, dns_name("x") + "y"},
      {Type::soa, dns_name("x") + dns_name("y") + "z"},
  };
  for (const auto& [type, data] : cases) {
    const Question asked{"a.example", type};
    EXPECT_EQ(summary(parse_answer(asked, Packet(asked).record("a.example", type, 60, data).bytes())),
              "garbage")
        << name_of(type) << " " << testing::PrintToString(data);
  }
}

TEST(DnsAnswer, is_garbage_wherever_it_is_cut) {
  const Question asked{"a.example", Type::mx};
  const auto whole = Packet(asked)
                         .record("a.example", Type::mx, 60, dns_mx(10, "b.example"))
                         .authority()
                         .record("example", Type::ns, 60, dns_name("ns.example"))
                         .extended_error(3)
                         .bytes();
  EXPECT_EQ(summary(parse_answer(asked, whole)), "found 10:b.example for 60");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(summary(parse_answer(asked, whole.substr(0, size))), "garbage") << size;
  }
}

}  // namespace
}  // namespace gatepost::dns
