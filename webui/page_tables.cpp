#include "webui/page_tables.hpp"

#include <fmt/format.h>

#include "telemetry/records.hpp"
#include "webui/figures.hpp"
#include "webui/words.hpp"

namespace gatepost::webui {
namespace {

constexpr auto soon = std::chrono::hours(14 * 24);
/// Of a HELO, an address and the like; a reply is given its whole length.
constexpr std::size_t longest_name = 300;
constexpr std::size_t longest_reply = 1000;

void begin_table(Html& html, Markup id, Markup caption, Markup heads) {
  html.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"").raw(id);
  html.raw("\">\n<table class=\"").raw(id).raw("\"><caption><h2 id=\"").raw(id).raw("\">").raw(caption);
  html.raw("</h2></caption>\n<thead><tr>").raw(heads).raw("</tr></thead>\n");
}

void end_table(Html& html) {
  html.raw("</table></div>\n");
}

void write_empty(Html& html, Markup caption, Markup words) {
  html.raw("<div>\n<h2>").raw(caption).raw("</h2>\n<p class=\"empty\">").raw(words).raw("</p></div>\n");
}

void count_cell(Html& html, std::uint64_t count) {
  html.raw(count == 0 ? Markup("<td class=\"n zero\">") : Markup("<td class=\"n\">"))
      .number(count)
      .raw("</td>");
}

void figure_cell(Html& html, const Figure& figure, const telemetry::Totals& of) {
  const auto value = figure.of(of);
  if (figure.unit == Figure::Unit::count) return count_cell(html, value);
  html.raw(value == 0 ? Markup("<td class=\"n zero\">") : Markup("<td class=\"n\">"))
      .text(octets(value))
      .raw("</td>");
}

void text_cell(Html& html, std::string_view text) {
  html.raw("<td>").text(text, longest_name).raw("</td>");
}

/// The word says it; the colour only helps.
void write_class(Html& html, bool permanent) {
  html.raw(permanent ? Markup("<span class=\"refused\">refused 5xx</span>")
                     : Markup("<span class=\"deferred\">deferred 4xx</span>"));
}

void write_state(Html& html, const BackendStatus& backend) {
  if (!backend.up) {
    html.raw("<td><span class=\"bad\">down</span></td>");
  } else if (!backend.seen) {
    html.raw("<td><span class=\"poor\">not seen yet</span></td>");
  } else {
    html.raw("<td><span class=\"good\">up</span></td>");
  }
}

void write_expiry(Html& html, base::WallTime not_after, base::WallTime now) {
  html.raw("<td>").text(date_and_time(not_after).substr(0, 10)).raw(" ");
  const auto left = not_after - now;
  if (left <= left.zero()) {
    html.raw("<span class=\"bad\">expired</span>");
  } else if (left < soon) {
    html.raw("<span class=\"poor\">soon: in ").text(duration(left)).raw("</span>");
  } else {
    html.raw("<span class=\"more\">in ").text(duration(left)).raw("</span>");
  }
  html.raw("</td>");
}

/// The null reverse-path as it is written; before MAIL there is no sender at all.
std::string_view sender_of(const telemetry::RecentRefusal& refusal) {
  if (!refusal.sender.empty()) return refusal.sender;
  return refusal.stage > smtp::Stage::mail ? "<>" : "";
}

void write_refusal(Html& html, const telemetry::RecentRefusal& refusal) {
  html.raw("<tr><th scope=\"row\"><time datetime=\"").text(telemetry::format_time(refusal.time)).raw("\">");
  html.text(date_and_time(refusal.time))
      .raw("</time><div><code>")
      .text(refusal.id)
      .raw("</code></div></th><td>");
  html.text(smtp::name_of(refusal.stage)).raw("<div>");
  write_class(html, is_permanent(refusal));
  html.raw("</div></td><td class=\"wide\">").text(refusal.client);
  html.raw("<div>").text(refusal.helo, longest_name).raw("</div></td><td class=\"wide\">");
  html.text(sender_of(refusal), longest_name).raw("<div>").text(refusal.subject, longest_name);
  html.raw("</div></td><td class=\"reply\">").text(refusal.reply, longest_reply).raw("</td></tr>\n");
}

}  // namespace

void write_figures(Html& html, const Status& status) {
  begin_table(
      html, "numbers", "Numbers",
      "<th scope=\"col\"><span class=\"unseen\">what</span></th><th scope=\"col\" class=\"n\">last hour</th>"
      "<th scope=\"col\" class=\"n\">since start</th>");
  for (const auto& group : figure_groups()) {
    html.raw("<tbody><tr><th scope=\"rowgroup\" colspan=\"3\">").text(group.label).raw("</th></tr>\n");
    for (const auto& figure : group.figures) {
      html.raw("<tr><th scope=\"row\">").text(figure.label).raw("</th>");
      figure_cell(html, figure, status.last_hour);
      figure_cell(html, figure, status.since_start);
      html.raw("</tr>\n");
    }
    html.raw("</tbody>\n");
  }
  end_table(html);
}

