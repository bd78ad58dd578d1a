// gatepost spf: the SPF result for a client, a sender and a HELO name, and the way to it.
#pragma once

#include <string>
#include <vector>

namespace gatepost::gateway {

struct SpfArguments {
  std::string client;
  std::string from;
  std::string helo;
  std::vector<std::string> dns;  ///< resolvers; none: the system's
  bool json = false;
};

/// Prints it. 0: there is a result, 3: it could not be asked.
int run_spf(const SpfArguments& arguments);

}  // namespace gatepost::gateway
