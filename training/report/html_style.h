// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace hepar {

// The style of html_report.cpp and svg_chart.cpp. No character here is special to XML. The colors
// c0..c4 were chosen by search: each pair differs by at least 0.10 in OKLab to normal vision and to
// simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009), and each has a contrast
// of 3 or more with its background.
inline constexpr char kReportStyle[] = R"css(
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1b2026; --quiet: #5a6570; --rule: #e3e7eb; --panel: #f6f7f9;
  --warn: #8a4b00; --warn-panel: #fff6e6;
  --c0: #2f5fb3; --c1: #a86c08; --c2: #22a78a; --c3: #7a1f45; --c4: #a379e6; --c5: #4d5761;
  --heat: 47, 95, 179; --on-heat: #ffffff;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14181d; --ink: #e6e9ec; --quiet: #9aa5b0; --rule: #2c333b; --panel: #1b2127;
    --warn: #f0c27a; --warn-panel: #2a2317;
    --c0: #7aacf0; --c1: #efb129; --c2: #7fe8cb; --c3: #d8607f; --c4: #9a70e6; --c5: #b4bdc6;
    --heat: 122, 172, 240; --on-heat: #0b0e12;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); }
body {
  margin: 0 auto; max-width: 1180px; padding: 32px 28px 48px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 12px; padding-bottom: 6px; border-bottom: 1px solid var(--rule); }
