import { parsePrefix } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import { networkKey } from '../base/network-key.ts';
import { type Named, readNamed } from './read-names.ts';
import { noProblems, type Problems, type TableRow } from './read-table.ts';
import { readEvents, readRtts } from './read-truth.ts';
import {
  WORLD_COLUMNS,
  WORLD_FILES,
  type World,
  type WorldCell,
  type WorldFile,
  type WorldHead,
  type WorldPop,
} from './world.ts';

/** The files as they are. A text is absent where the file cannot be read; `why` says why, in words. */
export interface WorldSource {
  /** For messages: the folder, as the user named it. */
  readonly folder: string;
  readonly texts: ReadonlyMap<WorldFile, string | { readonly why: string }>;
}

/** Bounds of a world. */
export const POPS_MAX = 1000;
export const CELLS_MAX = 20_000;
export const TICKS_MAX = 100_000;
const TICK_SECONDS_MAX = 86_400;
const RPS_MAX = 1e12;
const LAST_MILE_MAX_MS = 10_000;

/** Reads a world, whole or not at all: `OperatorError('bad-data')` has every fault of every file. */
export function readWorld(source: WorldSource): World {
  const problems = noProblems();
  const texts = new Map<WorldFile, string>();
  for (const name of WORLD_FILES) {
    const text = source.texts.get(name);
    if (typeof text === 'string') texts.set(name, text);
    else problems.add({ file: pathOf(source, name), message: text?.why ?? 'no such file' });
  }
  const head = readHead(texts.get('world.json'), { file: pathOf(source, 'world.json'), problems });
  const options = (name: keyof typeof WORLD_COLUMNS, rowsMax: number) => ({
    file: pathOf(source, name),
    columns: WORLD_COLUMNS[name],
    rowsMax,
    problems,
  });
  const pops = readNamed(texts.get('pops.csv'), options('pops.csv', POPS_MAX), 'pop', popOf);
  const cells = readNamed(texts.get('cells.csv'), options('cells.csv', CELLS_MAX), 'cell', cellOf);
  checkNetworks(cells, pathOf(source, 'cells.csv'), problems);
  const names = { pops, cells, ticks: head.ticks };
  const rtts = readRtts(texts.get('rtt.csv'), options('rtt.csv', 0), names);
  const events = readEvents(texts.get('events.csv'), options('events.csv', 0), names);
  if (problems.count() > 0) throw new OperatorError('bad-data', problems.list());
  return { head, pops: pops.items, cells: cells.items, rtts, events };
}

function pathOf(source: WorldSource, name: WorldFile): string {
  return source.folder === '' ? name : `${source.folder.replace(/\/+$/, '')}/${name}`;
}

const NO_HEAD: WorldHead = { name: '', tickSeconds: 1, ticks: TICKS_MAX, seed: 0, source: '' };

function readHead(text: string | undefined, of: { file: string; problems: Problems }): WorldHead {
  const { file, problems } = of;
  if (text === undefined) return NO_HEAD;
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    problems.add({ file, message: `is no JSON: ${(error as Error).message}` });
    return NO_HEAD;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.add({ file, message: 'must hold one JSON object' });
    return NO_HEAD;
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  const lineOf = (key: string): number =>
    text.slice(0, Math.max(0, text.indexOf(JSON.stringify(key)))).split('\n').length;
  const wrong = (key: string, right: string): void => {
    const given = fields.get(key);
    const message =
      given === undefined
        ? `"${key}" is missing: ${right}`
        : `"${key}": ${JSON.stringify(given)} is not ${right}`;
    problems.add({ file, line: lineOf(key), message });
  };
  const textOf = (key: string): string => {
    const given = fields.get(key);
    if (given !== undefined && typeof given !== 'string') wrong(key, 'a text');
    return typeof given === 'string' ? given : '';
  };
  const numberOf = (key: string, of: { min: number; max: number; whole: boolean }): number => {
    const given = fields.get(key);
    const fits = typeof given === 'number' && given >= of.min && given <= of.max;
    if (fits && (!of.whole || Number.isInteger(given))) return given;
    wrong(key, `a ${of.whole ? 'whole ' : ''}number from ${of.min} to ${of.max}`);
    return of.max;
  };
  return {
    name: textOf('name'),
    tickSeconds: numberOf('tickSeconds', { min: 0.1, max: TICK_SECONDS_MAX, whole: false }),
    ticks: numberOf('ticks', { min: 1, max: TICKS_MAX, whole: true }),
    seed: numberOf('seed', { min: 0, max: 2 ** 32 - 1, whole: true }),
    source: textOf('source'),
  };
}

function popOf(row: TableRow): WorldPop {
  const pop = row.text('pop');
  const capacityRps = row.number('capacityRps', 0, RPS_MAX);
  return { pop, ...locationOf(row), capacityRps };
}

function cellOf(row: TableRow): WorldCell {
  const prefix = row.text('prefix');
  const parsed = parsePrefix(prefix);
  if (typeof parsed === 'string') row.wrong(`prefix ${parsed}`);
  const country = row.text('country');
  if (country !== '' && !/^[A-Z]{2}$/.test(country))
    row.wrong(`country ${JSON.stringify(country)} is not two capital letters`);
  return {
    cell: row.text('cell'),
    prefix,
    ...locationOf(row),
    country,
    city: row.text('city'),
    demandRps: row.number('demandRps', 0, RPS_MAX),
    lastMileMs: row.number('lastMileMs', 0, LAST_MILE_MAX_MS),
  };
}

function locationOf(row: TableRow): { latitude: number; longitude: number } {
  if ((row.text('lat') === '') !== (row.text('lon') === '')) row.wrong('one of lat and lon is empty');
  return { latitude: row.optional('lat', -90, 90), longitude: row.optional('lon', -180, 180) };
}

/** The engine tells networks apart by /24 and /48: two cells in one would be one client network. */
function checkNetworks(cells: Named<WorldCell>, file: string, problems: Problems): void {
  const seen = new Map<number, number>();
  for (const [index, { prefix }] of cells.items.entries()) {
    const parsed = parsePrefix(prefix);
    if (typeof parsed === 'string') continue;
    const key = networkKey(parsed);
    const other = seen.get(key);
    const line = cells.lines[index] ?? 1;
    if (other === undefined) seen.set(key, index);
    else {
      const one = parsed.address.family === 4 ? '/24' : '/48';
      const message = `prefix ${JSON.stringify(prefix)} shares a ${one} with line ${cells.lines[other]}`;
      problems.add({ file, line, message });
    }
  }
}
