import type { TestContext } from 'node:test';
import { buildRowMap } from '../../src/answer/row-map.ts';
import { accessList, parseAccessRule } from '../../src/base/access-list.ts';
import { counterBlock, readCounters } from '../../src/base/counters.ts';
import { countingHandler, createAnswering } from '../../src/server/answering.ts';
import { openCounters, serverLayout } from '../../src/server/counters.ts';
import { deathsBlock } from '../../src/server/deaths-block.ts';
import { demandWords, openDemand } from '../../src/server/demand-table.ts';
import {
  freeTcpPorts,
  openSecureListeners,
  type SecureListeners,
  type SecureOptions,
} from '../../src/server/secure-listeners.ts';
import { TCP_LIMITS, type TcpLimits } from '../../src/server/tcp-limits.ts';
import { TICKET_KEYS_OCTETS } from '../../src/server/tls.ts';
import { openImage } from '../../src/steering/image.ts';
import { type TestAuthority, testAuthority } from './certificates.ts';
import { loadEdge } from './edge.ts';

/** Listeners for TLS and HTTPS that answer for `edge.test`. */
export interface SecureStage {
  readonly listeners: SecureListeners;
  readonly authority: TestAuthority;
  readonly credentials: SecureOptions['credentials'];
  readonly dotPort: number;
  readonly dohPort: number;
  /** Sum of the samples of a counter that have all of these labels. */
  readonly count: (name: string, ...labels: readonly string[]) => number;
  /** Opens the same once more, as another thread does. */
  readonly openAgain: () => Promise<SecureListeners>;
}

const { data, image } = loadEdge();
const layout = serverLayout([]);

/** Opens them on free ports of 127.0.0.1. `proxy`: who must say for whom they ask. */
export async function startSecure(
  context: TestContext,
  limits: Partial<TcpLimits> = {},
  proxy?: string,
): Promise<SecureStage> {
  const authority = testAuthority(context);
  const block = counterBlock(layout);
  const counters = openCounters(layout, block);
  const answering = createAnswering(data);
  const steering = openImage(image, { fleetDigest: data.fleet.digest, placesDigest: data.placesDigest });
  if (typeof steering === 'string') throw new Error(steering);
  answering.setTable(image, buildRowMap(answering.clients(), steering));
  const listen = { host: '127.0.0.1', port: 0 };
  const [dot, doh] = await freeTcpPorts([listen, listen]);
  if (dot === undefined || doh === undefined) throw new Error('no ports');
  const credentials = { ...authority.issue(), ticketKeys: new Uint8Array(TICKET_KEYS_OCTETS).fill(7) };
  const open = async (): Promise<SecureListeners> => {
    const listeners = await openSecureListeners({
      handle: countingHandler(answering, {
        counters,
        demand: openDemand(demandWords()),
        deaths: deathsBlock(),
      }),
      counters,
      limits: { ...TCP_LIMITS, ...limits },
      proxies: proxy === undefined ? undefined : accessList([ruleOf(proxy)]),
      dot: [dot],
      doh: [doh],
      path: '/dns-query',
      credentials,
      outcome: answering.context.outcome,
    });
    context.after(() => listeners.close());
    return listeners;
  };
  const count = (name: string, ...labels: readonly string[]): number =>
    readCounters(layout, [block])
      .families.find((family) => family.name === name)
      ?.samples.filter(({ values }) => labels.every((label) => values.includes(label)))
      .reduce((sum, { value }) => sum + value, 0) ?? 0;
  const ports = { dotPort: dot.port, dohPort: doh.port };
  return { listeners: await open(), authority, credentials, ...ports, count, openAgain: open };
}

function ruleOf(text: string) {
  const rule = parseAccessRule(text);
  if (typeof rule === 'string') throw new Error(rule);
  return rule;
}
