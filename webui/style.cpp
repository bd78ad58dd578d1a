#include "webui/style.hpp"

namespace gatepost::webui {

// Text and its background differ by 4.5:1 at least (WCAG AA), in both schemes.
const std::string_view style_sheet = R"css(:root {
  color-scheme: light dark;
  --ground: #f3f4f6;
  --sheet: #ffffff;
  --head: #f8f9fa;
  --line: #d9dde2;
  --text: #1c2127;
  --more: #57606a;
  --link: #0b5cad;
  --good: #18653a;
  --poor: #875200;
  --bad: #ae1f14;
  --poor-ground: #fff6e0;
  --poor-line: #e3c072;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1014;
    --sheet: #14191f;
    --head: #181e25;
    --line: #2a323b;
    --text: #d5dbe2;
    --more: #929ca7;
    --link: #82b8f5;
    --good: #74c995;
    --poor: #e0b252;
    --bad: #ff948a;
    --poor-ground: #251e10;
    --poor-line: #5f4c1f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto;
  max-width: 100rem;
  padding: 1.25rem 1.25rem 2rem;
  background: var(--ground);
  color: var(--text);
  font: 0.875rem/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
h1, h2, p, ul, dl, dd { margin: 0; padding: 0; }
h1 { font-size: 1.375rem; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 0.9375rem; font-weight: 600; }
code, time, .refusals td { font-family: var(--mono); font-size: 0.8125rem; }
b { font-weight: 600; }
nav { display: flex; flex-wrap: wrap; gap: 0.125rem 1.25rem; margin-top: 0.375rem; }
a { color: var(--link); }

header dl { display: flex; flex-wrap: wrap; gap: 0.125rem 1.5rem; margin-top: 0.25rem; color: var(--more); }
header dl div { display: flex; gap: 0.375rem; }
header dd { color: var(--text); }
header time { font: inherit; }
footer { margin-top: 1.5rem; color: var(--more); }
section, .tiles, .warnings { margin-top: 1rem; }

.warnings {
  padding: 0.75rem 1rem;
  border: 1px solid var(--poor-line);
  border-left-width: 0.375rem;
  border-radius: 0.375rem;
  background: var(--poor-ground);
}
.warnings h2 { color: var(--poor); }
.warnings ul { padding-left: 1.125rem; }
.warnings li { margin-top: 0.25rem; overflow-wrap: anywhere; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1px; }
.tiles, section > div { overflow: hidden; border: 1px solid var(--line); border-radius: 0.375rem; background: var(--sheet); }
.tiles { background: var(--line); }
.tiles div { display: flex; flex-direction: column; justify-content: space-between; padding: 0.625rem 1rem; background: var(--sheet); }
.tiles dt { color: var(--more); font-size: 0.8125rem; }
.tiles dd { font-size: 1.5rem; font-weight: 600; line-height: 1.3; }

.pair, .row { display: grid; gap: 1rem; align-items: start; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 60rem) {
  .pair { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
  .row { grid-template-columns: minmax(0, 2fr) minmax(0, 1fr) minmax(0, 1fr); }
}

section > .scroll { overflow-x: auto; }
.scroll:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
table { width: 100%; border-collapse: collapse; }
caption, section > div:not(.scroll) { padding: 0.5rem 1rem; text-align: left; }
.empty { color: var(--more); }
.note { padding: 0.5rem 1rem; border-top: 1px solid var(--line); color: var(--more); font-size: 0.8125rem; }
th, td { padding: 0.25rem 0.5rem; text-align: left; vertical-align: top; font-weight: inherit; }
th:first-child, td:first-child { padding-left: 1rem; }
th:last-child, td:last-child { padding-right: 1rem; }
thead th {
  border-bottom: 1px solid var(--line);
  border-top: 1px solid var(--line);
  background: var(--head);
  color: var(--more);
  font-size: 0.8125rem;
  vertical-align: bottom;
  white-space: nowrap;
}
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody tr:hover > * { background: var(--head); }
.n { text-align: right; white-space: nowrap; }
.zero, .more { color: var(--more); }
.zero { font-weight: 400; }
.unseen { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; white-space: nowrap; }

.numbers tbody tr > *, .reasons tbody tr > *, .checks tbody tr + tr > * { border-top: 0; padding-top: 0.0625rem; padding-bottom: 0.0625rem; }
.numbers [scope="rowgroup"], .reasons tbody tr > [scope="rowgroup"] {
  padding-top: 0.5rem;
  color: var(--more);
  font-size: 0.8125rem;
}
.numbers tbody:last-child tr:last-child > *, .reasons tbody:last-child tr:last-child > * { padding-bottom: 0.5rem; }
.checks thead th { white-space: normal; }
.checks thead th div { font-weight: inherit; }
.checks tbody + tbody > tr:first-child > * { border-top: 1px solid var(--line); }
.checks thead [scope="colgroup"] { border-bottom: 0; }
.checks thead tr + tr th { border-top: 0; padding-left: 0.5rem; width: 4.5rem; }
tbody tr:hover > [scope="rowgroup"] { background: none; }

.good { color: var(--good); }
.poor, .deferred { color: var(--poor); }
.bad, .refused { color: var(--bad); }
td .good, td .poor, td .bad, .refused, .deferred { white-space: nowrap; }
td .good::before, td .poor::before, td .bad::before {
  content: "";
  display: inline-block;
  width: 0.5rem;
  height: 0.5rem;
  margin-right: 0.375rem;
  border: 1px solid currentcolor;
  border-radius: 50%;
  background: currentcolor;
}
td .poor::before { background: none; }
td .bad::before { border-radius: 0; }
.certificates th, .certificates td, .directories th, .witnesses th, .failure { overflow-wrap: anywhere; }
.witnesses td:nth-child(3) { white-space: nowrap; }
.witnesses td:nth-child(4) { width: 60%; overflow-wrap: anywhere; }
.certificates td:nth-child(2) { min-width: 6rem; overflow-wrap: normal; }
.backends th, .backends td { overflow-wrap: break-word; }
.failure { min-width: 12rem; }
table.refusals { table-layout: fixed; }
.refusals td { overflow-wrap: anywhere; }
.refusals tbody th { white-space: nowrap; }
.refusals td:nth-child(3) div + div, .why, .refusals td:nth-child(5) div { color: var(--more); }
@media (min-width: 52.01rem) {
  .checks tbody tr + tr > th { padding-left: 2rem; }
  .checks thead tr:first-child th:nth-child(4), .checks thead tr + tr th:nth-child(7), .checks tbody td:nth-child(9) {
    border-left: 1px solid var(--line);
  }
  .refusals thead th:nth-child(1) { width: 11.5rem; }
  .refusals thead th:nth-child(2) { width: 14.5rem; }
  .refusals thead th:nth-child(3) { width: 17%; }
  .refusals thead th:nth-child(4) { width: 22%; }
}

/* No room for tables as wide as these: each row becomes a paragraph, with labels instead of heads. */
@media (max-width: 52rem) {
  .refusals thead, .backends thead, .checks thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .refusals tbody, .refusals tr, .refusals th, .refusals td { display: block; }
  .refusals tr, .backends tbody tr { padding: 0.5rem 0.625rem; border-top: 1px solid var(--line); }
  .refusals tbody tr > *, .backends tbody tr > * { padding: 0; border: 0; }
  .refusals th div, .refusals td:nth-child(2) div { display: inline-block; margin-left: 0.5rem; }
  .refusals td:nth-child(2) div:first-child { margin-left: 0; }
  .backends tbody, .checks tbody { display: block; }
  /* A check and its mode; below it each reason with a line of counts for each time. */
  .checks tbody tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 1rem; padding: 0.25rem 0.625rem; }
  .checks tbody + tbody { border-top: 1px solid var(--line); }
  .checks tbody tr > *, .checks tbody tr + tr > *, .checks tbody + tbody > tr:first-child > * { padding: 0; border: 0; }
  .checks tbody tr + tr { padding-left: 1.5rem; }
  .checks tbody tr + tr > th, .checks tbody tr + tr > td:nth-child(2) { flex-basis: 100%; }
  .checks tbody tr::before, .checks tbody tr::after { color: var(--more); font-size: 0.8125rem; }
  .checks tbody tr + tr::before { content: "last hour:"; order: 1; }
  .checks td.n { order: 2; }
  .checks tbody tr + tr > td:nth-child(2) { order: 3; }
  .checks tbody tr + tr::after { content: "since start:"; order: 4; }
  .checks td:nth-child(n + 9) { order: 5; }
  .checks tr:first-child td.n, .checks td.zero { display: none; }
  .backends tbody tr { display: flex; flex-wrap: wrap; gap: 0 1rem; }
  .backends td.n { text-align: left; }
  .backends .failure { min-width: 0; flex-basis: 100%; }
  .backends .failure:empty { display: none; }
  .refusals [data-label]::before, .backends [data-label]::before, .checks [data-label]::before {
    content: attr(data-label) " ";
    color: var(--more);
    font: 0.8125rem/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
  }
  .reasons thead tr, .reasons tbody tr { display: grid; grid-template-columns: minmax(0, 1fr) 4.5rem 5.5rem; }
  .reasons thead th:nth-child(2) { display: none; }
  .reasons tr > [scope="rowgroup"] { grid-column: 1 / -1; }
  .reasons tbody td:nth-child(2) { grid-row: 2; grid-column: 1; padding-left: 0.625rem; padding-bottom: 0.25rem; }
  .reasons code { overflow-wrap: anywhere; }
}

@media (max-width: 40rem) {
  body { padding: 0.75rem 0.5rem 1.5rem; }
  header, footer { padding: 0 0.25rem; }
  th:first-child, td:first-child, caption, section > div:not(.scroll) { padding-left: 0.625rem; }
  .note { padding-left: 0.625rem; padding-right: 0.625rem; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  .tiles div { padding: 0.375rem 0.625rem; }
  .tiles dd { font-size: 1.125rem; }
}
@media print {
  body { background: none; }
  .scroll { overflow: visible; }
}
)css";

}  // namespace gatepost::webui
