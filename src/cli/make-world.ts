import { basename, join, resolve } from 'node:path';
import { OperatorError } from '../base/errors.ts';
import { readGazetteer } from '../lab/make-cities.ts';
import { makeWorld, WORLD_KINDS, type WorldKind, type WorldWishes } from '../lab/make-world.ts';
import { worldTexts } from '../lab/write-world.ts';
import { type Command, EXIT_OK, type Flags, textFlag } from './command.ts';
import { readGeoData } from './geo-files.ts';
import { valueReader } from './values.ts';

export const makeWorldCommand: Command = {
  operands: 'DIR',
  operandsMin: 1,
  operandsMax: 1,
  description:
    'Makes a world for `simulate`: networks in server cities, POPs, and round-trip times over a ' +
    'made-up internet: fibre along land and real cables, exchanges, detours, and a geo database that ' +
    'errs. Kinds: hubs (POPs where the world meets), random (POPs anywhere), capacity (hubs whose ' +
    'capacities are scarce and elsewhere than the demand; the biggest dies), shift (one hub gets ' +
    'slower for a while). The same flags make the same files. docs/worlds.md has the formats.',
  options: {
    kind: { type: 'string', value: 'KIND', help: 'hubs, random, capacity or shift (default: hubs)' },
    pops: { type: 'string', value: 'N', help: 'POPs (default: 22; random: 50); hubs are at most 34' },
    cells: { type: 'string', value: 'N', help: 'client networks (default: 246; capacity: 3000)' },
    cities: { type: 'string', value: 'N', help: 'cities that they are in (default: one each, at most 600)' },
    seed: { type: 'string', value: 'N', help: 'another seed makes another world of the kind (default: 1)' },
    ticks: { type: 'string', value: 'N', help: 'ticks of a run (default: 60)' },
    'tick-seconds': { type: 'string', value: 'S', help: 'length of a tick (default: 10)' },
    capacity: {
      type: 'string',
      value: 'X',
      help: 'all capacities together, as a multiple of all demand (default: 10; capacity: 1.3)',
    },
    'event-tick': { type: 'string', value: 'N', help: 'tick of the death or of the shift (default: 30)' },
    'event-end': { type: 'string', value: 'N', help: 'tick of the end of the shift (default: 45)' },
    'shift-ms': { type: 'string', value: 'MS', help: 'what the shift adds (default: 60)' },
  },
  examples: [
    ['make-world /tmp/hubs', 'a world with 22 POPs at hubs and 246 networks'],
    ['make-world /tmp/random --kind random --seed 7', '50 POPs in cities anywhere, another internet'],
    ['make-world /tmp/tight --kind capacity --capacity 1.1', '3,000 networks and hardly room for them'],
  ],
  run: async ({ operands: [folder = ''], flags, json, terminal }) => {
    const wishes = wishesOf(folder, flags);
    const [pops, places] = [readGeoData('pops.csv'), readGeoData('places.csv')];
    const gazetteer = readGazetteer({ popsCsv: pops.text, placesCsv: places.text });
    const world = makeWorld(gazetteer, wishes);
    terminal.makeFolder(folder);
    for (const [name, text] of Object.entries(worldTexts(world)))
      terminal.writeText(join(folder, name), text);
    const made = { folder, kind: wishes.kind, seed: wishes.seed };
    const counts = { pops: world.pops.length, cells: world.cells.length, pairs: world.rtts.length };
    if (json) terminal.out(JSON.stringify({ ...made, ...counts }));
    else {
      terminal.out(`${folder}: ${counts.cells} cells, ${counts.pops} POPs, ${counts.pairs} pairs`);
      terminal.out(`next: isochrone simulate ${folder} --out ${folder}-out`);
    }
    return EXIT_OK;
  },
};

const CITIES_MAX = 600;
const HUBS_MAX = 34;
/** A cell's /24 lies in 10.0.0.0/8. */
const CELLS_MAX = 20_000;

function wishesOf(folder: string, flags: Flags): WorldWishes {
  const read = valueReader();
  const kind = textFlag(flags, 'kind') ?? 'hubs';
  const isKind = (text: string): text is WorldKind => (WORLD_KINDS as readonly string[]).includes(text);
  if (!isKind(kind)) read.wrong(`--kind ${JSON.stringify(kind)} is none of ${WORLD_KINDS.join(', ')}`);
  const whole = (flag: string, what: string, min: number, max: number): number | undefined =>
    read.whole(flag, textFlag(flags, flag), { min, max, what });
  const number = (flag: string, what: string, min: number, max: number): number | undefined =>
    read.number(flag, textFlag(flags, flag), { min, max, what });
  const isRandom = kind === 'random';
  const isCapacity = kind === 'capacity';
  const cells = whole('cells', 'a number of cells', 2, CELLS_MAX) ?? (isCapacity ? 3000 : 246);
  const cities =
    whole('cities', 'a number of cities', 2, CITIES_MAX) ?? Math.min(cells, isCapacity ? 246 : CITIES_MAX);
  const popsMax = isRandom ? cities : HUBS_MAX;
  const wishes = {
    name: basename(resolve(folder)),
    kind: isKind(kind) ? kind : 'hubs',
    pops: whole('pops', 'a number of POPs', 2, popsMax) ?? Math.min(popsMax, isRandom ? 50 : 22),
    cells,
    cities,
    seed: whole('seed', 'a seed', 0, 2 ** 32 - 1) ?? 1,
    ticks: whole('ticks', 'a number of ticks', 1, 100_000) ?? 60,
    tickSeconds: number('tick-seconds', 'seconds', 1, 3600) ?? 10,
    capacity: number('capacity', 'capacity by demand', 0.1, 1000) ?? (isCapacity ? 1.3 : 10),
    eventTick: whole('event-tick', 'a tick', 0, 100_000) ?? 30,
    eventEnd: whole('event-end', 'a tick', 0, 100_000) ?? 45,
    shiftMs: number('shift-ms', 'milliseconds', 0, 10_000) ?? 60,
  };
  if (read.problems.length > 0) throw new OperatorError('bad-usage', read.problems);
  return wishes;
}
