// gatepost explain: what all checks would find of a mail, now, and what would be decided.
#pragma once

#include <string>
#include <vector>

namespace gatepost::gateway {

struct ExplainArguments {
  std::string config;
  std::string client;
  std::string helo;  ///< empty: the client's address literal
  std::string from;  ///< empty or <>: a bounce
  std::vector<std::string> to;
  std::string message;           ///< file; empty: the checks of the message are not made
  std::vector<std::string> dns;  ///< resolvers in place of the configured ones
  bool callout = false;          ///< ask the sender's mail server, where sender_callout would
  bool json = false;
};

/// Prints the findings and the decision. 0: the mail would be accepted, 1: refused with 5xx for some
/// recipient, 2: with 4xx, 3: it could not be asked.
int run_explain(const ExplainArguments& arguments);

}  // namespace gatepost::gateway
