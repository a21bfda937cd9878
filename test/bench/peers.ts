import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './chart.ts';
import { largeAsked, largeServers } from './large-peers.ts';
import { writeLargeSources } from './large-sources.ts';
import { firstAnswer } from './loads.ts';
import {
  compile,
  cpuSeconds,
  hasProgram,
  machineText,
  median,
  progress,
  type Running,
  root,
  SERVER_CORE,
  sleep,
  start,
  temporaryFolder,
} from './machine.ts';
import { type Asked, type LoadPrograms, loadOnce, MODES, type Mode } from './peer-modes.ts';
import { type PeerServer, peerServers } from './peer-servers.ts';
import { markdownTable, textTable, whole } from './report.ts';

/**
 * `npm run bench:peers`: what a query costs this server, its peers and a C echo, in one run. The servers are
 * loaded one after the other, round by round, so that what the machine does meanwhile falls on all alike;
 * each runs on one core, what loads it on another. The figure to compare is the CPU time of the server's
 * processes by the kernel's account, over the answers that came. With `--large`, the same with many zones
 * and client networks, beside the peers that read plain zones.
 */

/** What one server did in one mode; of all rounds. */
export interface PeerResult {
  readonly mode: string;
  readonly server: string;
  readonly cpuUs: readonly number[];
  readonly queriesPerSecond: readonly number[];
  /** Only where a fixed rate was offered. */
  readonly p99Us: readonly number[];
  readonly lost: number;
  readonly answered: number;
}

/** Behind the name of a server that answers the steered name, too, the same to everyone. */
const SAME_TO_ALL = ' *';
const START_WITHIN_MS = 180_000;
/** A program that cannot start is gone by then. */
const GONE_AFTER_MS = 300;

const { values } = parseArgs({
  options: {
    modes: { type: 'string', default: MODES.map(({ name }) => name).join(',') },
    peers: { type: 'string', default: 'isochrone,gdnsd,knot,nsd,pdns,bind,floor' },
    large: { type: 'boolean', default: false },
    zones: { type: 'string', default: '1000' },
    names: { type: 'string', default: '1000' },
    networks: { type: 'string', default: '1000000' },
    pops: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    out: { type: 'string', default: join(root, 'test/bench/results') },
    chart: { type: 'string' },
  },
});
/** The README's picture is of the small case. */
const CHART = values.chart ?? (values.large ? '' : join(root, 'docs/bench-peers.svg'));
await main();

async function main(): Promise<void> {
  if (process.platform !== 'linux' || !hasProgram('dnsperf') || !hasProgram('taskset')) {
    console.log('this needs Linux, dnsperf and taskset (Debian: apt install dnsperf util-linux)');
    process.exitCode = 1;
    return;
  }
  progress(machineText());
  const folder = temporaryFolder();
  const programs: LoadPrograms = {
    load: path('load', folder),
    connections: path('connections', folder),
  };
  const floor = path('floor', folder);
  const modes = MODES.filter(({ name }) => values.modes.split(',').includes(name)).filter(
    ({ program }) => program === undefined || programs[program] !== undefined,
  );
  const wanted = values.peers.split(',');
  const { servers: all, asked, questions } = values.large ? large(folder, floor) : small(folder, floor);
  const servers = all
    .filter(({ name }) => wanted.includes(name))
    .filter(({ name, program, packages }) => {
      const there = name === 'isochrone' || hasProgram(program);
      if (!there)
        progress(`${name} is not measured: ${program} is missing (Debian: apt install ${packages})`);
      return there;
    });
  const results: PeerResult[] = [];
  const up = await startAll(servers, { folder, questions });
  try {
    for (const mode of modes) results.push(...(await measureMode(mode, up, { programs, asked })));
  } finally {
    await Promise.all(up.map(({ running }) => running.stop()));
  }
  publish(modes, results);
}

/** What is measured. */
interface Case {
  readonly servers: readonly PeerServer[];
  readonly asked: Asked;
  /** Names that every server must answer before it counts as started. */
  readonly questions: readonly string[];
}

