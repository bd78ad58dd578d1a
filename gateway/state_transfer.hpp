// What is remembered, as lines of JSON that another gateway can take in: `gatepost state export` and
// `import`.
//
//   {"gatepost_state":1,"version":"0.3.0","host":"mx.example.org","exported":"2026-11-20T22:30:00.000Z","now":31622400}
//   {"table":"greylist","name":"192.0.2.0/24\u0000a@b.test","value":"0103ff","expires_in":2937600,"says":"passed
//   once"}
//
// "now" is the moment of the export on the memory's own clock, by which moments within values are to be
// understood; name_hex stands for name where that is no UTF-8; says is for people and not read.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/durable.hpp"

namespace gatepost::gateway {

struct ExportHeader {
  std::string version;
  std::string host;
  base::WallTime wall{};
  state::Second now = 0;
};

/// Lines without their line end.
std::string export_line(const ExportHeader& header);
/// `row` has a name; `says` is printable.
std::string export_line(const state::Row& row, state::Second now, std::string_view says);

/// Where it is to go.
struct ImportTarget {
  std::span<state::Durable* const> tables;
  base::HashKey hash_key{};
  state::Second now = 0;
};

struct Import {
  std::vector<state::Row> rows;
  std::vector<std::string> problems;           ///< "line 3: ..."; if there are any, nothing is to be imported
  std::map<std::string, std::size_t> unknown;  ///< rows of tables that are not here, by table
  std::map<std::string, std::size_t> fixed;    ///< rows whose moments can't be moved to this clock, by table
  std::size_t expired = 0;
};

/// Reads a whole export; keys are made anew from the names.
Import read_export(std::string_view text, const ImportTarget& target);

}  // namespace gatepost::gateway
