import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store, StoreTopic } from '../../src/store/store.ts';

/** Bounds that a check needs smaller. */
export interface Bounds {
  readonly reportExpiryMs?: number;
  readonly batchesKept?: number;
  readonly targetsExpiryMs?: number;
  readonly healthExpiryMs?: number;
  readonly estimatesExpiryMs?: number;
  readonly invalidationsKept?: number;
}

/** Codes of the fleet that the store is opened for. */
export const POPS = ['FRA', 'AMS', 'JFK'];

/** How the suite gets at one kind of store. */
export interface StoreHarness {
  readonly name: string;
  /** Reason to skip, or false. */
  readonly skip: string | false;
  /** Two handles on one new, empty store. */
  readonly open: (options: Bounds) => Promise<[Store, Store]>;
  /** Lets so much time go by for the store. */
  readonly passMs: (ms: number) => Promise<void>;
}

/** One check of the contract, on a new store that is closed afterwards. */
export type Check = (
  what: string,
  run: (first: Store, second: Store) => Promise<void>,
  options?: Bounds,
) => void;

/** The topics that a handle is told, collected. */
export function heard(store: Store): Set<StoreTopic> {
  const topics = new Set<StoreTopic>();
  store.onChange((topic) => topics.add(topic));
  return topics;
}

/** Waits until the condition holds; fails after 10 s. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadlineMs, `within 10 s: ${what}`);
    await sleep(10);
  }
}
