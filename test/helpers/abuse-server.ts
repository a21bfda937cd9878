import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { cookieWords, setCookieSecrets, setCookieTime } from '../../src/answer/cookies.ts';
import { type NameServerOptions, startNameServer } from '../../src/server/supervisor.ts';
import { loadEdge } from './edge.ts';

/** A name server of one thread for test/bench/edge.yaml, with cookies. */
export async function startServer(context: TestContext, options: Partial<NameServerOptions>) {
  const { data, image } = loadEdge();
  const cookies = cookieWords();
  setCookieTime(cookies, Math.floor(Date.now() / 1000));
  setCookieSecrets(cookies, [new Uint8Array(16).fill(3)]);
  const server = await startNameServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    data: { ...data, cookies },
    image,
    workers: 1,
    ...options,
  });
  context.after(() => server.close());
  const [address] = server.addresses;
  assert.ok(address);
  const count = (name: string, ...labels: string[]): number =>
    server
      .counters()
      .families.find((family) => family.name === name)
      ?.samples.filter(({ values }) => labels.every((label) => values.includes(label)))
      .reduce((sum, { value }) => sum + value, 0) ?? 0;
  return { server, address, count };
}

/** The value below which this share of the numbers lies. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