void write_reasons(Html& html, const Status& status) {
  static constexpr Markup caption("Refused and deferred, by stage and reason");
  const auto counts = reason_counts(status.since_start, status.last_hour);
  if (counts.empty())
    return write_empty(html, caption, "Nothing has been refused or deferred since the start.");
  begin_table(html, "reasons", caption,
              "<th scope=\"col\">stage</th><th scope=\"col\">reason</th><th scope=\"col\">class</th>"
              "<th scope=\"col\" class=\"n\">last hour</th><th scope=\"col\" class=\"n\">since start</th>");
  html.raw("<tbody>\n");
  for (const auto& [reason, since_start, last_hour] : counts) {
    html.raw("<tr>");
    text_cell(html, smtp::name_of(reason.stage));
    html.raw("<th scope=\"row\"><code>").text(reason.token).raw("</code></th><td>");
    write_class(html, reason.permanent);
    html.raw("</td>");
    count_cell(html, last_hour);
    count_cell(html, since_start);
    html.raw("</tr>\n");
  }
  html.raw("</tbody>");
  end_table(html);
}

void write_backends(Html& html, const Status& status) {
  if (status.backends.empty()) return write_empty(html, "Backends", "No backend is configured.");
  begin_table(html, "backends", "Backends",
              "<th scope=\"col\">route</th><th scope=\"col\">server</th><th scope=\"col\">state</th>"
              "<th scope=\"col\" class=\"n\">connections</th><th scope=\"col\" class=\"n\">delivered</th>"
              "<th scope=\"col\" class=\"n\">refused</th><th scope=\"col\" class=\"n\">deferred</th>"
              "<th scope=\"col\" class=\"n\">failures</th><th scope=\"col\" class=\"n\">outcome unknown</th>"
              "<th scope=\"col\">last failure</th>");
  html.raw("<tbody>\n");
  for (const auto& backend : status.backends) {
    html.raw("<tr>");
    text_cell(html, backend.route);
    html.raw("<th scope=\"row\">").text(backend.server, longest_name).raw("</th>");
    write_state(html, backend);
    html.raw("<td class=\"n\">")
        .text(fmt::format("{} of {}", backend.connections, backend.max_connections))
        .raw("</td>");
    for (const auto count :
         {backend.delivered, backend.refused, backend.deferred, backend.failures, backend.outcome_unknown})
      count_cell(html, count);
    html.raw("<td class=\"reply\">").text(backend.last_failure, longest_name).raw("</td></tr>\n");
  }
  html.raw("</tbody>");
  end_table(html);
}

void write_certificates(Html& html, const Status& status) {
  if (status.certificates.empty()) return write_empty(html, "Certificates", "No certificate is in use.");
  begin_table(html, "certificates", "Certificates",
              "<th scope=\"col\">names</th><th scope=\"col\">valid until</th><th scope=\"col\">file</th>");
  html.raw("<tbody>\n");
  for (const auto& certificate : status.certificates) {
    html.raw("<tr><th scope=\"row\">").text(certificate.names, longest_reply).raw("</th>");
    write_expiry(html, certificate.not_after, status.now);
    text_cell(html, certificate.file);
    html.raw("</tr>\n");
  }
  html.raw("</tbody>");
  end_table(html);
}

void write_directories(Html& html, const Status& status) {
  if (status.directories.empty()) return write_empty(html, "Directories", "No directory is configured.");
  begin_table(html, "directories", "Directories",
              "<th scope=\"col\">name</th><th scope=\"col\" class=\"n\">addresses</th>");
  html.raw("<tbody>\n");
  for (const auto& directory : status.directories) {
    html.raw("<tr><th scope=\"row\">").text(directory.name, longest_name).raw("</th>");
    count_cell(html, directory.addresses);
    html.raw("</tr>\n");
  }
  html.raw("</tbody>");
  end_table(html);
}

void write_memory(Html& html, const Status& status) {
  begin_table(html, "memory", "Memory and log",
              "<th scope=\"col\">what</th><th scope=\"col\" class=\"n\">now</th>");
  html.raw("<tbody>\n<tr><th scope=\"row\">messages in memory</th><td class=\"n\">")
      .text(octets(status.memory));
  html.raw("</td></tr>\n<tr><th scope=\"row\">at most</th><td class=\"n\">").text(octets(status.memory_cap));
  html.raw("</td></tr>\n<tr><th scope=\"row\">answers learned from backends</th>");
  count_cell(html, status.learned);
  html.raw("</tr>\n<tr><th scope=\"row\">log lines lost</th>");
  count_cell(html, status.log_dropped);
  html.raw("</tr>\n</tbody>");
  end_table(html);
}

void write_refusals(Html& html, const Status& status) {
  static constexpr Markup caption("The last refusals");
  if (status.refusals.empty())
    return write_empty(html, caption, "Nothing has been refused or deferred since the start.");
  begin_table(
      html, "refusals", caption,
      "<th scope=\"col\">time (UTC)<div>incident</div></th><th scope=\"col\">stage<div>class</div></th>"
      "<th scope=\"col\">client<div>HELO</div></th><th scope=\"col\">sender<div>recipient or "
      "command</div></th>"
      "<th scope=\"col\">reply</th>");
  html.raw("<tbody>\n");
  for (const auto& refusal : status.refusals) write_refusal(html, refusal);
  html.raw("</tbody>");
  end_table(html);
}

}  // namespace gatepost::webui
