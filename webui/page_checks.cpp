#include "webui/page_checks.hpp"

#include <fmt/format.h>

#include "webui/check_counts.hpp"
#include "webui/table.hpp"
#include "webui/words.hpp"

namespace gatepost::webui {
namespace {

void write_mode(Html& html, std::string_view mode) {
  if (mode == "enforce") {
    html.raw("<td><span class=\"good\">enforce</span></td>");
  } else if (mode == "observe") {
    html.raw("<td><span class=\"poor\">observe</span></td>");
  } else {
    html.raw("<td><span class=\"more\">").text(mode).raw("</span></td>");
  }
}

void write_counts(Html& html, const CheckRow& row) {
  for (const auto* counts : {&row.last_hour, &row.since_start}) {
    for (const auto& figure : check_figures()) count_cell(html, counts->*figure.of, figure.label);
  }
  html.raw("</tr>\n");
}

std::string recipients_in_words(const telemetry::ObservedRefusal& refusal) {
  return refusal.others == 0 ? refusal.recipient
                             : fmt::format("{} and {} more", refusal.recipient, refusal.others);
}

void write_observed_refusal(Html& html, const telemetry::ObservedRefusal& refusal, base::WallTime now) {
  html.raw("<tr>");
  write_incident(html, refusal.time, refusal.id, now);
  html.raw("<td><div>").text(smtp::name_of(refusal.stage)).raw("</div><div>");
  html.raw(refusal.delivered ? Markup("<span class=\"good\">delivered</span>")
                             : Markup("<span class=\"more\">not delivered</span>"));
  html.raw("</div><div>").text(refusal.reason, longest_name).raw("</div></td><td>");
  write_line(html, "client", refusal.client);
  write_line(html, "HELO", refusal.helo);
  html.raw("</td><td>");
  write_line(html, "sender", refusal.sender.empty() && refusal.any_sender ? "<>" : refusal.sender);
  write_line(html, "recipient", recipients_in_words(refusal));
  html.raw("</td><td>").text(refusal.check, longest_name).raw(": ");
  html.text(telemetry::name_of(refusal.verdict)).raw("<div>").text(refusal.evidence, longest_reply);
  html.raw("</div></td></tr>\n");
}

void write_cache(Html& html, const DnsStatus& dns) {
  html.raw("</table><p class=\"note\">Counts are since the start. Of ")
      .number(dns.cache_hits + dns.cache_misses);
  html.raw(" questions of the checks the cache knew ").number(dns.cache_hits).raw(" (");
  html.text(fmt::format("{} %", percent(dns.cache_hits, dns.cache_hits + dns.cache_misses)));
  html.raw(
      "). SERVFAIL is an answer too: mostly it is the fault of the zone that was asked about.</p></div>\n");
}

}  // namespace

void write_checks(Html& html, const Status& status) {
  const auto all = check_rows(status);
  if (all.empty()) return write_empty(html, "checks", "Checks", "There is no check.");
  begin_table(html, "checks", "Checks",
              "<th scope=\"col\" rowspan=\"2\">check<div>reason</div></th>"
              "<th scope=\"col\" rowspan=\"2\">mode</th>"
              "<th scope=\"colgroup\" colspan=\"6\">last hour</th>"
              "<th scope=\"colgroup\" colspan=\"6\">since start</th></tr>\n<tr>"
              "<th scope=\"col\" class=\"n\">refused</th><th scope=\"col\" class=\"n\">would refuse</th>"
              "<th scope=\"col\" class=\"n\">of these delivered</th><th scope=\"col\" class=\"n\">noted</th>"
              "<th scope=\"col\" class=\"n\">exempt</th><th scope=\"col\" class=\"n\">unknown</th>"
              "<th scope=\"col\" class=\"n\">refused</th><th scope=\"col\" class=\"n\">would refuse</th>"
              "<th scope=\"col\" class=\"n\">of these delivered</th><th scope=\"col\" class=\"n\">noted</th>"
              "<th scope=\"col\" class=\"n\">exempt</th><th scope=\"col\" class=\"n\">unknown</th>");
  for (const auto& [total, mode, reasons] : all) {
    html.raw("<tbody><tr><th scope=\"row\"><b>").text(total.name).raw("</b></th>");
    write_mode(html, mode);
    write_counts(html, total);
    for (const auto& reason : reasons) {
      html.raw("<tr><th scope=\"row\"><code>").text(reason.name).raw("</code></th><td></td>");
      write_counts(html, reason);
    }
    html.raw("</tbody>\n");
  }
  end_table(
      html,
      "Findings count here, also those that a rule of yours overrode; what was said to clients stands above. "
      "In observe mode nothing is refused: what a check would refuse, and how much of that was delivered, "
      "says what enforcing it would change. Noted: points, an allow, a remark. Exempt: it did not count for "
      "this client, sender or recipient. Unknown: the check could not find out.");
}

void write_observed(Html& html, const Status& status) {
  static constexpr Markup caption("What observe mode let through");
  if (status.observed.empty()) {
    return write_empty(
        html, "observed", caption,
        "No check in observe mode would have refused anything since the start. The last 100 cases "
        "will be listed here, so that you can judge before you enforce.");
  }
  begin_table(
      html, "observed", "refusals", caption,
      "<th scope=\"col\">time (UTC)<div>incident</div></th><th scope=\"col\">stage<div>reason</div></th>"
      "<th scope=\"col\">client<div>HELO</div></th><th scope=\"col\">sender<div>recipient</div></th>"
      "<th scope=\"col\">check<div>why</div></th>");
  html.raw("<tbody>\n");
  for (const auto& refusal : status.observed) write_observed_refusal(html, refusal, status.now);
  html.raw("</tbody>");
  end_table(
      html,
      "What a check in observe mode would have refused. The log has all of it under the incident id; the "
      "last 100 are kept here.");
}

void write_resolvers(Html& html, const Status& status) {
  const auto& dns = status.dns;
  if (dns.resolvers.empty()) return write_empty(html, "dns", "DNS", "No resolver is in use.");
  begin_table(html, "dns", "backends", "DNS",
              "<th scope=\"col\">resolver</th><th scope=\"col\">state</th>"
              "<th scope=\"col\" class=\"n\">questions</th><th scope=\"col\" class=\"n\">answers</th>"
              "<th scope=\"col\" class=\"n\">mean time</th><th scope=\"col\" class=\"n\">no answer</th>"
              "<th scope=\"col\" class=\"n\">SERVFAIL</th><th scope=\"col\" class=\"n\">other failures</th>"
              "<th scope=\"col\">last failure</th>");
  html.raw("<tbody>\n");
  for (const auto& resolver : dns.resolvers) {
    html.raw("<tr><th scope=\"row\">").text(resolver.address, longest_name).raw("</th>");
    html.raw(resolver.up ? Markup("<td><span class=\"good\">up</span></td>")
                         : Markup("<td><span class=\"bad\">down</span></td>"));
    count_cell(html, resolver.queries, "questions");
    count_cell(html, resolver.answers, "answers");
    begin_number(html, resolver.answers == 0, "mean time");
    html.text(fmt::format("{:.1f} ms", resolver.mean_ms)).raw("</td>");
    count_cell(html, resolver.timeouts, "no answer");
    count_cell(html, resolver.servfail, "SERVFAIL");
    count_cell(html, resolver.other_failures, "other failures");
    html.raw("<td class=\"failure\" data-label=\"last failure\">");
    html.text(resolver.last_failure, longest_name).raw("</td></tr>\n");
  }
  html.raw("</tbody>");
  write_cache(html, dns);
}

void write_witnesses(Html& html, const Status& status) {
  static constexpr Markup caption("Witnesses");
  if (status.dns.witnesses.empty())
    return write_empty(html, "witnesses", caption, "No check takes anybody's word.");
  begin_table(html, "witnesses", caption,
              "<th scope=\"col\">who</th><th scope=\"col\">state</th><th scope=\"col\">since</th>"
              "<th scope=\"col\">why</th>");
  html.raw("<tbody>\n");
  for (const auto& witness : status.dns.witnesses) {
    html.raw("<tr><th scope=\"row\">").text(witness.name, longest_name).raw("</th>");
    html.raw(!witness.trusted ? Markup("<td><span class=\"bad\">not trusted</span></td>")
             : witness.since  ? Markup("<td><span class=\"good\">trusted</span></td>")
                              : Markup("<td><span class=\"poor\">not examined yet</span></td>"));
    text_cell(html, witness.since ? age(status.now - *witness.since) : std::string());
    html.raw("<td>").text(witness.why, longest_reply).raw("</td></tr>\n");
  }
  html.raw("</tbody>");
  end_table(html,
            "On whose word refusals rest. Who fails an examination refuses nothing until it passes again.");
}

}  // namespace gatepost::webui
