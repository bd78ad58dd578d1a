#include "webui/router.hpp"

#include <algorithm>
#include <ctime>
#include <exception>

#include "core/base/text.hpp"
#include "webui/foreign.hpp"
#include "webui/page.hpp"
#include "webui/status_json.hpp"
#include "webui/style.hpp"

namespace gatepost::webui {
namespace {

constexpr const char* plain_text = "text/plain; charset=utf-8";

constexpr std::pair<std::string_view, const char*> protective_fields[] = {
    {"Content-Security-Policy",
     "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
     "frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

/// RFC 9110, 5.6.7.
std::string http_date(base::WallTime when) {
  const auto seconds = std::chrono::system_clock::to_time_t(when);
  std::tm t{};
  ::gmtime_r(&seconds, &t);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &t)};
}

/// The path in a request target: "/path?query" or, as a client of a proxy writes it,
/// "http://host/path?query".
std::string_view path_of(std::string_view target) {
  if (base::istarts_with(target, "http://")) {
    const auto slash = target.find_first_of("/?", 7);
    target = slash == std::string_view::npos || target[slash] == '?' ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

Response plain(unsigned status, std::string_view text) {
  return {status, plain_text, std::string(text) + "\n", {}};
}

Response deny(Authenticator::Answer why) {
  if (why == Authenticator::Answer::too_many) {
    auto response = plain(429, "too many passwords were tried; come again in a moment");
    response.fields.emplace_back("Retry-After", std::to_string(Authenticator::window.count()));
    return response;
  }
  auto response = plain(401, "a password is needed");
  response.fields.emplace_back("WWW-Authenticate", "Basic realm=\"Gatepost\", charset=\"UTF-8\"");
  return response;
}

}  // namespace

struct Router::Resource {
  std::string_view path;
  bool open;  ///< without a password
  Response (Router::*get)() const;
};

constexpr Router::Resource Router::resources[] = {
    {"/", false, &Router::page},
    {"/style.css", false, &Router::style},
    {"/api/v1/status", false, &Router::status},
    {"/metrics", false, &Router::metrics},
    {"/livez", true, &Router::live},
    {"/readyz", true, &Router::ready},
};

Router::Router(const Queries& queries, Settings settings, const base::Clock& clock)
    : queries_(queries), clock_(clock), authenticator_(std::move(settings.password_hash)) {}

void Router::set_settings(Settings settings) {
  authenticator_.set_hash(std::move(settings.password_hash));
}

Response Router::handle(const Request& request) {
  try {
    return finish(answer(request));
  } catch (const std::exception&) {
    return refuse(500, "this cannot be shown now");
  }
}

Response Router::refuse(unsigned status, std::string_view why) const {
  return finish(plain(status, why));
}

Response Router::answer(const Request& request) {
  const auto path = path_of(request.target);
  const auto* resource = std::find_if(std::begin(resources), std::end(resources),
                                      [path](const Resource& r) { return r.path == path; });
  const bool known = resource != std::end(resources);
  if (!known || !resource->open) {
    const auto granted = authenticator_.ask(request.authorization, clock_.now());
    if (granted != Authenticator::Answer::granted) return deny(granted);
  }
  if (!known) return plain(404, "there is no such page");
  if (request.method != "GET" && request.method != "HEAD") {
    auto response = plain(405, "this can only be read");
    response.fields.emplace_back("Allow", "GET, HEAD");
    return response;
  }
  return (this->*resource->get)();
}

Response Router::finish(Response response) const {
  for (const auto& [name, value] : protective_fields) response.fields.emplace_back(name, value);
  response.fields.emplace_back("Date", http_date(clock_.wall()));
  return response;
}

Response Router::page() const {
  return {200, "text/html; charset=utf-8", status_page(queries_.status()), {}};
}
Response Router::style() const {
  return {200, "text/css; charset=utf-8", std::string(style_sheet), {}};
}
Response Router::status() const {
  return {200, "application/json", status_json(queries_.status()), {}};
}
Response Router::metrics() const {
  return {200, "text/plain; version=0.0.4; charset=utf-8", queries_.metrics(), {}};
}
Response Router::live() const {
  return plain(200, "ok");
}
Response Router::ready() const {
  std::string why;
  return queries_.ready(why) ? plain(200, "ready") : plain(503, shown(why));
}

}  // namespace gatepost::webui
