/** The report's style sheet: light and dark by the reader's own setting. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; --page: #f7f7f5; --card: #fff; --ink: #1c1c1a; --soft: #5f5e5a;
  --grid: #e4e3df; --land: #e3e2dc; --policy: #2a6fd0; --geo: #d9622b; --oracle: #77756e; --good: #2a6fd0;
  --fair: #d99a16; --poor: #c9302c; --room: #dcdbd5; }
@media (prefers-color-scheme: dark) { :root { --page: #161615; --card: #1f1f1d; --ink: #f2f1ec;
  --soft: #b3b1a9; --grid: #34332f; --land: #34332f; --policy: #6aa5f2; --geo: #f0905f; --oracle: #a3a199;
  --good: #6aa5f2; --fair: #e8b64a; --poor: #f0716d; --room: #45443f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1560px; padding: 24px 20px 48px; background: var(--page);
  color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 16px; margin: 0 0 2px; }
p { margin: 0 0 8px; } .soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px;
  margin: 16px 0; }
.tile, .card { background: var(--card); border: 1px solid var(--grid); border-radius: 8px;
  padding: 12px 16px; }
.tile b { display: block; font-size: 22px; font-weight: 600; }
.tile span { color: var(--soft); font-size: 13px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 620px), 1fr)); gap: 16px;
  align-items: start; }
.card { overflow-x: auto; } .wide { grid-column: 1 / -1; }
.chart { width: 100%; min-width: 520px; height: auto; display: block; }
.wide .chart { max-width: 1200px; margin: 0 auto; }
.chart text { fill: var(--soft); font-size: 12px; } .chart .label { fill: var(--ink); }
.grid { stroke: var(--grid); fill: none; } .axis { stroke: var(--soft); fill: none; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; } .line.policy { stroke: var(--policy); }
.line.geo { stroke: var(--geo); } .line.oracle { stroke: var(--oracle); stroke-dasharray: 5 4; }
.column.policy, .bar { fill: var(--policy); } .bar.over { fill: var(--poor); } .room { fill: var(--room); }
.mark { stroke: var(--ink); stroke-width: 2; }
.land { stroke: var(--land); fill: none; } .dot { stroke: var(--card); stroke-width: 0.6; }
.dot.good { fill: var(--good); } .dot.fair { fill: var(--fair); } .dot.poor { fill: var(--poor); }
.pop { fill: var(--ink); stroke: var(--card); stroke-width: 1; }
.chart .popname { fill: var(--ink); font-size: 9px; paint-order: stroke; stroke: var(--card);
  stroke-width: 2px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--soft); margin: 4px 0; }
.key { display: inline-flex; align-items: center; gap: 6px; }
table { border-collapse: collapse; font-size: 13px; width: 100%; }
th, td { text-align: right; padding: 3px 10px; border-bottom: 1px solid var(--grid); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
`;
