// Which path is answered with what, and to whom: all of HTTP that needs no connection.
//
// Every answer, refusals included, carries the same protective fields. Where a password is set, it is asked
// for before anything else is told, even whether a path exists; /livez and /readyz alone are open.
#pragma once

#include "core/base/clock.hpp"
#include "webui/auth.hpp"
#include "webui/http.hpp"
#include "webui/queries.hpp"
#include "webui/server.hpp"

namespace gatepost::webui {

class Router {
 public:
  /// `queries` and `clock` outlive the router.
  Router(const Queries& queries, Settings settings, const base::Clock& clock);
  void set_settings(Settings settings);

  /// Never throws for what a client or `queries` does: that becomes a 500.
  Response handle(const Request& request);
  /// The answer to what is not even a request: 400, 413, 431.
  Response refuse(unsigned status, std::string_view why) const;

 private:
  struct Resource;
  static const Resource resources[];

  Response answer(const Request& request);
  Response finish(Response response) const;
  Response page() const;
  Response style() const;
  Response status() const;
  Response metrics() const;
  Response live() const;
  Response ready() const;

  const Queries& queries_;
  const base::Clock& clock_;
  Authenticator authenticator_;
};

}  // namespace gatepost::webui
