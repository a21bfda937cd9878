import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DataServer, startDataServer } from './data-client.ts';
import { dnsperf, type LoadFigures, offer } from './loads.ts';
import { progress, SERVER_CORE } from './machine.ts';
import { textTable, whole } from './report.ts';
import type { Stand } from './stand.ts';

const RATE = 100_000;
/** One query in so many goes over TCP. */
const TCP_SHARE = 10;
/** Loads are cut into pieces of so many seconds, for the sake of progress. */
const PIECE_SECONDS = 15;
const TCP_PIECE_SECONDS = 4;
const WARM_SECONDS = 5;
/** As V8 writes it: the heap, octets in use before and after in MiB, and why. */
const COLLECTION =
  /^\[\d+:(0x[0-9a-f]+)\].*: (?:Scavenge|Mark-Compact)[^\d]*([\d.]+) \([\d.]+\) -> ([\d.]+) .*$/gm;

/** One part of the queries. */
interface Phase {
  readonly what: string;
  answered: number;
  lost: number;
  /** Of the thread that answers, octets in use. */
  readonly heapBefore: number;
  heapAfter: number;
  /** How long V8's trace was before and after. */
  readonly traceFrom: number;
  traceTo: number;
}

/** What answering leaves on the heap of the thread that answers, and how often that is collected. */
export async function measureHeap(stand: Stand): Promise<string> {
  const { config, state, port, load: program, names, queries, folder } = stand;
  const log = join(folder, 'trace-gc');
  const file = openSync(log, 'a');
  const options = { cores: SERVER_CORE, nodeFlags: ['--trace-gc'], stdout: file };
  const server = await startDataServer({ config, state, port, workers: 1 }, options);
  closeSync(file);
  const overUdp = (seconds: number): Promise<LoadFigures> =>
    offer({ program, port, names, rate: RATE, clients: '4', seconds }).figures;
  const overTcp = (seconds: number): Promise<LoadFigures> =>
    dnsperf({ transport: 'tcp', port, names, seconds });
  progress(`${2 * WARM_SECONDS} s to warm up`);
  await overUdp(WARM_SECONDS);
  await overTcp(WARM_SECONDS);
  const phase = phaseRunner(server, log);
  const share = queries / TCP_SHARE;
  const phases = [
    await phase('UDP', queries - share, (left) => overUdp(Math.max(1, Math.min(PIECE_SECONDS, left / RATE)))),
    await phase('TCP', share, () => overTcp(TCP_PIECE_SECONDS)),
  ];
  const { rss } = await server.order({ kind: 'stats' }, 'stats');
  await server.order({ kind: 'snapshot' }, 'snapshot');
  await server.stop();
  const trace = readFileSync(log, 'utf8');
  const heap = [...trace.matchAll(COLLECTION)].find(([line]) => line.includes('heap profiler'))?.[1];
  const rows = phases.map((one) => row(one, trace.slice(one.traceFrom, one.traceTo), heap));
  const head = ['thread that answers', 'answered', 'lost', 'heap KiB before', 'after', 'collections'];
  return (
    `Garbage of answering, ${whole(RATE)} queries/s over UDP, as fast as it goes over TCP:\n` +
    `${textTable([...head, 'of other threads', 'octets allocated a query'], rows)}\n` +
    `Resident memory at the end: ${whole(rss / 2 ** 20)} MiB`
  );
}

function phaseRunner(server: DataServer, log: string) {
  const heap = async (): Promise<number> => {
    const { threads } = await server.order({ kind: 'stats' }, 'stats');
    return threads.find(({ answers }) => answers)?.heap ?? Number.NaN;
  };
  const traced = (): number => readFileSync(log, 'utf8').length;
  return async (
    what: string,
    queries: number,
    load: (left: number) => Promise<LoadFigures>,
  ): Promise<Phase> => {
    const heapBefore = await heap();
    const traceFrom = traced();
    const phase: Phase = { what, answered: 0, lost: 0, heapBefore, heapAfter: 0, traceFrom, traceTo: 0 };
    while (phase.answered < queries) {
      const { answered, lost } = await load(queries - phase.answered);
      if (answered === 0) throw new Error('no answers');
      phase.answered += answered;
      phase.lost += lost;
      progress(`${what}: ${whole(phase.answered)} answered`);
    }
    phase.heapAfter = await heap();
    phase.traceTo = traced();
    return phase;
  };
}

function row(phase: Phase, trace: string, heap: string | undefined): string[] {
  const { what, answered, lost, heapBefore, heapAfter } = phase;
  const all = [...trace.matchAll(COLLECTION)];
  const own = all.filter(([, isolate]) => isolate === heap);
  const freedMib = own.reduce((sum, [, , before, after]) => sum + Number(before) - Number(after), 0);
  const allocated = heapAfter - heapBefore + freedMib * 2 ** 20;
  return [
    what,
    whole(answered),
    whole(lost),
    ...[heapBefore, heapAfter].map((octets) => whole(octets / 1024)),
    `${own.length}`,
    `${all.length - own.length}`,
    (allocated / answered).toFixed(3),
  ];
}
