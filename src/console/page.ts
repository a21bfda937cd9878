import type { PopView, StatusView } from './api.ts';

/**
 * The console's page: what runs, the POPs, and commands to try. No script; it loads itself anew. `adminUrl`
 * is where the reader found it.
 */
export function consolePage(status: StatusView, adminUrl: string): string {
  const { table, store } = status;
  const tableText =
    table === undefined
      ? 'none yet'
      : `epoch ${table.epoch}, ${seconds(table.ageMs)} old, from ${table.origin}; ${count(table.rows)} rows`;
  const connection = store.connected ? 'connected' : `not connected: ${store.lastError ?? ''}`;
  const rates = Object.entries(status.queryRates).map(
    ([name, rate]) => `${rate.toFixed(0)} a second over ${name.toUpperCase()}`,
  );
  const facts: readonly (readonly [string, string])[] = [
    ['Process', `${status.role} ${status.version}, cluster ${status.cluster}`],
    ...(status.serving === undefined ? [] : servingFacts(status, status.serving)),
    ['Images', imagesWords(status)],
    ['Controller', controllerWords(status)],
    ['Store', `${store.address}, ${connection}`],
    ['Steering table', tableText],
    ...(status.serving === undefined ? [] : [['Queries', rates.join(', ') || 'none'] as const]),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<title>Isochrone</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header>
<h1>Isochrone</h1>
<nav><a href="/metrics">metrics</a> <a href="/readyz">readiness</a> <a href="/api/status">status</a></nav>
</header>
<main>
<dl>${facts.map(([name, text]) => `<div><dt>${name}</dt><dd>${escaped(text)}</dd></div>`).join('')}</dl>
<h2>Try</h2>
<pre>${tryCommands(status, adminUrl).map(escaped).join('\n')}</pre>
<h2>POPs</h2>
<div class="wide"><table>
<thead><tr><th>POP<th>City<th>Region<th>State<th class="n">Load, requests/s<th class="n">Capacity
<th>Load to capacity<th class="n">Price, ms<th class="n">Share of demand</thead>
<tbody>
${status.pops.toSorted(troubleFirst).map(popRow).join('\n')}
</tbody>
</table></div>
</main>
<footer>${status.attribution.map(credit).join(' ')}</footer>
</body>
</html>
`;
}

function servingFacts(
  status: StatusView,
  serving: NonNullable<StatusView['serving']>,
): (readonly [string, string])[] {
  const sockets = serving.sockets === 'native' ? 'batched system calls' : `node:dgram: ${serving.why ?? ''}`;
  return [
    ['DNS', status.dns.join(', ')],
    ['Zones', zonesWords(status)],
    ['Threads', `${serving.workers}, ${sockets}`],
  ];
}

function controllerWords({ controller }: StatusView): string {
  if (controller === undefined) return 'nobody knows: the store cannot say';
  const { leader, token, here } = controller;
  const part = here === undefined ? '' : `; this process: ${here.replace('-', ' ')}`;
  return `${leader === '' ? 'nobody' : `${leader}, token ${token}`}${part}`;
}

function zonesWords({ zones, images }: StatusView): string {
  const rest = (images.zones?.zones ?? 0) - zones.length;
  return rest > 0 ? `${zones.join(', ')} and ${count(rest)} more` : zones.join(', ');
}

function imagesWords({ images }: StatusView): string {
  const { zones, clients } = images;
  const ranges = count(clients.rangesIpv4 + clients.rangesIpv6);
  const names = zones && `${count(zones.names)} names, ${count(zones.records)} records; `;
  return `${names ?? ''}${ranges} client ranges`;
}

const ADMIN_DEFAULT = 'http://127.0.0.1:5380';

function tryCommands(status: StatusView, adminUrl: string): string[] {
  const admin = adminUrl === ADMIN_DEFAULT ? '' : ` --admin ${adminUrl}`;
  const pop = status.pops[0]?.code ?? 'FRA';
  const drain = `npx isochrone drain ${pop} --for 10m --reason "a try"${admin}`;
  const [dns] = status.dns;
  if (dns === undefined) return [`npx isochrone status${admin}`, drain];
  const [host = '', port = ''] = dns.startsWith('[') ? dns.slice(1).split(']:') : dns.split(':');
  const name = `www.${status.zones[0] ?? 'cdn.example'}`.replace(/\.$/, '');
  return [
    `dig @${host} -p ${port} ${name} +subnet=133.11.0.0/16`,
    `npx isochrone ask ${name} --client 133.11.0.0/16 --server ${dns}`,
    `npx isochrone explain ${name} --client 133.11.0.0/16${admin}`,
    drain,
  ];
}

/** Those that are not up first; else as configured, so that rows stay where they are. */
function troubleFirst(left: PopView, right: PopView): number {
  return Number(left.state === 'up') - Number(right.state === 'up');
}

function popRow(pop: PopView): string {
  const { loadRps, capacityRps } = pop;
  const full = loadRps === undefined ? undefined : loadRps / Math.max(capacityRps, 1);
  const meter = full === undefined ? '–' : `<meter max="1.2" high="0.9" value="${full.toFixed(3)}"></meter>`;
  const why = pop.why === undefined ? '' : ` <small>${escaped(pop.why)}</small>`;
  return [
    `<tr><td><b>${escaped(pop.code)}</b>`,
    `${escaped(pop.city)}, ${escaped(pop.country)}`,
    escaped(pop.region),
    `<span class="${pop.state}">${pop.state}</span>${why}`,
    loadRps === undefined ? '–' : count(loadRps),
    count(capacityRps),
    meter,
    pop.priceMs.toFixed(2),
    `${(100 * pop.share).toFixed(1)} %`,
  ].join('<td>');
}

/** Credits of data as `text (https://…)` become links. */
function credit(text: string): string {
  const match = /^(.*?)\s*\(?(https:\/\/[^\s)]+)\)?(.*)$/.exec(text);
  if (match === null) return `<span>${escaped(text)}</span>`;
  const [, before = '', url = '', after = ''] = match;
  const link = `<a href="${escaped(url)}">${escaped(before === '' ? url : before)}</a>`;
  return `<span>${link}${escaped(after)}</span>`;
}

/** With thousands apart. */
const count = (value: number): string => value.toFixed(0).replace(/\B(?=(?:\d{3})+$)/g, '\u202f');

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ESCAPES[char] as string);
}

