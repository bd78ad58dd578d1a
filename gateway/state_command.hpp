// gatepost state: what the gateway remembers, for an admin to look at, to forget, to take along. All of it
// works beside the running gateway and without one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gatepost::gateway {

/// Exit codes.
enum StateExit : int {
  state_done = 0,
  state_not_done = 1,     ///< there was nothing to do, or it was not done for a reason that was said
  state_usage = 2,        ///< the command cannot be understood
  state_unreachable = 3,  ///< the memory cannot be read or changed
};

struct StateArguments {
  std::string config;
  std::string table;               ///< empty: all
  std::string match;               ///< empty: all
  std::vector<std::string> names;  ///< to forget
  std::uint64_t limit = 100;       ///< rows listed; 0: all
  bool json = false;
  bool yes = false;  ///< forget, however many match
  std::string file;  ///< of an export; empty: standard output, or input
};

/// Prints the rows and how many each table has.
int run_state_list(const StateArguments& arguments);
/// Forgets rows by name, or all that match.
int run_state_forget(const StateArguments& arguments);
/// Writes rows as lines of JSON (state_transfer.hpp).
int run_state_export(const StateArguments& arguments);
/// Takes rows in that an export wrote.
int run_state_import(const StateArguments& arguments);

}  // namespace gatepost::gateway
