import { setTimeout as sleep } from 'node:timers/promises';
import { formatNumber } from '../base/chart.ts';
import { OperatorError } from '../base/errors.ts';
import { formatTable } from '../base/text-table.ts';
import type { TopPop, TopRate, TopView } from '../console/api-top.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import {
  type Command,
  EXIT_OK,
  type Flags,
  hasFlag,
  type Invocation,
  type Terminal,
  textFlag,
} from './command.ts';
import { formatMs, formatShare, styled } from './format.ts';
import { SORTS, type Sort, type TopKeys, watchKeys } from './top-keys.ts';
import { valueReader } from './values.ts';

const ROWS_DEFAULT = 10;
const ROWS_MAX = 200;
const EVERY_DEFAULT = 2;
/** Lines of the screen that are no rows of a table, and tables. */
const FIXED_LINES = 12;
const TABLES = 3;
/** To the upper left corner, and everything goes. */
const CLEAR = '\u001b[H\u001b[J';

export const topCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Shows what is asked of a running name server just now, anew every few seconds: the names that are ' +
    'asked most (from samples), POPs that answers name, with their load, the places and networks that ' +
    'ask, response codes, types and transports, each with its rate. Never single clients. On a terminal ' +
    'it fills the screen, and keys sort it: r by rate, n by name, l by load, u by use, p by price; ? says ' +
    'so, q or Ctrl-C ends it. Into a pipe it prints plain text.',
  options: {
    every: { type: 'string', value: 'S', help: `seconds between two looks (default ${EVERY_DEFAULT})` },
    rows: {
      type: 'string',
      value: 'N',
      help: `rows of each table (default: what fits, else ${ROWS_DEFAULT})`,
    },
    sort: {
      type: 'string',
      value: 'KEY',
      help: `sort rows by ${SORTS.join(', ')} (default rate; others: POPs)`,
    },
    once: { type: 'boolean', help: 'look once, and end' },
    ...ADMIN_OPTIONS,
  },
  examples: [
    ['top', 'what is asked of the process on this machine, until Ctrl-C'],
    ['top --once --json', 'one look, for a script'],
    ['top --sort used --rows 30 --admin http://127.0.0.1:5390', 'the fullest POPs first'],
  ],
  run: async (invocation) => {
    const { terminal, json, flags } = invocation;
    const wishes = wishesOf(flags);
    const isOnce = hasFlag(flags, 'once');
    const isScreen = !isOnce && !json && terminal.size?.() !== undefined;
    const keys = isScreen ? watchKeys(terminal, wishes.sort) : undefined;
    const stop = keys === undefined ? terminal.stop : AbortSignal.any([terminal.stop, keys.quit]);
    const show = (view: TopView, rows: number): void => {
      const shown = sorted(view, keys?.sort() ?? wishes.sort, rows);
      if (json) terminal.out(JSON.stringify(shown, undefined, isOnce ? 2 : 0));
      else terminal.out((isScreen ? CLEAR : '') + screen(shown, terminal, keys).join('\n'));
    };
    try {
      for (;;) {
        const view = await look({ ...invocation, terminal: { ...terminal, stop } });
        if (view === undefined) return EXIT_OK;
        show(view, wishes.rows ?? rowsThatFit(terminal));
        if (isOnce) return EXIT_OK;
        if (!isScreen && !json) terminal.out('');
        const untilMs = performance.now() + 1000 * wishes.everySeconds;
        if (keys === undefined)
          await sleep(1000 * wishes.everySeconds, undefined, { signal: stop }).catch(() => undefined);
        else
          while (!stop.aborted && (await keys.wait(untilMs - performance.now())))
            show(view, wishes.rows ?? rowsThatFit(terminal));
        if (stop.aborted) return EXIT_OK;
      }
    } finally {
      keys?.close();
    }
  },
};

const TIMEOUT_MS = 10_000;

/** A look at as much as there is, so that it can be sorted otherwise; undefined: it was stopped. */
async function look(invocation: Invocation): Promise<TopView | undefined> {
  try {
    return await askAdmin<TopView>({ path: `/api/top?max=${ROWS_MAX}`, timeoutMs: TIMEOUT_MS }, invocation);
  } catch (error) {
    if (invocation.terminal.stop.aborted) return undefined;
    throw error;
  }
}

