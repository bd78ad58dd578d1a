#include "webui/page_state.hpp"

#include <fmt/format.h>

#include "webui/table.hpp"
#include "webui/words.hpp"

namespace gatepost::webui {
namespace {

void write_remembered(Html& html, const TableStatus& table) {
  html.raw("<tr><th scope=\"row\">").text(table.name, longest_name).raw("</th>");
  count_cell(html, table.entries, "entries");
  count_cell(html, table.limit, "at most");
  begin_number(html, table.entries == 0, "full")
      .text(fmt::format("{} %", percent(table.entries, table.limit)));
  html.raw("</td>");
  begin_number(html, table.bytes == 0, "memory").text(octets(table.bytes)).raw("</td>");
  count_cell(html, table.evicted, "made way");
  count_cell(html, table.refused, "not taken");
  html.raw(table.survives ? Markup("<td>survives a restart</td></tr>\n")
                          : Markup("<td><span class=\"more\">gone at a restart</span></td></tr>\n"));
}

void write_store(Html& html, const StoreStatus& store, base::WallTime now) {
  html.raw("<p class=\"note\">On disk (<code>state.db</code>): ");
  if (store.up) {
    html.raw("well");
  } else {
    html.raw("<span class=\"bad\">not well</span>");
    if (store.since) html.raw(" since ").text(date_and_time(*store.since));
    html.raw(": ").text(store.why, longest_reply);
    html.raw(". Mail goes on; a restart would forget what is not written");
  }
  html.raw(". Last written ").text(store.last_write ? age(now - *store.last_write) : "never");
  html.raw("; could not be written yet: ").number(store.waiting);
  html.raw(". Written since the start: ").number(store.written).raw("; failures: ").number(store.failures);
}

}  // namespace

void write_state(Html& html, const Status& status) {
  static constexpr Markup caption("Memory of clients and senders");
  const auto& state = status.state;
  if (state.tables.empty()) return write_empty(html, "state", caption, "Nothing is to be remembered.");
  begin_table(html, "state", "backends", caption,
              "<th scope=\"col\">table</th><th scope=\"col\" class=\"n\">entries</th>"
              "<th scope=\"col\" class=\"n\">at most</th><th scope=\"col\" class=\"n\">full</th>"
              "<th scope=\"col\" class=\"n\">memory</th><th scope=\"col\" class=\"n\">made way</th>"
              "<th scope=\"col\" class=\"n\">not taken</th><th scope=\"col\">on disk</th>");
  html.raw("<tbody>\n");
  for (const auto& table : state.tables) write_remembered(html, table);
  html.raw("</tbody></table>");
  write_store(html, state.store, status.now);
  html.raw(
      ". Made way: forgotten early, for newer ones. Not taken: newcomers that a full table had no room for. "
      "<code>gatepost state list</code> shows what is in them.</p></div>\n");
}

}  // namespace gatepost::webui
