#include "webui/table.hpp"

#include "telemetry/records.hpp"
#include "webui/words.hpp"

namespace gatepost::webui {

void begin_table(Html& html, Markup id, Markup kind, Markup caption, Markup heads) {
  html.raw("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-labelledby=\"").raw(id);
  html.raw("\">\n<table class=\"").raw(kind).raw("\"><caption><h2 id=\"").raw(id).raw("\">").raw(caption);
  html.raw("</h2></caption>\n<thead><tr>").raw(heads).raw("</tr></thead>\n");
}

void end_table(Html& html, Markup note) {
  html.raw("</table>");
  if (!note.view().empty()) html.raw("<p class=\"note\">").raw(note).raw("</p>");
  html.raw("</div>\n");
}

void write_empty(Html& html, Markup id, Markup caption, Markup words) {
  html.raw("<div>\n<h2 id=\"").raw(id).raw("\">").raw(caption).raw("</h2>\n<p class=\"empty\">");
  html.raw(words).raw("</p></div>\n");
}

Html& begin_number(Html& html, bool zero, std::string_view label) {
  html.raw(zero ? Markup("<td class=\"n zero\" data-label=\"") : Markup("<td class=\"n\" data-label=\""));
  return html.text(label).raw("\">");
}

void count_cell(Html& html, std::uint64_t count, std::string_view label) {
  begin_number(html, count == 0, label).number(count).raw("</td>");
}

void text_cell(Html& html, std::string_view text) {
  html.raw("<td>").text(text, longest_name).raw("</td>");
}

void write_line(Html& html, Markup label, std::string_view foreign) {
  html.raw("<div data-label=\"").raw(label).raw("\">");
  foreign.empty() ? html.raw("<span class=\"zero\">\xE2\x80\x93</span>") : html.text(foreign, longest_name);
  html.raw("</div>");
}

void write_incident(Html& html, base::WallTime when, std::string_view id, base::WallTime now) {
  html.raw("<th scope=\"row\"><time datetime=\"").text(telemetry::format_time(when)).raw("\">");
  html.text(date_and_time(when)).raw("</time><div class=\"more\">").text(age(now - when));
  html.raw("</div><div><code>").text(id).raw("</code></div></th>");
}

void write_why(Html& html, std::string_view evidence) {
  if (evidence.empty()) return;
  html.raw("<div class=\"why\" data-label=\"why\">").text(evidence, longest_reply).raw("</div>");
}

}  // namespace gatepost::webui
