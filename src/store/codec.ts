import type { Invalidation } from './invalidations.ts';
import {
  isMeasureMethod,
  isNumber,
  isOptional,
  isRecord,
  isSource,
  isText,
  parseJson,
  RATE_MAX,
  RTT_MAX_MS,
  TIME_MAX_MS,
  thousandths,
} from './read-json.ts';
import type { Demand, LinkReport, ModelChange, Override, PopReport, Sample, SampleBatch } from './store.ts';

/**
 * How values are written in Redis: JSON, because its parser is the fastest that Node has and `redis-cli` can
 * show it. Every reader checks all of what it reads: other versions and other programs write there too. A
 * reader returns undefined for what it cannot understand; fields it does not know are left out.
 */

/** Version of the sample batch's form; a reader skips others. */
const BATCH_VERSION = 1;
const COUNT_MAX = 1_000_000;
const LINKS_MAX = 64;

/**
 * A batch as `[1, pop, atMs, "modelled" or "measured", [[network, rttMs or null, sent, lost], …]]`, with the
 * jitter (or null) as a fifth member of a sample where it is told, and the method as a sixth.
 */
export function encodeBatch(batch: SampleBatch): string {
  const samples = batch.samples.map(({ network, rttMs, jitterMs, sent, lost, method }) => {
    const entry = [network, rttMs === undefined ? null : thousandths(rttMs), sent, lost];
    const jitter = jitterMs === undefined ? null : thousandths(jitterMs);
    if (method !== undefined) return [...entry, jitter, method];
    return jitter === null ? entry : [...entry, jitter];
  });
  return JSON.stringify([BATCH_VERSION, batch.pop, batch.atMs, batch.source, samples]);
}

/** Reads what `encodeBatch` wrote. One bad sample spoils its batch: the writer is not to be trusted then. */
export function decodeBatch(text: string): SampleBatch | undefined {
  const value = parseJson(text);
  if (!Array.isArray(value) || value[0] !== BATCH_VERSION) return undefined;
  const [, pop, atMs, source, list] = value;
  if (!isText(pop) || !isNumber(atMs, 0, TIME_MAX_MS) || !isSource(source) || !Array.isArray(list))
    return undefined;
  const samples: Sample[] = [];
  for (const item of list) {
    const sample = decodeSample(item);
    if (sample === undefined) return undefined;
    samples.push(sample);
  }
  return { pop, atMs, source, samples };
}

/** Reads a POP's report. */
export function decodeReport(text: string): PopReport | undefined {
  const value = parseJson(text);
  if (!isRecord(value)) return undefined;
  const { pop, atMs, source, loadRps, capacityRps, healthy, links: list } = value;
  if (!isText(pop) || !isNumber(atMs, 0, TIME_MAX_MS) || !isSource(source)) return undefined;
  if (!isNumber(loadRps, 0, RATE_MAX) || !isNumber(capacityRps, 0, RATE_MAX) || typeof healthy !== 'boolean')
    return undefined;
  if (!Array.isArray(list) || list.length > LINKS_MAX) return undefined;
  const links: LinkReport[] = [];
  for (const item of list) {
    const link = readLink(item);
    if (link === undefined) return undefined;
    links.push(link);
  }
  return { pop, atMs, source, loadRps, capacityRps, healthy, ...readOptional(value), links };
}

/** What a report need not say; what is said wrongly is left out. */
function readOptional(value: Record<string, unknown>): Partial<PopReport> {
  const { steeredRps, expectedRps, cpu, connections, drain } = value;
  return {
    ...(isNumber(steeredRps, 0, RATE_MAX) ? { steeredRps } : {}),
    ...(isNumber(expectedRps, 0, RATE_MAX) ? { expectedRps } : {}),
    ...(isNumber(cpu, 0, 1) ? { cpu } : {}),
    ...(isNumber(connections, 0, RATE_MAX) ? { connections } : {}),
    ...(isText(drain) ? { drain } : {}),
  };
}

/** A demand list as `[[network, rps], …]`, with the service as a third member where it is known. */
export function encodeDemand(demand: readonly Demand[]): string {
  return JSON.stringify(
    demand.map(({ network, rps, service }) => {
      const entry = [network, Math.round(rps * 1000) / 1000];
      return service === undefined ? entry : [...entry, service];
    }),
  );
}

