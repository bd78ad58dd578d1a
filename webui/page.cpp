#include "webui/page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "telemetry/records.hpp"
#include "webui/page_checks.hpp"
#include "webui/page_state.hpp"
#include "webui/page_tables.hpp"
#include "webui/words.hpp"

namespace gatepost::webui {
namespace {

/// A gatepost: a green one while all is well, an amber one if there are warnings. No file and no request of
/// its own.
constexpr Markup calm_icon(
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath "
    "fill='%231f7a45' "
    "d='M2 16V4l2-3 2 3v2h4V4l2-3 2 3v12h-4V9H6v7z'/%3E%3C/svg%3E");
constexpr Markup warning_icon(
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath "
    "fill='%23c77700' "
    "d='M2 16V4l2-3 2 3v2h4V4l2-3 2 3v12h-4V9H6v7z'/%3E%3C/svg%3E");

/// "1 warning", "3 warnings"
std::string counted_warnings(const Status& status) {
  const auto count = status.warnings.size();
  return fmt::format("{} warning{}", count, count == 1 ? "" : "s");
}

void write_head(Html& html, const Status& status) {
  html.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
  if (!status.warnings.empty()) html.text(counted_warnings(status)).raw(": ");
  html.text(status.hostname).raw(" \xC2\xB7 Gatepost</title>\n");
  html.raw(
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<meta http-equiv=\"refresh\" content=\"30\">\n"
      "<link rel=\"stylesheet\" href=\"style.css\">\n<link rel=\"icon\" href=\"");
  html.raw(status.warnings.empty() ? calm_icon : warning_icon).raw("\">\n</head>\n");
}

void write_moment(Html& html, Markup label, base::WallTime when) {
  html.raw("<div><dt>")
      .raw(label)
      .raw("</dt><dd><time datetime=\"")
      .text(telemetry::format_time(when))
      .raw("\">");
  html.text(date_and_time(when)).raw("</time></dd></div>\n");
}

void write_header(Html& html, const Status& status) {
  html.raw("<header>\n<h1>").text(status.hostname).raw("</h1>\n<dl>\n<div><dt>Gatepost</dt><dd>");
  html.text(status.version)
      .raw("</dd></div>\n<div><dt>up for</dt><dd>")
      .text(duration(status.now - status.started));
  html.raw("</dd></div>\n");
  write_moment(html, "since", status.started);
  write_moment(html, "configuration read", status.configured);
  write_moment(html, "page made", status.now);
  html.raw(
      "<div><dt>times are</dt><dd>UTC</dd></div>\n</dl>\n<nav aria-label=\"On this page\">"
      "<a href=\"#refusals\">The last refusals</a> <a href=\"#observed\">Observed</a> "
      "<a href=\"#reasons\">Stages and reasons</a> <a href=\"#checks\">Checks</a> "
      "<a href=\"#backends\">Backends</a> <a href=\"#dns\">DNS</a> <a href=\"#state\">Memory</a> <a "
      "href=\"#certificates\">Certificates</a> "
      "<a href=\"#directories\">Directories</a></nav>\n</header>\n");
}

void write_warnings(Html& html, const Status& status) {
  if (status.warnings.empty()) return;
  html.raw("<section class=\"warnings\" aria-labelledby=\"warnings\">\n<h2 id=\"warnings\">");
  html.text(counted_warnings(status)).raw("</h2>\n<ul>\n");
  for (const auto& warning : status.warnings) html.raw("<li>").text(warning, 1000).raw("</li>\n");
  html.raw("</ul>\n</section>\n");
}

void write_tile(Html& html, Markup label, std::uint64_t count, Markup mood) {
  html.raw("<div><dt>")
      .raw(label)
      .raw("</dt><dd class=\"")
      .raw(count == 0 ? Markup("zero") : mood)
      .raw("\">");
  html.number(count).raw("</dd></div>\n");
}

void write_tiles(Html& html, const Status& status) {
  const auto ended = [&status](smtp::Ending how) {
    return status.last_hour.transactions[static_cast<std::size_t>(how)];
  };
  const auto up = std::count_if(status.backends.begin(), status.backends.end(),
                                [](const auto& b) { return b.up && b.seen; });
  const bool all_up = static_cast<std::size_t>(up) == status.backends.size();
  html.raw("<dl class=\"tiles\" aria-label=\"At a glance\">\n");
  write_tile(html, "sessions open", status.since_start.sessions_open, "");
  write_tile(html, "messages delivered, last hour", ended(smtp::Ending::delivered), "good");
  write_tile(html, "messages refused, last hour", ended(smtp::Ending::refused), "refused");
  write_tile(html, "messages deferred, last hour", ended(smtp::Ending::deferred), "deferred");
  html.raw("<div><dt>backends up</dt><dd class=\"").raw(all_up ? Markup("") : Markup("bad")).raw("\">");
  html.text(fmt::format("{} of {}", up, status.backends.size()))
      .raw("</dd></div>\n<div><dt>memory used</dt><dd>");
  html.text(fmt::format("{} %", percent(status.memory, status.memory_cap))).raw("</dd></div>\n</dl>\n");
}

void write_footer(Html& html) {
  html.raw(
      "<footer>\n<p>This page reads itself again every 30 seconds. For programs: "
      "<a href=\"api/v1/status\">the same as JSON</a>, <a href=\"metrics\">metrics for Prometheus</a>, "
      "<a href=\"readyz\">readiness</a>.</p>\n"
      "</footer>\n");
}

}  // namespace

std::string status_page(const Status& status) {
  Html html;
  write_head(html, status);
  html.raw("<body>\n");
  write_header(html, status);
  html.raw("<main>\n");
  write_warnings(html, status);
  write_tiles(html, status);
  html.raw("<section class=\"pair\">\n");
  write_reasons(html, status);
  write_figures(html, status);
  html.raw("</section>\n<section>\n");
  write_checks(html, status);
  html.raw("</section>\n<section>\n");
  write_backends(html, status);
  html.raw("</section>\n<section>\n");
  write_resolvers(html, status);
  html.raw("</section>\n<section>\n");
  write_witnesses(html, status);
  html.raw("</section>\n<section>\n");
  write_state(html, status);
  html.raw("</section>\n<section class=\"row\">\n");
  write_certificates(html, status);
  write_directories(html, status);
  write_memory(html, status);
  html.raw("</section>\n<section>\n");
  write_observed(html, status);
  html.raw("</section>\n<section>\n");
  write_refusals(html, status);
  html.raw("</section>\n</main>\n");
  write_footer(html);
  html.raw("</body>\n</html>\n");
  return html.take();
}

}  // namespace gatepost::webui