function small(folder: string, floor: string | undefined): Case {
  const one = { www: 'www.edge.test', static: 'static.edge.test' };
  const lists = { www: join(folder, 'www'), static: join(folder, 'static') };
  for (const qname of ['www', 'static'] as const) writeFileSync(lists[qname], `${one[qname]} A\n`);
  return { servers: peerServers(floor), asked: { one, lists }, questions: [`${one.static}.`] };
}

function large(folder: string, floor: string | undefined): Case {
  const [zones, namesPerZone, networks, pops, seed] = (
    ['zones', 'names', 'networks', 'pops', 'seed'] as const
  ).map((key) => Number(values[key])) as [number, number, number, number, number];
  progress(`writing ${whole(zones * namesPerZone)} names in ${zones} zones, ${whole(networks)} networks`);
  const own = join(folder, 'large');
  mkdirSync(own, { mode: 0o755 });
  const sources = writeLargeSources(own, { zones, namesPerZone, networks, pops, seed });
  return {
    servers: largeServers(sources, floor),
    asked: largeAsked(sources, folder, seed),
    questions: sources.someStatic,
  };
}

/** Where the compiled program is; says so and gives undefined if it cannot be had. */
function path(name: 'load' | 'connections' | 'floor', folder: string): string | undefined {
  const made = compile(name, folder);
  if (typeof made !== 'string') return made.path;
  progress(`${made}; what needs ${name}.c is not measured`);
  return undefined;
}

interface Up {
  readonly server: PeerServer;
  readonly running: Running;
}

/** Starts each and waits for its first answer; who does not answer is left out, with the end of its log. */
async function startAll(
  servers: readonly PeerServer[],
  { folder, questions }: Pick<Case, 'questions'> & { readonly folder: string },
): Promise<Up[]> {
  const up: Up[] = [];
  const asks = questions.map((name) => ({ name, type: 'A', edns: 1232 }));
  for (const [index, server] of servers.entries()) {
    const own = join(folder, `${index}-${server.name}`);
    mkdirSync(own, { mode: 0o755 });
    const running = start(server.prepare(own), { core: SERVER_CORE, log: join(own, 'log') });
    const options = { withinMs: START_WITHIN_MS, gaveUp: running.ended };
    // The echo answers no question; it listens at once, or it has ended.
    const echo = server.name === 'floor';
    if (echo) await sleep(GONE_AFTER_MS);
    const ms = echo ? 0 : await firstAnswer(server.port, asks, options);
    if (ms !== undefined && !running.ended()) {
      up.push({ server, running });
      if (!echo) progress(`${server.name} answers after ${whole(ms)} ms`);
    } else {
      progress(
        `${server.name} does not answer and is left out (is port ${server.port} free?): ` +
          running.output().slice(-600),
      );
      await running.stop();
    }
  }
  return up;
}

async function measureMode(
  mode: Mode,
  up: readonly Up[],
  load: { readonly programs: LoadPrograms; readonly asked: Asked },
): Promise<PeerResult[]> {
  const rounds = Number(values.rounds);
  const taking = up.filter(({ server }) => server.transports.includes(mode.transport));
  const results = taking.map(({ server: { name, steers } }) => ({
    mode: mode.name,
    server: mode.qname === 'www' && !steers && name !== 'floor' ? `${name}${SAME_TO_ALL}` : name,
    cpuUs: [] as number[],
    queriesPerSecond: [] as number[],
    p99Us: [] as number[],
    lost: 0,
    answered: 0,
  }));
  for (let round = 1; round <= rounds; round++)
    for (const [index, one] of taking.entries()) {
      const result = results[index];
      if (result === undefined) continue;
      const before = cpuSeconds(one.running.pid);
      const seconds = Number(values.seconds);
      const { figures, p99Us } = await loadOnce({ ...load, mode, port: one.server.port, seconds });
      const cpu = cpuSeconds(one.running.pid) - before;
      const { answered, lost, good } = figures;
      if (one.running.ended() || answered === 0) {
        progress(`${mode.name} round ${round}/${rounds}  ${one.server.name} has ended, or answers nothing`);
        continue;
      }
      // The echo repeats the query's own rcode, which is NOERROR too.
      if (good < answered * 0.99)
        progress(`${one.server.name}: only ${good} of ${answered} answers are NOERROR`);
      result.cpuUs.push((cpu * 1e6) / answered);
      result.queriesPerSecond.push(answered / figures.seconds);
      if (p99Us !== undefined) result.p99Us.push(p99Us);
      result.lost += lost;
      result.answered += answered;
      const latency = p99Us === undefined ? '' : `, p99 ${whole(p99Us)} us`;
      const cost = ((cpu * 1e6) / answered).toFixed(2);
      progress(
        `${mode.name} round ${round}/${rounds}  ${one.server.name.padEnd(9)} ${cost} us/query${latency}`,
      );
    }
  return results;
}

