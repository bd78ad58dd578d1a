#include <gtest/gtest.h>

#include "mail/header_scan.hpp"

namespace gatepost::mail {
namespace {

struct Case {
  std::string content;
  bool complete;
  std::uint64_t size;
  unsigned received;
};

const Case cases[] = {
    {"", false, 0, 0},
    {"\r\n", true, 2, 0},
    {"Subject: x\r\n\r\nReceived: body\r\n", true, 14, 0},
    {"Received: a\r\n\tby b\r\nRECEIVED: c\r\nReceived : d\r\nX-Received: e\r\nReceivedx: f\r\n\r\n", true,
     78, 3},
    {"Received", false, 8, 0},
    {"Subject: x\r\nno field, no empty line\r\nReceived: body\r\n", true, 37, 0},
    {"just text\r\n", true, 11, 0},
    {" folded from the start\r\nX: y\r\n", false, 30, 0},
    {"Subject: Received: x\r\n received: folded\r\n\r\n", true, 43, 0},
};

TEST(HeaderScan, counts_received_fields_and_finds_the_end_in_any_split) {
  for (const auto& c : cases) {
    for (std::size_t step = 1; step <= c.content.size() + 1; ++step) {
      HeaderScan scan;
      for (std::size_t at = 0; at < c.content.size(); at += step)
        scan.feed(std::string_view(c.content).substr(at, step));
      EXPECT_EQ(scan.complete(), c.complete) << c.content << step;
      EXPECT_EQ(scan.size(), c.size) << c.content << step;
      EXPECT_EQ(scan.received(), c.received) << c.content << step;
    }
  }
}

}  // namespace
}  // namespace gatepost::mail
