import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSnapshot } from '../../src/control/snapshot.ts';
import { cellMaker } from './cells.ts';
import { LARGE_PEERS } from './large-peers.ts';
import { type LargeSources, writeLargeSources } from './large-sources.ts';
import { firstAnswer, offer } from './loads.ts';
import {
  compile,
  cpuSeconds,
  family,
  hasProgram,
  machineText,
  median,
  memoryMib,
  progress,
  type Running,
  root,
  run,
  SERVER_CORE,
  start,
  temporaryFolder,
} from './machine.ts';
import { textTable, whole } from './report.ts';
import type { WorldPaths } from './world.ts';

/**
 * `npm run bench:large`: what size costs. It makes a large installation (zones, client networks, POPs) and
 * measures how long it takes to compile, to start from what was compiled, how much memory it holds, and what
 * a query costs beside the same with one small zone; NSD and Knot with the same zones beside it.
 */

const { values } = parseArgs({
  options: {
    zones: { type: 'string', default: '1000' },
    names: { type: 'string', default: '1000' },
    'many-zones': { type: 'string', default: '20000' },
    networks: { type: 'string', default: '1000000' },
    pops: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    peers: { type: 'string', default: 'nsd,knot' },
  },
});
const OWN_PORT = 20730;
const SMALL_PORT = 20735;
const STARTS = 3;
const DISTINCT_ROWS = 50_000;
const LOAD_WITHIN_MS = 180_000;
/** Small name lists on which the costs are compared. */
const SMALL = { steered: 'www.edge.test A', static: 'static.edge.test A' };
const KINDS = ['steered', 'static'] as const;
type Kind = (typeof KINDS)[number];

/** A started server and how long it took to its first answer. */
interface Started {
  readonly name: string;
  readonly running: Running;
  readonly port: number;
  readonly seconds: number;
}

await main();

async function main(): Promise<void> {
  if (process.platform !== 'linux' || !hasProgram('taskset')) {
    console.log('this needs Linux and taskset (Debian: apt install util-linux)');
    process.exitCode = 1;
    return;
  }
  const folder = temporaryFolder();
  const load = compile('load', folder);
  if (typeof load === 'string') progress(`${load}; the cost of a query is not measured`);
  const size = { pops: Number(values.pops), seed: Number(values.seed) };
  const make = (name: string, zones: string, namesPerZone: number, networks: number): LargeSources => {
    mkdirSync(join(folder, name), { mode: 0o755 });
    const all = { ...size, zones: Number(zones), namesPerZone, networks };
    progress(
      `writing ${whole(all.zones * namesPerZone)} names in ${zones} zones, ${whole(networks)} networks`,
    );
    return writeLargeSources(join(folder, name), all);
  };
  const large = make('large', values.zones, Number(values.names), Number(values.networks));
  const many = make('many', values['many-zones'], 5, 0);
  console.log(`${machineText()}\n`);
  await measureLoading(folder, [
    {
      title: `${values.zones} zones of ${values.names} names, ${whole(Number(values.networks))} networks`,
      sources: large,
    },
    { title: `${values['many-zones']} zones of 5 names`, sources: many },
  ]);
  if (typeof load !== 'string') await measureQueries(folder, large, load.path);
}

/** Times to the first answer and memory, ours and the peers', one server at a time. */
async function measureLoading(
  folder: string,
  installations: readonly { readonly title: string; readonly sources: LargeSources }[],
): Promise<void> {
  const rows: string[][] = [];
  for (const [index, { title, sources }] of installations.entries()) {
    const state = join(folder, `state-${index}`);
    const add = async (what: string, started: Started | undefined): Promise<void> => {
      if (started === undefined) return;
      const { rss, pss } = memoryMib(started.running.pid);
      rows.push([`${title}: ${what}`, started.seconds.toFixed(2), whole(rss), whole(pss)]);
      progress(rows.at(-1)?.join('  ') ?? '');
      await started.running.stop();
    };
    const own = (): Promise<Started | undefined> => startOwn(folder, { sources, state, port: OWN_PORT });
    await add('isochrone, from sources', await own());
    for (const name of ['zones.image', 'steering.image']) rmSync(join(state, name), { force: true });
    await add('isochrone, zones from sources, clients from the image file', await own());
    await saveCells({ config: sources.config, state });
    for (let again = 0; again < STARTS; again++) await add('isochrone, from image files', await own());
    for (const name of ['zones.image', 'clients.image', 'steering.image'])
      rows.push([`${title}: ${name}, MiB on disk`, fileMib(join(state, name)), '', '']);
    for (const peer of peersThere())
      await add(`${peer.name}, from sources`, await startPeer(folder, peer, { sources, again: `${index}` }));
  }
  console.log(textTable(['loading', 's until all answers', 'RSS MiB', 'PSS MiB'], rows), '\n');
}

/** Gives each network a row of its own, as a controller that measures would. */
async function saveCells(paths: WorldPaths): Promise<void> {
  const { cellCount, make } = cellMaker(paths, { cells: Number(values.networks), rows: DISTINCT_ROWS });
  progress(`steering image for ${whole(cellCount)} cells`);
  await writeSnapshot(paths.state, make(1).bytes);
}

