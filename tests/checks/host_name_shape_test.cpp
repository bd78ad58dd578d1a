#include "checks/host_name_shape.hpp"

#include <gtest/gtest.h>

namespace gatepost::checks {
namespace {

using Kind = HostNameShape::Kind;

struct Case {
  const char* name;
  const char* address;
  Kind kind;
};

void run(std::initializer_list<Case> cases) {
  for (const auto& c : cases)
    EXPECT_EQ(shape_of(c.name, *base::IpAddress::parse(c.address)).kind, c.kind)
        << c.name << " " << c.address;
}

TEST(HostNameShape, sees_the_address_in_every_usual_notation) {
  run({{"84-123-45-201.isp.example", "84.123.45.201", Kind::holds_address},
       {"84.123.45.201.isp.example", "84.123.45.201", Kind::holds_address},
       {"ip_84_123_45_201.isp.example", "84.123.45.201", Kind::holds_address},
       {"95x24x1x2.isp.example", "95.24.1.2", Kind::holds_address},
       {"201.45.123.84.isp.example", "84.123.45.201", Kind::holds_address},
       {"84.123.45-201.isp.example", "84.123.45.201", Kind::holds_address},
       {"dhcp024-210-034-053.isp.example", "24.210.34.53", Kind::holds_address},
       {"c-67-168-174.isp.example", "67.168.174.61", Kind::holds_address},
       {"fia160-115-100.isp.example", "80.100.115.160", Kind::holds_address},
       {"118.red-80-35-201.isp.example", "80.35.201.118", Kind::holds_address},
       {"d53-64-35-171.isp.example", "64.53.35.171", Kind::holds_address},
       {"host228-201-dynamic.45-79-r.isp.example", "79.45.201.228", Kind::holds_address},
       {"vaise-1-82-67-44-166.isp.example", "82.67.44.166", Kind::holds_address},
       {"yahoobb219173000034.isp.example", "219.173.0.34", Kind::holds_address},
       {"ba199058073.isp.example", "200.199.58.73", Kind::holds_address},
       {"dsl8510023760.isp.example", "85.100.237.60", Kind::holds_address},
       {"1417358793.isp.example", "84.123.45.201", Kind::holds_address},
       {"0x547b2dc9.isp.example", "84.123.45.201", Kind::holds_address},
       {"pd9e4f89f.isp.example", "217.228.248.159", Kind::holds_address},
       {"54-7b-2d-c9.isp.example", "84.123.45.201", Kind::holds_address},
       {"c92d7b54.isp.example", "84.123.45.201", Kind::holds_address},
       {"h547b2d.isp.example", "84.123.45.201", Kind::holds_address},
       {"ec2-3-120-45-201.eu-central-1.compute.amazonaws.com", "3.120.45.201", Kind::holds_address},
       {"ec2-1-2-3-4.compute-1.amazonaws.com", "1.2.3.4", Kind::holds_address},
       {"4.3.2.1.bc.googleusercontent.com", "1.2.3.4", Kind::holds_address}});
}

TEST(HostNameShape, sees_half_of_an_ipv6_address) {
  run({{"p200300c12345678900112233445566ff.dip0.isp.example", "2003:c1:2345:6789:11:2233:4455:66ff",
        Kind::holds_address},
       {"2001-db8-85a3-1.isp.example", "2001:db8:85a3:1::7334", Kind::holds_address},
       {"2001-0db8-85a3-0001.isp.example", "2001:db8:85a3:1::7334", Kind::holds_address},
       {"1.0.0.0.3.a.5.8.8.b.d.0.1.0.0.2.isp.example", "2001:db8:85a3:1::7334", Kind::holds_address},
       {"node-8a2e-370-7334-5.isp.example", "2001:db8::8a2e:370:7334:5", Kind::holds_address},
       {"2001-db8-85a3.isp.example", "2001:db8:85a3:1::7334", Kind::own},
       {"a-0-0-0-0.isp.example", "2001:db8::1", Kind::own},
       {"0000000000000000.isp.example", "2001:db8::1", Kind::own},
       {"mail-lf1-x12b.google.com", "2a00:1450:4864:20::12b", Kind::own}});
}

TEST(HostNameShape, takes_other_numbers_for_nothing) {
  run({{"84-123-45-201.isp.example", "198.51.100.7", Kind::own},
       {"c123-45.isp.example", "84.123.45.201", Kind::own},
       {"server1234.isp.example", "1.2.3.4", Kind::own},
       {"rack1.unit2.slot3.isp.example", "10.1.2.3", Kind::own},
       {"84-123-45-201.example", "84.123.45.201", Kind::own},
       {"84123.isp.example", "84.1.2.3", Kind::own},
       {"245319.isp.example", "36.83.25.1", Kind::own}});
}

TEST(HostNameShape, believes_names_of_mail_servers_and_static_addresses) {
  run({{"mail-84-123-45-201.example.com", "84.123.45.201", Kind::own},
       {"mta-84-123-45.example.com", "198.84.123.45", Kind::own},
       {"84-123-45-201.mailin.fr", "84.123.45.201", Kind::own},
       {"84-123-45-201.static.isp.example", "84.123.45.201", Kind::own},
       {"84-123-45-201.nonstatic.isp.example", "84.123.45.201", Kind::holds_address},
       {"mx-84-123-45-201.example.com", "84.123.45.201", Kind::own},
       {"mx-ll-84.123.45-201.dynamic.isp.example", "84.123.45.201", Kind::holds_address},
       {"84-123-45-201.clients.your-server.de", "84.123.45.201", Kind::holds_address}});
}

TEST(HostNameShape, knows_words_for_access_lines) {
  run({{"line4711.adsl.isp.example", "84.123.45.201", Kind::access_line},
       {"pool7.vdsl.isp.example", "84.123.45.201", Kind::access_line},
       {"a2.dyn.isp.example", "84.123.45.201", Kind::access_line},
       {"gateway.dyn.isp.example", "84.123.45.201", Kind::own},
       {"line7.sdsl.isp.example", "84.123.45.201", Kind::own},
       {"cm45.omega201.isp.example", "84.123.45.201", Kind::access_line},
       {"cust45.omega12.isp.example", "84.123.45.201", Kind::own},
       {"cust45.omega12.isp.example", "84.123.45.45", Kind::own},
       {"host12.dsl.net", "84.123.45.201", Kind::own}});
}

}  // namespace
}  // namespace gatepost::checks
