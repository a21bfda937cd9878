import { readFileSync } from 'node:fs';
import {
  type CounterBlock,
  type CounterLayout,
  type FamilySnapshot,
  readByWorker,
} from '../base/counters.ts';
import type { IoMode } from './supervisor-io.ts';
import type { Crew } from './supervisor-state.ts';
import { WORD } from './worker-memory.ts';

/** What the supervisor itself counts. */
export function crewFamilies(crew: Crew, mode: IoMode): FamilySnapshot[] {
  const { slots, standingBy, restarts, imagesRefused } = crew;
  const serving = slots.filter((slot) => slot.serving).length;
  const { deaths } = crew.options;
  return [
    single('isochrone_dns_workers', 'gauge', serving, 'Threads that are answering.'),
    single(
      'isochrone_dns_workers_standing_by',
      'gauge',
      standingBy,
      'Threads ready to take the place of a dead one.',
    ),
    single(
      'isochrone_dns_worker_restarts_total',
      'counter',
      restarts,
      'Threads put in the place of dead ones.',
    ),
    single(
      'isochrone_dns_images_refused_total',
      'counter',
      imagesRefused,
      'Images that a thread refused, and tables that were not built.',
    ),
    single(
      'isochrone_dns_banned_queries',
      'gauge',
      deaths.banned(),
      'Queries of death that are dropped now.',
    ),
    single(
      'isochrone_dns_drop_list_prefixes',
      'gauge',
      crew.data.drops?.prefixes ?? 0,
      'Prefixes whose queries are dropped.',
    ),
    {
      name: 'isochrone_dns_io',
      help: '1 for how the sockets are read: native (batched system calls) or portable (node:dgram).',
      kind: 'gauge',
      labels: ['kind'],
      samples: [{ values: [mode.kind], value: 1 }],
    },
  ];
}

function single(name: string, kind: 'counter' | 'gauge', value: number, help: string): FamilySnapshot {
  return { name, help, kind, labels: [], samples: [{ values: [], value }] };
}

/** Reads the load of each worker. The label has as many values as there are workers. */
export function createLoadReader(
  crew: Crew,
  blocks: readonly CounterBlock[],
): (layout: CounterLayout) => FamilySnapshot[] {
  const seen = crew.slots.map(() => ({ thread: 0, seconds: 0, before: 0 }));
  return (layout) => {
    for (const { index, words } of crew.slots) {
      const own = seen[index];
      const thread = Atomics.load(words, WORD.THREAD_ID);
      if (own === undefined || thread === 0) continue;
      // A successor begins at zero; the sum goes on rising.
      if (own.thread !== thread) Object.assign(own, { thread, before: own.before + own.seconds, seconds: 0 });
      own.seconds = threadCpuSeconds(thread) ?? own.seconds;
    }
    return [
      readByWorker(layout, blocks, {
        of: 'isochrone_dns_queries_total',
        name: 'isochrone_dns_worker_queries_total',
        help: 'Queries answered, by worker.',
      }),
      readByWorker(layout, blocks, {
        of: 'isochrone_dns_batch_datagrams',
        name: 'isochrone_dns_worker_batches_total',
        help: 'Batches of datagrams received, by worker.',
      }),
      {
        name: 'isochrone_dns_worker_cpu_seconds_total',
        help: 'Processor time of the serving threads, by worker; 0 where the system does not tell.',
        kind: 'counter',
        labels: ['worker'],
        samples: seen.map(({ before, seconds }, i) => ({ values: [String(i)], value: before + seconds })),
      },
    ];
  };
}

/** Ticks a second of the times in /proc: 100 on every architecture that Node runs on (proc(5), USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system time of a thread of this process; undefined where there is no such thread or no /proc. */
function threadCpuSeconds(thread: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
    // After the name, which may hold anything and ends with the last parenthesis: field 3 on.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return undefined;
  }
}
