import { setTimeout as sleep } from 'node:timers/promises';
import type { Agent, Pinger } from './agent.ts';
import type { Aim } from './pinger.ts';

/** A list to be measured once. */
export interface Campaign {
  readonly name: string;
  /** Networks, and whom to ask there. */
  readonly aims: ReadonlyMap<string, Aim>;
  /** Sends its bursts. */
  readonly pinger: Pinger;
}

/** Sends each network of the list one burst, `burstsPerSecond` of them; ends early when told to stop. */
export async function runCampaign(
  agent: Agent,
  campaign: Campaign,
  options: { readonly burstsPerSecond: number; readonly nowMs: () => number; readonly stop: AbortSignal },
): Promise<void> {
  const { burstsPerSecond, nowMs, stop } = options;
  const begunMs = performance.now();
  let sent = 0;
  for (const [network, { address, method, port }] of campaign.aims) {
    const dueMs = begunMs + (sent * 1000) / burstsPerSecond;
    const leftMs = dueMs - performance.now();
    if (leftMs > 1) await sleep(leftMs, undefined, { signal: stop }).catch(() => undefined);
    if (stop.aborted) return;
    const how = { ...(method === undefined ? {} : { method }), ...(port === undefined ? {} : { port }) };
    agent.measure({ network, address, ...how }, nowMs(), campaign.pinger);
    sent++;
  }
}
