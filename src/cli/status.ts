import { formatTable } from '../base/text-table.ts';
import type { PopView, StatusView } from '../console/api.ts';
import type { DemandRow } from '../console/api-demand.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, hasFlag, type Invocation } from './command.ts';
import { formatCount, formatMs, formatShare, formatSpan, styled } from './format.ts';

const ROWS_DEFAULT = 20;
/** Probers that are named, and POPs of each. */
const PROBERS_SHOWN = 3;

export const statusCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Shows what a running process does and knows: the store, who decides, the steering table in use, ' +
    'queries a second, who checks the POPs, and the POPs with their state, load, price, share of the ' +
    'demand, the probers that see them up, and the age of their last report: first those that are not ' +
    'up, then by load. Works with `up`, `serve` and `control`.',
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
        `${formatCount(table.rows)} rows` +
        (table.map === undefined ? '' : `, mapped in ${formatSpan(table.map.buildMs)}`);
  const { zones, clients } = status.images;
  const names =
    zones === undefined ? '' : `${formatCount(zones.names)} names, ${formatCount(zones.records)} records; `;
  const fields: readonly (readonly [string, string])[] = [
    ['process', `${status.role} ${status.version}, cluster ${status.cluster}`],
    ...servingFields(status),
    ['images', `${names}${formatCount(clients.rangesIpv4 + clients.rangesIpv6)} client ranges`],
    ['store', `${store.address}, ${connection}`],
    ['control', controllerText(status)],
    ['table', tableText],
    ...(status.serving === undefined ? [] : [['queries', rates.join(', ') || 'none'] as const]),
  ];
  const down = status.pops.filter(({ state }) => state !== 'up').length;
  const shown = hasFlag(invocation.flags, 'all') ? status.pops.length : ROWS_DEFAULT;
  const pops = status.pops.toSorted(byInterest).slice(0, shown);
  const rest = status.pops.length - pops.length;
  return [
    ...fields.map(([name, text]) => `${name.padEnd(8)} ${text}`),
    ...demandLines(status.demand),
    `${'agents'.padEnd(8)} ${agentsText(status.pops)}`,
    ...proberLines(status.probers),
    `${'POPs'.padEnd(8)} ${status.pops.length}, ${down} of them not up`,
    '',
    ...popTable(pops, invocation.terminal.colour),
    ...(rest > 0 ? [`… and ${rest} more: --all`] : []),
  ];
}

/** What a process that answers queries has besides. */
function servingFields(status: StatusView): readonly (readonly [string, string])[] {
  const { serving, dns, zones, images } = status;
  if (serving === undefined) return [];
  const more = (images.zones?.zones ?? 0) - zones.length;
  const { workers, sockets, why } = serving;
  return [
    ['DNS', `${dns.join(' ')}, zones ${zones.join(' ')}${more > 0 ? ` and ${more} more` : ''}`],
    ['threads', `${workers}, sockets ${sockets}${why === undefined ? '' : `: ${why}`}`],
  ];
}

/** Who decides, and what this process does in the election. */
function controllerText({ controller }: StatusView): string {
  if (controller === undefined) return 'not known: the store cannot say';
  const { leader, token, leftMs, here } = controller;
  const lead =
    leader === '' ? 'NOBODY leads' : `${leader} leads, token ${token}, lease for ${formatSpan(leftMs)}`;
  const part = {
    leading: 'it leads',
    'standing-by': 'it stands by',
    'cut-off': 'it is CUT OFF',
    starting: 'it starts',
  };
  return here === undefined ? lead : `${lead}; this process: ${part[here]}`;
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

/** How many POPs' agents reported of late, and the one that is silent longest. */
function agentsText(pops: readonly PopView[]): string {
  const ages = pops.flatMap(({ code, reportAgeMs }) =>
    reportAgeMs === undefined ? [] : [{ code, reportAgeMs }],
  );
  if (ages.length === 0) return `none of ${pops.length} reported of late`;
  const oldest = ages.reduce((one, other) => (other.reportAgeMs > one.reportAgeMs ? other : one));
  const last = `${oldest.code} ${formatSpan(oldest.reportAgeMs)} ago`;
  const held = pops.filter(({ agentStanding }) => agentStanding < 1);
  const named = held.slice(0, PROBERS_SHOWN).map(({ code }) => code);
  const heldText =
    held.length === 0 ? '' : `; NOT BELIEVED: ${named.join(' ')}${held.length > named.length ? ' …' : ''}`;
  return `${ages.length} of ${pops.length} reported of late, the last of them ${last}${heldText}`;
}

/** Who checks the POPs, and who sees any down. */
function proberLines(probers: StatusView['probers']): string[] {
  if (probers.length === 0) return [];
  const seeing = probers.filter(({ down }) => down.length > 0);
  const shown = seeing.slice(0, PROBERS_SHOWN).map(({ prober, down }) => {
    const pops = down.slice(0, PROBERS_SHOWN).map(({ pop }) => pop);
    return `${prober} sees ${pops.join(' ')}${down.length > pops.length ? ' …' : ''} down`;
  });
  const rest = seeing.length > shown.length ? '; …' : '';
  return [`${'probers'.padEnd(8)} ${probers.length}; ${shown.join('; ') || 'none sees a POP down'}${rest}`];
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

interface Column {
  readonly title: string;
  readonly right?: boolean;
  /** Shown even if no POP has it. */
  readonly always?: boolean;
  readonly text: (pop: PopView) => string | undefined;
}

const COLUMNS: readonly Column[] = [
  { title: 'POP', text: ({ code }) => code },
  { title: 'city', text: ({ city }) => city },
  { title: 'state', text: ({ state }) => state },
  { title: 'load/s', right: true, always: true, text: loadText },
  { title: 'capacity/s', right: true, text: ({ capacityRps }) => formatCount(capacityRps) },
  { title: 'full', right: true, always: true, text: fullness },
  { title: 'price ms', right: true, text: ({ priceMs }) => formatMs(priceMs) },
  { title: 'share', right: true, text: ({ share }) => formatShare(share) },
  { title: 'seen up', right: true, text: ({ views }) => views && `${views.up}/${views.up + views.down}` },
  { title: 'report', right: true, text: reportAge },
  { title: 'why', text: ({ why = '' }) => why },
];

function loadText({ loadRps }: PopView): string | undefined {
  return loadRps === undefined ? undefined : formatCount(loadRps);
}

function fullness({ loadRps, capacityRps }: PopView): string | undefined {
  return loadRps === undefined ? undefined : formatShare(loadRps / Math.max(capacityRps, 1));
}

function reportAge({ reportAgeMs }: PopView): string | undefined {
  return reportAgeMs === undefined ? undefined : formatSpan(reportAgeMs);
}

function popTable(pops: readonly PopView[], colour: boolean): string[] {
  const columns = COLUMNS.filter(({ always, text }) => always || pops.some((pop) => text(pop) !== undefined));
  const rows = pops.map((pop) => columns.map(({ text }) => text(pop) ?? '-'));
  const [header = '', ...lines] = formatTable(columns, rows);
  return [
    styled(header, 'bold', colour),
    ...lines.map((line, i) => (pops[i]?.state === 'up' ? line : styled(line, 'yellow', colour))),
  ];
}
