// Access rules and lists of networks as files.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/access_rule.hpp"
#include "checks/check.hpp"

namespace gatepost::checks {

/// Collects what is wrong with one file: the first 20 mistakes, and how many more there are.
class FileMistakes {
 public:
  FileMistakes(std::string file, CheckFiles& files) : file_(std::move(file)), files_(files) {}
  void add(std::size_t line, std::string message, std::string hint = {});

 private:
  std::string file_;
  CheckFiles& files_;
  std::size_t count_ = 0;
};

/// Reads rules from comma-separated values (RFC 4180, but no cell goes on in the next line): the first line
/// names the columns, each further one is a rule. Takes those without mistakes.
void read_access_csv(std::string_view text, std::span<const std::string_view> exemptable,
                     const std::function<void(AccessRule rule, std::size_t line)>& take,
                     FileMistakes& mistakes);

/// Reads a plain list: an address or network a line; what stands behind # or ; is a comment.
void read_network_list(std::string_view text,
                       const std::function<void(base::Network network, std::size_t line)>& take,
                       FileMistakes& mistakes);

/// Splits a line of comma-separated values. Returns what is wrong with it, or nothing.
std::string split_csv_line(std::string_view line, std::vector<std::string>& cells);

}  // namespace gatepost::checks