function publish(modes: readonly Mode[], results: readonly PeerResult[]): void {
  const lines = [`${machineText()}; one core for the server, one for the load; ${values.rounds} rounds of`];
  lines.push(`${values.seconds} s, interleaved; CPU time by the kernel's account; * does not steer.`);
  const text: string[] = [...lines, ''];
  const pages: string[] = [...lines, ''];
  for (const { name, title, rate } of modes) {
    const table = tableOf(
      results.filter(({ mode }) => mode === name),
      rate !== undefined,
    );
    text.push(title, textTable(table.head, table.rows), '');
    pages.push(`**${title}**`, '', markdownTable(table.head, table.rows), '');
  }
  console.log(text.join('\n'));
  mkdirSync(values.out, { recursive: true });
  const stamp = { machine: machineText(), rounds: Number(values.rounds), seconds: Number(values.seconds) };
  const file = values.large ? 'peers-large' : 'peers';
  writeFileSync(join(values.out, `${file}.json`), `${JSON.stringify({ ...stamp, results }, undefined, 1)}\n`);
  writeFileSync(join(values.out, `${file}.md`), pages.join('\n'));
  const bars = modes.filter(({ rate }) => rate === undefined);
  const groups = bars.map(({ name, title }) => ({
    title,
    bars: results
      .filter(({ mode, cpuUs }) => mode === name && cpuUs.length > 0)
      .map(({ server, cpuUs }) => ({ label: server, value: median(cpuUs) }))
      .toSorted((a, b) => a.value - b.value),
  }));
  if (CHART !== '' && groups.length > 0)
    writeFileSync(
      CHART,
      chart({
        title: 'CPU time of one query',
        unit: `microseconds; shorter is better;${SAME_TO_ALL} does not steer: the same answer to everyone`,
        groups,
      }),
    );
}

function tableOf(results: readonly PeerResult[], withLatency: boolean) {
  const floor = median(results.find(({ server }) => server === 'floor')?.cpuUs ?? []);
  const latency = withLatency ? ['p99 us'] : [];
  const head = ['server', 'CPU us/query', 'min..max', 'x floor', 'queries/s', ...latency, 'lost'];
  const isMeasured = ({ cpuUs }: PeerResult): boolean => cpuUs.length > 0;
  const silent = results.filter((one) => !isMeasured(one));
  const rows = results
    .filter(isMeasured)
    .toSorted((a, b) => median(a.cpuUs) - median(b.cpuUs))
    .map(({ server, cpuUs, queriesPerSecond, p99Us, lost }) => [
      server,
      median(cpuUs).toFixed(2),
      `${Math.min(...cpuUs).toFixed(2)}..${Math.max(...cpuUs).toFixed(2)}`,
      Number.isNaN(floor) ? '-' : (median(cpuUs) / floor).toFixed(2),
      whole(median(queriesPerSecond)),
      ...(withLatency ? [whole(median(p99Us))] : []),
      whole(lost),
    ]);
  rows.push(...silent.map(({ server }) => [server, ...head.slice(1).map(() => '-')]));
  return { head, rows };
}