/** The page's style sheet, light and dark. */
export const STYLE = `:root {
  color-scheme: light dark;
  --ink: light-dark(#1c2430, #e6eaf0);
  --soft: light-dark(#5b6675, #9aa6b5);
  --line: light-dark(#d9dee5, #2d3642);
  --paper: light-dark(#ffffff, #12171e);
  --good: light-dark(#0a6b3d, #5fd39a);
  --bad: light-dark(#a4161a, #ff8f8f);
  --warn: light-dark(#7a4d00, #f2bd62);
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 76rem; padding: 1rem;
  background: var(--paper); color: var(--ink); font: 15px/1.45 system-ui, sans-serif;
}
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; }
header, th, td { border-bottom: 1px solid var(--line); }
nav { display: flex; gap: 0.8rem; }
h1 { font-size: 1.4rem; margin: 0.3rem 0; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 0.5rem; }
a { color: inherit; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 0.6rem 1.5rem; }
dt, th, footer { color: var(--soft); font-size: 0.85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { background: color-mix(in srgb, var(--ink) 6%, transparent); padding: 0.7rem; overflow-x: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.25rem 0.7rem 0.25rem 0; white-space: nowrap; }
th { font-weight: 500; }
td:nth-child(5), td:nth-child(6), td:nth-child(8), td:nth-child(9), .n { text-align: right; }
.up { color: var(--good); }
.down { color: var(--bad); font-weight: 600; }
.drained { color: var(--warn); font-weight: 600; }
th:nth-child(7), td:nth-child(7) { padding-left: 0.7rem; }
td small { display: block; white-space: normal; min-width: 10rem; max-width: 22rem; }
meter { width: 5rem; vertical-align: middle; }
@media (max-width: 40rem) { th:nth-child(3), td:nth-child(3) { display: none; } }
footer { margin: 2rem 0 1rem; display: flex; flex-wrap: wrap; gap: 1rem; }
`;
