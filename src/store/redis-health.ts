import { assert } from '../base/assert.ts';
import { HEALTH_EXPIRY_MS, HEALTH_VIEWS_MAX } from './bounds.ts';
import { decodeHealth, encodeHealth } from './codec-health.ts';
import { nudge, type RedisContext } from './redis-context.ts';
import { putAgedField, readAgedFields } from './redis-hash.ts';
import { readOfPops } from './redis-pops.ts';
import type { HealthView, Store } from './store.ts';

const VIEWS_PER_CALL = 128;
const AGENT = 'agent:';

/**
 * What the probers see: of each POP's agent in a key of its own (its user may write that one and no other),
 * of all others, the name servers, in one hash.
 */
export function createRedisHealth(
  context: RedisContext,
  expiryMs = HEALTH_EXPIRY_MS,
): Pick<Store, 'putHealth' | 'healthViews'> {
  const { connection, key } = context;
  const others = { key: key('health'), expiryMs };
  const decodeAgent = (text: string, pop: string): HealthView | undefined => {
    const view = decodeHealth(text);
    return view?.prober === `${AGENT}${pop}` ? view : undefined;
  };
  return {
    putHealth: async (view, isChange) => {
      const { prober, views } = view;
      assert(views.length <= HEALTH_VIEWS_MAX, `at most ${HEALTH_VIEWS_MAX} POPs in a view`);
      const text = encodeHealth(view);
      await connection.call((redis) =>
        Promise.all([
          prober.startsWith(AGENT)
            ? redis.set(key(`health:${prober}`), text, 'PX', expiryMs)
            : putAgedField(redis, others, { field: prober, text }),
          ...(isChange ? [nudge(context, redis, 'health')] : []),
        ]),
      );
    },
    healthViews: async () => {
      const [ofAgents, ofOthers] = await Promise.all([
        readOfPops(context, { name: 'health:agent', perCall: VIEWS_PER_CALL, decode: decodeAgent }),
        readAgedFields(connection, others, decodeHealth),
      ]);
      return [...ofAgents, ...ofOthers.filter(({ prober }) => !prober.startsWith(AGENT))];
    },
  };
}