h3 { font-size: 15.5px; margin: 22px 0 8px; }
p { margin: 8px 0; max-width: 84ch; }
.subtitle, .note, figcaption { color: var(--quiet); }
.note { font-size: 13px; }
.notice {
  margin: 16px 0 22px; padding: 9px 14px; border-left: 4px solid var(--warn); max-width: none;
  background: var(--warn-panel); color: var(--warn); font-weight: 600; border-radius: 0 6px 6px 0;
}
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; }
.tile { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: 11px 14px; }
.tile span { display: block; font-size: 12.5px; color: var(--quiet); line-height: 1.35; }
.tile b { display: block; font-size: 23px; font-weight: 650; line-height: 1.35; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(460px, 100%), 1fr)); gap: 18px; }
figure {
  display: flex; flex-direction: column; margin: 0; padding: 12px 14px 10px; border: 1px solid var(--rule); border-radius: 8px;
  overflow-x: auto; break-inside: avoid;
}
figcaption { font-size: 13px; line-height: 1.45; margin-bottom: 6px; }
figcaption b { display: block; font-size: 14.5px; color: var(--ink); }
.charts figure { max-width: 640px; }
.charts + .wide, .wide + .wide { margin-top: 20px; }
svg { display: block; margin-top: auto; width: 100%; min-width: 430px; height: auto; }
svg text { font: 11.5px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: var(--ink); }
svg .quiet { fill: var(--quiet); }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--quiet); stroke-width: 1; }
.kept { stroke: var(--quiet); stroke-width: 1.2; stroke-dasharray: 4 3; }
.line0, .line1, .line2, .line3, .line4, .line5 {
  fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round;
}
.reference { fill: none; stroke: var(--quiet); stroke-width: 1.2; stroke-dasharray: 3 4; }
svg .point { fill: transparent; stroke-width: 2.2; }
.dashed { stroke-dasharray: 6 4; }
.leader { stroke-width: 1; opacity: 0.55; }
.swatch { stroke-width: 3.5; stroke-linecap: butt; }
.line0 { stroke: var(--c0); } .mark0 { fill: var(--c0); }
.line1 { stroke: var(--c1); } .mark1 { fill: var(--c1); }
.line2 { stroke: var(--c2); } .mark2 { fill: var(--c2); }
.line3 { stroke: var(--c3); } .mark3 { fill: var(--c3); }
.line4 { stroke: var(--c4); } .mark4 { fill: var(--c4); }
.line5 { stroke: var(--c5); } .mark5 { fill: var(--c5); }
.band { fill: var(--quiet); fill-opacity: 0; }
.band:hover { fill-opacity: 0.14; }
.wide { overflow-x: auto; }
.wide tbody th { white-space: nowrap; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 7px; }
th, td { padding: 4px 13px; text-align: right; vertical-align: baseline; }
th { font-weight: 500; color: var(--quiet); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tbody th { color: var(--ink); font-weight: 400; }
thead tr:last-child th { border-bottom: 1.5px solid var(--quiet); }
tbody tr + tr td, tbody tr + tr th { border-top: 1px solid var(--rule); }
tbody + tbody tr:first-child td, tbody + tbody tr:first-child th { border-top: 1px solid var(--quiet); }
td small { color: var(--quiet); white-space: nowrap; }
td.chance { color: var(--quiet); }
.matrices { display: flex; flex-wrap: wrap; gap: 26px 44px; overflow-x: auto; }
.matrices table { break-inside: avoid; }
.confusion thead th { text-align: center; }
.confusion th:first-child { text-align: left; }
.confusion td, .confusion tbody th { vertical-align: middle; }
.confusion td.cell {
  min-width: 72px; padding: 7px 9px; text-align: center; line-height: 1.25;
  background: rgba(var(--heat), var(--share)); border: 2px solid var(--paper);
  -webkit-print-color-adjust: exact; print-color-adjust: exact;
}
.confusion td.cell small { color: inherit; }
.confusion td.deep { color: var(--on-heat); }
.confusion td.right b { text-decoration: underline; text-underline-offset: 3px; }
.confusion td b { display: block; font-weight: 650; }
.text td, .text th { text-align: left; vertical-align: top; }
.text td { overflow-wrap: anywhere; }
td.open { color: var(--warn); }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(165px, 1fr)); gap: 14px; }
.gallery:has(.pair) { grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 6px; }
.gallery figure { padding: 8px 8px 6px; }
.gallery img { display: block; width: 100%; height: auto; background: #000000; border-radius: 4px; margin-bottom: 6px; }
.gallery figcaption { margin: 0; font-size: 12.5px; overflow-wrap: anywhere; }
.gallery b { font-size: 13.5px; }
.shares { display: block; font-variant-numeric: tabular-nums; }
.options { display: flex; flex-wrap: wrap; gap: 0 40px; align-items: flex-start; }
.options table { flex: 1 1 300px; font-size: 13px; }
.options td { text-align: left; overflow-wrap: anywhere; }
.options th { width: 46%; }
.options th { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 12.5px; text-align: left; }
footer { margin-top: 44px; padding-top: 12px; border-top: 1px solid var(--rule); font-size: 13px; color: var(--quiet); }
@media screen and (max-width: 600px) {
  body { padding: 20px 14px 32px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
  .tile { padding: 8px 10px; }
  .tile b { font-size: 20px; }
  figure { padding: 10px 8px 8px; }
  svg { min-width: 0; }
  svg text { font-size: 13px; }
  table { font-size: 13px; }
  th, td { padding: 4px 7px; }
  /* What a row is about stays in sight when its figures are moved. */
  .wide tbody th {
    min-width: 8.5em; white-space: normal; position: sticky; left: 0; background: var(--paper);
  }
  .confusion td.cell { min-width: 44px; padding: 6px 3px; }
  .options table { flex-basis: 100%; }
}
@media print {
  @page { margin: 14mm; }
  body { padding: 0; font-size: 10.5pt; max-width: none; }
  h2, h3 { break-after: avoid; }
  .charts { grid-template-columns: 1fr 1fr; gap: 8px; }
  .tiles { grid-template-columns: repeat(3, 1fr); }
  .gallery { grid-template-columns: repeat(5, 1fr); }
  .gallery:has(.pair) { grid-template-columns: repeat(3, 1fr); }
  figure { padding: 6px; }
  figcaption { font-size: 8.5pt; }
  figcaption b { font-size: 9.5pt; }
  svg { min-width: 0; }
  svg text { font-size: 13px; }
  table { font-size: 9pt; }
  th, td { padding: 3px 8px; }
  .tile, tr { break-inside: avoid; }
}
)css";

}  // namespace hepar