/** Reads what `encodeDemand` wrote. */
export function decodeDemand(text: string): Demand[] | undefined {
  const value = parseJson(text);
  if (!Array.isArray(value)) return undefined;
  const demand: Demand[] = [];
  for (const item of value) {
    if (!Array.isArray(item)) return undefined;
    const [network, rps, service] = item;
    if (!isText(network) || !isNumber(rps, 0, RATE_MAX)) return undefined;
    if (service !== undefined && !isText(service)) return undefined;
    demand.push(service === undefined ? { network, rps } : { network, rps, service });
  }
  return demand;
}

/** Reads an operator's override. */
export function decodeOverride(text: string): Override | undefined {
  const value = parseJson(text);
  if (!isRecord(value)) return undefined;
  const { pop, state, reason, sinceMs, untilMs } = value;
  if (!isText(pop) || state !== 'drain' || typeof reason !== 'string') return undefined;
  if (!isNumber(sinceMs, 0, TIME_MAX_MS)) return undefined;
  if (untilMs === undefined) return { pop, state, reason, sinceMs };
  return isNumber(untilMs, 0, TIME_MAX_MS) ? { pop, state, reason, sinceMs, untilMs } : undefined;
}

/** Reads an invalidation. */
export function decodeInvalidation(text: string): Invalidation | undefined {
  const value = parseJson(text);
  if (!isRecord(value)) return undefined;
  const { pattern, distribution } = value;
  if (typeof pattern !== 'string' || !/^\/[\x21-\x7e]{0,2047}$/.test(pattern)) return undefined;
  if (distribution === undefined) return { pattern };
  return isText(distribution) ? { pattern, distribution } : undefined;
}

/** Reads a change of the modelled internet. */
export function decodeModelChange(text: string): ModelChange | undefined {
  const value = parseJson(text);
  if (!isRecord(value)) return undefined;
  const { pop, rttMs, lossRate, congestion, link, load, outage } = value;
  if (!isText(pop)) return undefined;
  if (!isOptional(rttMs, 0, RTT_MAX_MS) || !isOptional(lossRate, 0, 1)) return undefined;
  if (!isOptional(congestion, 0, 100) || !isOptional(load, 0, 100)) return undefined;
  if (link !== undefined && !isText(link)) return undefined;
  if (outage !== undefined && typeof outage !== 'boolean') return undefined;
  return {
    pop,
    ...(rttMs === undefined ? {} : { rttMs }),
    ...(lossRate === undefined ? {} : { lossRate }),
    ...(congestion === undefined ? {} : { congestion }),
    ...(link === undefined ? {} : { link }),
    ...(load === undefined ? {} : { load }),
    ...(outage === undefined ? {} : { outage }),
  };
}

function decodeSample(item: unknown): Sample | undefined {
  if (!Array.isArray(item)) return undefined;
  const [network, rttMs, sent, lost, jitterMs = null, method] = item;
  if (!isText(network) || !isNumber(sent, 1, COUNT_MAX) || !isNumber(lost, 0, sent)) return undefined;
  if (jitterMs !== null && !isNumber(jitterMs, 0, RTT_MAX_MS)) return undefined;
  if (method !== undefined && !isMeasureMethod(method)) return undefined;
  const how = method === undefined ? {} : { method };
  if (rttMs === null) return { network, sent, lost, ...how };
  if (!isNumber(rttMs, 0, RTT_MAX_MS)) return undefined;
  return { network, rttMs, ...(jitterMs === null ? {} : { jitterMs }), sent, lost, ...how };
}

function readLink(value: unknown): LinkReport | undefined {
  if (!isRecord(value)) return undefined;
  const { id, throughputMbps, capacityMbps, queueMs, lossRate } = value;
  if (!isText(id) || !isNumber(throughputMbps, 0, RATE_MAX) || !isNumber(capacityMbps, 0, RATE_MAX))
    return undefined;
  if (!isNumber(queueMs, 0, RTT_MAX_MS) || !isNumber(lossRate, 0, 1)) return undefined;
  return { id, throughputMbps, capacityMbps, queueMs, lossRate };
}
