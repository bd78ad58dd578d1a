// A request and its answer as plain values, so that everything but the connection itself is tested without
// sockets. Bodies of requests are no part of this: nothing here takes any.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gatepost::webui {

struct Request {
  std::string method;
  std::string target;         ///< as in the request line
  std::string authorization;  ///< the field's value; empty: there is none
};

struct Response {
  unsigned status = 200;
  std::string content_type;
  std::string body;  ///< of an answer to HEAD too: it gives the length
  std::vector<std::pair<std::string_view, std::string>> fields;
};

}  // namespace gatepost::webui
