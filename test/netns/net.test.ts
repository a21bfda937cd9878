import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeNet, netnsMissing } from './net.ts';

const missing = netnsMissing();
const CONNECT = fileURLToPath(new URL('connect.ts', import.meta.url));
/** What user space, two processes and a busy machine add to a path's delay, ms. */
const EXTRA_MS = 15;

test('hosts in namespaces see the delays and losses of their paths', { skip: missing ?? false }, async () => {
  const net = await makeNet([
    { name: 'a', address: '198.18.1.10' },
    { name: 'b', address: '198.18.2.10' },
    { name: 'c', address: '198.18.3.10' },
  ]);
  try {
    const rttMs = async (from: string, to: string): Promise<number> => {
      const { out, err } = await net.run(from, process.execPath, [CONNECT, to]);
      assert.equal(err, '');
      return out.trim() === 'none' ? Number.POSITIVE_INFINITY : Number(out);
    };
    const about = async (from: string, to: string, expectedMs: number): Promise<void> => {
      const seenMs = await rttMs(from, to);
      assert.ok(seenMs >= expectedMs - 0.5, `${from} to ${to}: ${seenMs} ms`);
      assert.ok(seenMs < expectedMs + EXTRA_MS, `${from} to ${to}: ${seenMs} ms`);
    };
    await net.setPaths([
      { between: ['a', 'b'], rttMs: 20 },
      { between: ['a', 'c'], rttMs: 90 },
    ]);
    await about('a', '198.18.2.10', 20);
    await about('a', '198.18.3.77', 90);
    await about('c', '198.18.1.10', 90);
    await about('b', '198.18.3.10', 0);
    await net.setPaths([
      { between: ['a', 'b'], rttMs: 80 },
      { between: ['a', 'c'], rttMs: 90, lossRate: 1 },
    ]);
    await about('b', '198.18.1.10', 80);
    assert.equal(await rttMs('a', '198.18.3.10'), Number.POSITIVE_INFINITY);
  } finally {
    net.close();
  }
  const left = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  assert.ok(!left.includes(`isonet${process.pid}-`), left);
});