function fileMib(path: string): string {
  const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: Number.NaN };
  return (size / 2 ** 20).toFixed(1);
}

function peersThere() {
  const wanted = values.peers.split(',');
  return LARGE_PEERS.filter(({ name }) => wanted.includes(name)).filter(({ name, program, packages }) => {
    const there = hasProgram(program);
    if (!there) progress(`${name} is not measured: ${program} is missing (Debian: apt install ${packages})`);
    return there;
  });
}

async function startOwn(
  folder: string,
  options: { readonly sources?: LargeSources; readonly state: string; readonly port: number },
): Promise<Started | undefined> {
  const { sources, state, port } = options;
  const config = sources?.config ?? join(root, 'test/bench/edge.yaml');
  const flags = ['--config', config, '--state', state, '--port', `${port}`, '--admin-port', `${port + 1}`];
  const command = [process.execPath, join(root, 'src/main.ts'), 'serve', ...flags, '--workers', '1'];
  const names = sources === undefined ? ['www.edge.test.'] : [...sources.someSteered, ...sources.someStatic];
  return startServer(sources === undefined ? 'isochrone, small' : 'isochrone', {
    command,
    port,
    names,
    folder,
  });
}

async function startPeer(
  folder: string,
  peer: (typeof LARGE_PEERS)[number],
  { sources, again }: { readonly sources: LargeSources; readonly again: string },
): Promise<Started | undefined> {
  const own = join(folder, `${peer.name}-${again}`);
  mkdirSync(own, { mode: 0o755 });
  const { name, port } = peer;
  return startServer(name, {
    command: peer.prepare(own, sources),
    port,
    names: sources.someStatic,
    folder,
  });
}

async function startServer(
  name: string,
  options: { command: readonly string[]; port: number; names: readonly string[]; folder: string },
): Promise<Started | undefined> {
  const { command, port, names, folder } = options;
  const sinceMs = performance.now();
  // Compiling may use all cores; the pinning comes with the load.
  const running = start(command, { log: join(folder, `${name}.log`) });
  const waiting = { withinMs: LOAD_WITHIN_MS, sinceMs, gaveUp: running.ended };
  const questions = names.map((one) => ({ name: one, type: 'A', edns: 1232, subnet: '10.1.2.0/24' }));
  const ms = await firstAnswer(port, questions, waiting);
  if (ms !== undefined) return { name, running, port, seconds: ms / 1000 };
  progress(`${name} did not answer: ${running.output().slice(-1500)}`);
  await running.stop();
  return undefined;
}

/** CPU time of a query, small beside large, round by round; names and clients drawn over the whole set. */
async function measureQueries(folder: string, sources: LargeSources, program: string): Promise<void> {
  for (const kind of KINDS) writeFileSync(join(folder, `small-${kind}`), `${SMALL[kind]}\n`);
  const small = await startOwn(folder, { state: join(folder, 'state-small'), port: SMALL_PORT });
  const large = await startOwn(folder, { sources, state: join(folder, 'state-0'), port: OWN_PORT });
  const peers: (Started | undefined)[] = [];
  for (const peer of peersThere()) peers.push(await startPeer(folder, peer, { sources, again: 'loaded' }));
  const servers = [small, large, ...peers].filter((one) => one !== undefined);
  const costs = new Map<string, number[]>();
  const { clients } = sources;
  const ask = async (server: Started, kind: Kind): Promise<void> => {
    const names = server === small ? join(folder, `small-${kind}`) : sources[kind];
    const before = cpuSeconds(server.running.pid);
    const options = { program, port: server.port, names, rate: 0, seconds: Number(values.seconds), clients };
    const { answered, lost, empty } = await offer(options).figures;
    const us = ((cpuSeconds(server.running.pid) - before) * 1e6) / answered;
    const key = `${server.name} ${kind}`;
    costs.set(key, [...(costs.get(key) ?? []), us]);
    progress(`${key}: ${us.toFixed(2)} us/query, ${whole(answered)} answered, ${lost} lost, ${empty} empty`);
  };
  for (const { running } of servers) await pin(running);
  for (let round = 0; round < Number(values.rounds); round++)
    for (const kind of KINDS) for (const server of servers) await ask(server, kind);
  const rows = servers.map((server) => {
    const cells = KINDS.map((kind) => median(costs.get(`${server.name} ${kind}`) ?? []).toFixed(2));
    const { rss, pss } = memoryMib(server.running.pid);
    return [server.name, ...cells, whole(rss), whole(pss)];
  });
  console.log(textTable(['CPU us/query', 'steered names', 'static names', 'RSS MiB', 'PSS MiB'], rows));
  for (const kind of KINDS) {
    const of = (name: string): number => median(costs.get(`${name} ${kind}`) ?? []);
    console.log(`large over small, ${kind}: ${(of('isochrone') / of('isochrone, small')).toFixed(2)}`);
  }
  await Promise.all(servers.map(({ running }) => running.stop()));
}

/** All threads of the program onto the servers' core. */
async function pin(running: Running): Promise<void> {
  await Promise.all(family(running.pid).map((pid) => run(['taskset', '-apc', SERVER_CORE, `${pid}`])));
}
