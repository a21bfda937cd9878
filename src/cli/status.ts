import { formatTable } from '../base/text-table.ts';
import type { DemandRow, PopView, StatusView } from '../console/api.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, hasFlag, type Invocation } from './command.ts';
import { formatCount, formatMs, formatShare, formatSpan, styled } from './format.ts';

const ROWS_DEFAULT = 20;

export const statusCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Shows what a running process does: the store, the steering table in use, queries a second, and ' +
    'the POPs with their state, load, price and share of the demand: first those that are not up, ' +
    'then by load.',
  options: {
    all: { type: 'boolean', help: `every POP, not the first ${ROWS_DEFAULT}` },
    ...ADMIN_OPTIONS,
  },
  examples: [
    ['status', 'the POPs that matter most'],
    ['status --all --json', 'everything, for a script'],
  ],
  run: async (invocation) => {
    const status = await askAdmin<StatusView>({ path: '/api/status' }, invocation);
    const { json, terminal } = invocation;
    if (json) terminal.out(JSON.stringify(status, undefined, 2));
    else for (const line of statusLines(status, invocation)) terminal.out(line);
    return EXIT_OK;
  },
};

function statusLines(status: StatusView, invocation: Invocation): string[] {
  const { store, table, queryRates } = status;
  const rates = Object.entries(queryRates).map(([transport, rate]) => `${formatCount(rate)}/s ${transport}`);
  const connection = store.connected ? 'connected' : `NOT connected: ${store.lastError ?? 'no reason known'}`;
  const tableText =
    table === undefined
      ? 'none yet'
      : `epoch ${table.epoch}, ${formatSpan(table.ageMs)} old, from ${table.origin}; ` +
        `${formatCount(table.rows)} rows, mapped in ${formatSpan(table.buildMs)}`;
  const { zones, clients } = status.images;
  const more = zones.zones - status.zones.length;
  const { workers, sockets, why } = status.serving;
  const fields = [
    ['process', `${status.role} ${status.version}, cluster ${status.cluster}`],
    ['DNS', `${status.dns.join(' ')}, zones ${status.zones.join(' ')}${more > 0 ? ` and ${more} more` : ''}`],
    ['threads', `${workers}, sockets ${sockets}${why === undefined ? '' : `: ${why}`}`],
    [
      'images',
      `${formatCount(zones.names)} names, ${formatCount(zones.records)} records; ` +
        `${formatCount(clients.rangesIpv4 + clients.rangesIpv6)} client ranges`,
    ],
    ['store', `${store.address}, ${connection}`],
    ['table', tableText],
    ['queries', rates.join(', ') || 'none'],
  ] as const;
  const down = status.pops.filter(({ state }) => state !== 'up').length;
  const shown = hasFlag(invocation.flags, 'all') ? status.pops.length : ROWS_DEFAULT;
  const pops = status.pops.toSorted(byInterest).slice(0, shown);
  const rest = status.pops.length - pops.length;
  return [
    ...fields.map(([name, text]) => `${name.padEnd(8)} ${text}`),
    ...demandLines(status.demand),
    `${'POPs'.padEnd(8)} ${status.pops.length}, ${down} of them not up`,
    '',
    ...popTable(pops, invocation.terminal.colour),
    ...(rest > 0 ? [`… and ${rest} more: --all`] : []),
  ];
}

/** The busiest client networks; no line where nobody asked lately. */
function demandLines({ rows, cells }: StatusView['demand']): string[] {
  if (rows.length === 0) return [];
  const network = ({ network: own, asn }: DemandRow): string =>
    own !== undefined ? `${own} ` : asn === 0 ? '' : `AS${asn} `;
  const text = rows.map(
    (row) => `${network(row)}${row.place} ${formatCount(row.qps)}/s ${row.service ?? 'static'}`,
  );
  return [`${'clients'.padEnd(8)} ${formatCount(cells)} networks; busiest: ${text.join('; ')}`];
}

/** Those that are not up first, then by load against capacity. */
function byInterest(left: PopView, right: PopView): number {
  const fill = ({ loadRps = 0, capacityRps }: PopView): number => loadRps / Math.max(capacityRps, 1);
  return (
    Number(left.state === 'up') - Number(right.state === 'up') ||
    fill(right) - fill(left) ||
    left.code.localeCompare(right.code)
  );
}

const COLUMNS = [
  { title: 'POP' },
  { title: 'city' },
  { title: 'state' },
  { title: 'load/s', right: true },
  { title: 'capacity/s', right: true },
  { title: 'full', right: true },
  { title: 'price ms', right: true },
  { title: 'share', right: true },
  { title: 'why' },
];

function popTable(pops: readonly PopView[], colour: boolean): string[] {
  const rows = pops.map((pop) => [
    pop.code,
    pop.city,
    pop.state,
    pop.loadRps === undefined ? '-' : formatCount(pop.loadRps),
    formatCount(pop.capacityRps),
    pop.loadRps === undefined ? '-' : formatShare(pop.loadRps / Math.max(pop.capacityRps, 1)),
    formatMs(pop.priceMs),
    formatShare(pop.share),
    pop.why ?? '',
  ]);
  const [header = '', ...lines] = formatTable(COLUMNS, rows);
  return [
    styled(header, 'bold', colour),
    ...lines.map((line, i) => (pops[i]?.state === 'up' ? line : styled(line, 'yellow', colour))),
  ];
}
