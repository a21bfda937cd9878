import { HEALTH_VIEWS_MAX } from './bounds.ts';
import { isNumber, isText, parseJson, RTT_MAX_MS, TIME_MAX_MS, thousandths } from './read-json.ts';
import type { HealthView, PopView } from './store.ts';

const HEALTH_VERSION = 1;
const WHY_MAX = 256;

/** What a prober sees, as `[1, prober, atMs, [[pop, 1 for up or 0, rttMs or null, why], …]]`. */
export function encodeHealth({ prober, atMs, views }: HealthView): string {
  const list = views.map(({ pop, state, why, rttMs }) => {
    const entry = [pop, state === 'up' ? 1 : 0, rttMs === undefined ? null : thousandths(rttMs)];
    return why === '' ? entry : [...entry, why.slice(0, WHY_MAX)];
  });
  return JSON.stringify([HEALTH_VERSION, prober, atMs, list]);
}

/** Reads what `encodeHealth` wrote; undefined for anything else. */
export function decodeHealth(text: string): HealthView | undefined {
  const value = parseJson(text);
  if (!Array.isArray(value) || value[0] !== HEALTH_VERSION) return undefined;
  const [, prober, atMs, list] = value;
  if (!isText(prober) || !isNumber(atMs, 0, TIME_MAX_MS)) return undefined;
  if (!Array.isArray(list) || list.length > HEALTH_VIEWS_MAX) return undefined;
  const views: PopView[] = [];
  for (const item of list) {
    const view = decodeView(item);
    if (view === undefined) return undefined;
    views.push(view);
  }
  return { prober, atMs, views };
}

function decodeView(item: unknown): PopView | undefined {
  if (!Array.isArray(item)) return undefined;
  const [pop, isUp, rttMs, why = ''] = item;
  if (!isText(pop) || (isUp !== 0 && isUp !== 1)) return undefined;
  if (rttMs !== null && !isNumber(rttMs, 0, RTT_MAX_MS)) return undefined;
  if (typeof why !== 'string' || why.length > WHY_MAX) return undefined;
  return { pop, state: isUp === 1 ? 'up' : 'down', why, ...(rttMs === null ? {} : { rttMs }) };
}
