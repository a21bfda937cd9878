import { assert } from '../base/assert.ts';
import { DEMAND_ENTRIES_MAX, REPORT_EXPIRY_MS, TARGETS_EXPIRY_MS, TARGETS_MAX } from './bounds.ts';
import { decodeDemand, decodeReport, encodeDemand } from './codec.ts';
import { decodeTargets, encodeTargets } from './codec-targets.ts';
import { sumDemand } from './demand.ts';
import { nudge, type RedisContext, readTexts } from './redis-context.ts';
import { fencedScript, writeFenced } from './redis-lease.ts';
import type { Demand, PopReport, Store } from './store.ts';

const REPORTS_PER_CALL = 512;
/** Lists are long: a reply is to stay under some megabytes. */
const LISTS_PER_CALL = 16;

const TARGETS_SCRIPT = fencedScript(`
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 2], 'PX', ARGV[2]) end
redis.call('PUBLISH', ARGV[3], 'targets')
return 1`);

/** What a POP says and is told, each in a key of its own that expires by itself. */
export function createRedisPops(
  context: RedisContext,
  bounds: { readonly reportExpiryMs?: number; readonly targetsExpiryMs?: number },
): Pick<Store, 'putReport' | 'reports' | 'putDemand' | 'demand' | 'putTargets' | 'takeTargets'> {
  const { connection, key } = context;
  const { reportExpiryMs = REPORT_EXPIRY_MS, targetsExpiryMs = TARGETS_EXPIRY_MS } = bounds;
  const verdicts = new Map<string, boolean>();
  return {
    putReport: async (report, isNews = false) => {
      const { pop, healthy } = report;
      const topic = (verdicts.get(pop) ?? true) !== healthy ? 'reports' : isNews ? 'news' : undefined;
      await connection.call((redis) =>
        Promise.all([
          redis.set(key(`report:${pop}`), JSON.stringify(report), 'PX', reportExpiryMs),
          ...(topic === undefined ? [] : [nudge(context, redis, topic)]),
        ]),
      );
      verdicts.set(pop, healthy);
    },
    reports: () =>
      readOfPops(context, {
        name: 'report',
        perCall: REPORTS_PER_CALL,
        decode: (text, pop): PopReport | undefined => {
          const report = decodeReport(text);
          return report?.pop === pop ? report : undefined;
        },
      }),
    putDemand: async (pop, demand) => {
      assert(demand.length <= DEMAND_ENTRIES_MAX, `at most ${DEMAND_ENTRIES_MAX} entries of demand`);
      await connection.call((redis) =>
        redis.set(key(`demand:${pop}`), encodeDemand(demand), 'PX', reportExpiryMs),
      );
    },
    demand: async () => {
      const decode = (text: string): Demand[] | undefined => decodeDemand(text);
      return sumDemand(await readOfPops(context, { name: 'demand', perCall: LISTS_PER_CALL, decode }));
    },
    putTargets: async (lists, fence) => {
      for (const { length } of lists.values())
        assert(length <= TARGETS_MAX, `at most ${TARGETS_MAX} targets of a POP`);
      await writeFenced(context, {
        script: TARGETS_SCRIPT,
        keys: Array.from(lists.keys(), (pop) => key(`targets:${pop}`)),
        arguments: [
          targetsExpiryMs,
          context.channel('targets'),
          ...Array.from(lists.values(), encodeTargets),
        ],
        fence,
      });
    },
    takeTargets: async (pop) => {
      const text = await connection.call((redis) => redis.getdel(key(`targets:${pop}`)));
      const targets = text === null ? [] : decodeTargets(text);
      if (targets === undefined) connection.noteDamaged();
      return targets ?? [];
    },
  };
}

/** What `decode` understands of the keys `name:POP`. */
export async function readOfPops<T>(
  context: RedisContext,
  what: {
    readonly name: string;
    readonly perCall: number;
    readonly decode: (text: string, pop: string) => T | undefined;
  },
): Promise<T[]> {
  const pops = context.pops();
  const keys = pops.map((pop) => context.key(`${what.name}:${pop}`));
  const values: T[] = [];
  for (const [i, text] of (await readTexts(context, keys, what.perCall)).entries()) {
    if (text === null) continue;
    const value = what.decode(text, pops[i] ?? '');
    if (value === undefined) context.connection.noteDamaged();
    else values.push(value);
  }
  return values;
}
