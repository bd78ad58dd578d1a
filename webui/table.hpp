// What the tables of the page are made of.
#pragma once

#include "core/base/clock.hpp"
#include "webui/html.hpp"

namespace gatepost::webui {

/// Of a HELO, an address and the like; a reply is given its whole length.
inline constexpr std::size_t longest_name = 300;
inline constexpr std::size_t longest_reply = 1000;

/// `kind`: the class of tables that look alike. `heads`: the cells of the first line.
void begin_table(Html& html, Markup id, Markup kind, Markup caption, Markup heads);
inline void begin_table(Html& html, Markup id, Markup caption, Markup heads) {
  begin_table(html, id, id, caption, heads);
}
void end_table(Html& html, Markup note = "");
void write_empty(Html& html, Markup id, Markup caption, Markup words);

/// Begins a cell of a number; `label` stands before it where a narrow screen has no room for heads.
Html& begin_number(Html& html, bool zero, std::string_view label);
void count_cell(Html& html, std::uint64_t count, std::string_view label = "");
void text_cell(Html& html, std::string_view text);

/// A line of a cell; a dash where there is nothing, so that lines side by side stay so.
void write_line(Html& html, Markup label, std::string_view foreign);
/// The head of a line about something that happened in a session.
void write_incident(Html& html, base::WallTime when, std::string_view id, base::WallTime now);
/// A line that says what something rests on, if that is known.
void write_why(Html& html, std::string_view evidence);

}  // namespace gatepost::webui
