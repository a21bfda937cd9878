import { TARGETS_MAX } from './bounds.ts';
import { isMeasureMethod, isNumber, isText, parseJson } from './read-json.ts';
import type { Target } from './store.ts';

const TARGETS_VERSION = 1;
const PORT_MAX = 65_535;

/**
 * A list of networks to measure, as `[1, [network, …]]`; a network with more to say than itself is
 * `[network, method or null, address or null, port or null]`.
 */
export function encodeTargets(targets: readonly Target[]): string {
  const list = targets.map(({ network, method, address, port }) => {
    if (method === undefined && address === undefined && port === undefined) return network;
    return [network, method ?? null, address ?? null, port ?? null];
  });
  return JSON.stringify([TARGETS_VERSION, list]);
}

/** Reads what `encodeTargets` wrote; undefined for anything else. */
export function decodeTargets(text: string): Target[] | undefined {
  const value = parseJson(text);
  if (!Array.isArray(value) || value[0] !== TARGETS_VERSION) return undefined;
  const list: unknown = value[1];
  if (!Array.isArray(list) || list.length > TARGETS_MAX) return undefined;
  const targets: Target[] = [];
  for (const item of list) {
    const target = decodeTarget(item);
    if (target === undefined) return undefined;
    targets.push(target);
  }
  return targets;
}

function decodeTarget(item: unknown): Target | undefined {
  if (isText(item)) return { network: item };
  if (!Array.isArray(item)) return undefined;
  const [network, method, address, port] = item;
  if (!isText(network) || !(method === null || isMeasureMethod(method))) return undefined;
  if (!(address === null || isText(address)) || !(port === null || isNumber(port, 1, PORT_MAX)))
    return undefined;
  return {
    network,
    ...(method === null ? {} : { method }),
    ...(address === null ? {} : { address }),
    ...(port === null ? {} : { port }),
  };
}