function wishesOf(flags: Flags): {
  readonly everySeconds: number;
  readonly rows: number | undefined;
  readonly sort: Sort;
} {
  const read = valueReader();
  const seconds = { min: 0.2, max: 3600, what: 'seconds' };
  const everySeconds = read.number('every', textFlag(flags, 'every'), seconds) ?? EVERY_DEFAULT;
  const bounds = { min: 1, max: ROWS_MAX, what: 'a number of rows' };
  const rows = read.whole('rows', textFlag(flags, 'rows'), bounds);
  const key = textFlag(flags, 'sort') ?? 'rate';
  const sort = SORTS.find((one) => one === key);
  if (sort === undefined) read.wrong(`--sort ${JSON.stringify(key)} is none of ${SORTS.join(', ')}`);
  if (read.problems.length > 0) throw new OperatorError('bad-usage', read.problems);
  return { everySeconds, rows, sort: sort ?? 'rate' };
}

/** The screen's height divided by the tables; what a pipe gets has no height. */
function rowsThatFit({ size }: Terminal): number {
  const lines = size?.()?.rows;
  return lines === undefined ? ROWS_DEFAULT : Math.max(1, Math.floor((lines - FIXED_LINES) / TABLES));
}

/** The view in the order that is wanted, cut to so many rows. */
export function sorted(view: TopView, sort: Sort, rows: number): TopView {
  const byName = <T extends { readonly name: string }>(all: readonly T[]): readonly T[] =>
    sort === 'name' ? all.toSorted((a, b) => a.name.localeCompare(b.name)) : all;
  const used = ({ loadRps = 0, capacityRps }: TopPop): number =>
    capacityRps > 0 ? loadRps / capacityRps : 0;
  const value: Record<Sort, (pop: TopPop) => number> = {
    rate: ({ qps }) => qps,
    name: () => 0,
    load: ({ loadRps = 0 }) => loadRps,
    used,
    price: ({ priceMs }) => priceMs,
  };
  const pops = view.pops.toSorted((a, b) => value[sort](b) - value[sort](a) || a.code.localeCompare(b.code));
  const cells = sort === 'name' ? view.cells.toSorted((a, b) => a.place.localeCompare(b.place)) : view.cells;
  return {
    ...view,
    names: byName(view.names).slice(0, rows),
    pops: pops.slice(0, rows),
    cells: cells.slice(0, rows),
    rcodes: byName(view.rcodes),
    types: byName(view.types),
    transports: byName(view.transports),
  };
}

function screen(view: TopView, terminal: Terminal, keys: TopKeys | undefined): string[] {
  const { colour, size } = terminal;
  const right = (title: string) => ({ title, right: true });
  const time = new Date(view.atMs).toISOString().slice(11, 19);
  const rates = (all: readonly TopRate[]): string =>
    all.map(({ name, qps }) => `${name} ${formatNumber(qps)}`).join('  ') || 'none';
  const table = (...parts: Parameters<typeof formatTable>): string[] => {
    const [header = '', ...lines] = formatTable(...parts);
    return ['', styled(cut(header, size), 'bold', colour), ...lines.map((line) => cut(line, size))];
  };
  const heading = `${time} UTC  ${formatNumber(view.qps)} queries/s  (names from ${view.samples} samples)`;
  return [
    styled(cut(heading, size), 'bold', colour),
    cut(`rcodes      ${rates(view.rcodes)}`, size),
    cut(`types       ${rates(view.types)}`, size),
    cut(`transports  ${rates(view.transports)}`, size),
    ...table(
      [right('queries/s'), { title: 'name' }],
      view.names.map(({ name, qps }) => [formatNumber(qps), name]),
    ),
    ...table(
      [
        right('answers/s'),
        { title: 'POP' },
        { title: 'state' },
        ...['load/s', 'used', 'price ms'].map(right),
      ],
      view.pops.map(popRow),
    ),
    ...table(
      [right('queries/s'), { title: 'from' }, { title: 'network' }, { title: 'service' }],
      view.cells.map(({ qps, place, asn, network, service = '' }) => {
        return [formatNumber(qps), place, network ?? (asn === 0 ? '' : `AS${asn}`), service];
      }),
    ),
    ...(keys === undefined ? [] : [cut(keys.help(), size)]),
  ];
}

function popRow({ code, state, qps, loadRps, capacityRps, priceMs }: TopPop): string[] {
  const load = loadRps === undefined ? ['', ''] : [formatNumber(loadRps), formatShare(loadRps / capacityRps)];
  return [formatNumber(qps), code, state === 'up' ? '' : state, ...load, formatMs(priceMs)];
}

/** A line as wide as the screen at most: longer ones would take two. */
function cut(line: string, size: Terminal['size']): string {
  const columns = size?.()?.columns;
  return columns === undefined ? line : [...line].slice(0, columns).join('');
}
