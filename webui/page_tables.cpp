#include "webui/page_tables.hpp"

#include <fmt/format.h>

#include "telemetry/records.hpp"
#include "webui/figures.hpp"
#include "webui/table.hpp"
#include "webui/words.hpp"

namespace gatepost::webui {
namespace {

constexpr auto soon = std::chrono::hours(14 * 24);

void figure_cell(Html& html, const Figure& figure, const telemetry::Totals& of) {
  const auto value = figure.of(of);
  if (figure.unit == Figure::Unit::count) return count_cell(html, value);
  begin_number(html, value == 0, "").text(octets(value)).raw("</td>");
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
    const auto days = std::chrono::duration_cast<std::chrono::hours>(left).count() / 24;
    html.raw("<span class=\"more\">in ").text(fmt::format("{} days", days)).raw("</span>");
  }
  html.raw("</td>");
}

/// The null reverse-path as it is written; before MAIL there is no sender at all.
std::string_view sender_of(const telemetry::RecentRefusal& refusal) {
  if (!refusal.sender.empty()) return refusal.sender;
  return refusal.stage > smtp::Stage::mail ? "<>" : "";
}

void write_refusal(Html& html, const telemetry::RecentRefusal& refusal, base::WallTime now) {
  html.raw("<tr>");
  write_incident(html, refusal.time, refusal.id, now);
  html.raw("<td><div>");
  html.text(smtp::name_of(refusal.stage)).raw("</div><div>");
  write_class(html, is_permanent(refusal));
  html.raw("</div><div>").text(refusal.token, longest_name).raw("</div></td><td>");
  write_line(html, "client", refusal.client);
  write_line(html, "HELO", refusal.helo);
  html.raw("</td><td>");
  write_line(html, "sender", sender_of(refusal));
  write_line(html, "recipient or command", refusal.subject);
  html.raw("</td><td>").text(refusal.reply, longest_reply);
  write_why(html, refusal.evidence);
  html.raw("</td></tr>\n");
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
  if (counts.empty() && status.since_start.sessions == 0) {
    return write_empty(
        html, "reasons", caption,
        "No client has connected since the start. If that does not change, look whether the MX "
        "record and the firewall lead to this server.");
  }
  if (counts.empty())
    return write_empty(html, "reasons", caption, "Nothing has been refused or deferred since the start.");
  begin_table(html, "reasons", caption,
              "<th scope=\"col\">reason</th><th scope=\"col\">class</th>"
              "<th scope=\"col\" class=\"n\">last hour</th><th scope=\"col\" class=\"n\">since start</th>");
  auto stage = smtp::Stage::connect;
  bool any = false;
  for (const auto& [reason, since_start, last_hour] : counts) {
    if (!any || reason.stage != stage) {
      html.raw(any ? Markup("</tbody>\n<tbody>") : Markup("<tbody>"));
      html.raw("<tr><th scope=\"rowgroup\" colspan=\"4\"><b>").text(smtp::name_of(reason.stage));
      html.raw("</b>: ").text(words_for(reason.stage)).raw("</th></tr>\n");
    }
    any = true;
    stage = reason.stage;
    html.raw("<tr><th scope=\"row\"><code>").text(reason.token).raw("</code></th><td>");
    write_class(html, reason.permanent);
    html.raw("</td>");
    count_cell(html, last_hour);
    count_cell(html, since_start);
    html.raw("</tr>\n");
  }
  html.raw("</tbody>");
  end_table(
      html,
      "Every 4xx and 5xx reply counts, so that one message may count more than once. A client that is "
      "refused for good (5xx) returns the message to its sender; one that is deferred (4xx) tries again.");
}

void write_backends(Html& html, const Status& status) {
  if (status.backends.empty()) return write_empty(html, "backends", "Backends", "No backend is configured.");
  begin_table(html, "backends", "Backends",
              "<th scope=\"col\">server</th><th scope=\"col\">route</th><th scope=\"col\">state</th>"
              "<th scope=\"col\" class=\"n\">connections</th><th scope=\"col\" class=\"n\">delivered</th>"
              "<th scope=\"col\" class=\"n\">refused</th><th scope=\"col\" class=\"n\">deferred</th>"
              "<th scope=\"col\" class=\"n\">failures</th><th scope=\"col\" class=\"n\">outcome unknown</th>"
              "<th scope=\"col\">last failure</th>");
  html.raw("<tbody>\n");
  for (const auto& backend : status.backends) {
    html.raw("<tr><th scope=\"row\">").text(backend.server, longest_name);
    html.raw("</th><td data-label=\"route\">").text(backend.route, longest_name).raw("</td>");
    write_state(html, backend);
    html.raw("<td class=\"n\" data-label=\"connections\">")
        .text(fmt::format("{} of {}", backend.connections, backend.max_connections))
        .raw("</td>");
    count_cell(html, backend.delivered, "delivered");
    count_cell(html, backend.refused, "refused");
    count_cell(html, backend.deferred, "deferred");
    count_cell(html, backend.failures, "failures");
    count_cell(html, backend.outcome_unknown, "outcome unknown");
    html.raw("<td class=\"failure\" data-label=\"last failure\">");
    html.text(backend.last_failure, longest_name).raw("</td></tr>\n");
  }
  html.raw("</tbody>");
  end_table(html, "Counts are since the start; the last failure stays here after it is over.");
}

void write_certificates(Html& html, const Status& status) {
  if (status.certificates.empty())
    return write_empty(html, "certificates", "Certificates", "No certificate is in use.");
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
  if (status.directories.empty())
    return write_empty(html, "directories", "Directories", "No directory is configured.");
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
  if (status.refusals.empty()) {
    return write_empty(html, "refusals", caption,
                       "Nothing has been refused or deferred since the start. The last 200 that are will be "
                       "listed here, each with its time, client, sender, recipient, reason and incident id.");
  }
  begin_table(
      html, "refusals", caption,
      "<th scope=\"col\">time (UTC)<div>incident</div></th><th scope=\"col\">stage<div>reason</div></th>"
      "<th scope=\"col\">client<div>HELO</div></th><th scope=\"col\">sender<div>recipient or "
      "command</div></th><th scope=\"col\">reply</th>");
  html.raw("<tbody>\n");
  for (const auto& refusal : status.refusals) write_refusal(html, refusal, status.now);
  html.raw("</tbody>");
  end_table(
      html,
      "The incident id in brackets stands in the reply that the sender got, and in the log. The last 200 "
      "refusals are kept.");
}

}  // namespace gatepost::webui
