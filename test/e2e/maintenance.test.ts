import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT, NAME, writeHealthCluster } from '../helpers/health-cluster.ts';
import { dig, type Program, until } from '../helpers/program.ts';
import { command, opened } from './steps.ts';

/** A window of the configuration, on a name server that has nobody but itself: no store, no controller. */

const ADDRESSES = { PA: '127.93.1.2', PB: '127.93.2.2', PC: '127.93.3.2' } as const;
/** The window's end is far off at first, then so near, ms: a start, and what is looked at, fit in. */
const FAR_MS = 600_000;
const NEAR_MS = 30_000;

test('a maintenance window drains a POP, also after a restart, and ends by itself', async (t) => {
  const open = opened(t);
  const folder = open.folder();
  const write = (endMs: number): string => {
    const to = timeText(endMs);
    const window = `maintenance: [{ pop: PA, reason: new disks, from: 2026-01-01T00:00Z, to: ${to} }]\n`;
    return writeHealthCluster(folder, { addresses: ADDRESSES, port: 1, more: window });
  };
  const config = write(Date.now() + FAR_MS);
  const state = open.folder();
  const start = () => open.program(['serve', '--config', config], { state });
  const answer = async (program: Program): Promise<string> =>
    (await dig(program.port, NAME, `+subnet=${CLIENT}`))[0] ?? 'nothing';
  const first = await start();
  assert.equal(await answer(first), ADDRESSES.PB);
  assert.match(await command(first, 'drain'), /^PA {2}drained until \S+: maintenance: new disks\n$/);
  assert.match(await command(first, 'restore', 'PA'), /PA has no drain of an operator, but is still drained/);
  assert.match(
    await command(first, 'explain', NAME, '--client', CLIENT, '--all'),
    /PA .*maintenance: new disks/,
  );
  assert.equal(await answer(first), ADDRESSES.PB);
  await first.end('SIGKILL');
  const endMs = Date.now() + NEAR_MS;
  write(endMs);
  const second = await start();
  assert.equal(await answer(second), ADDRESSES.PB, 'it starts drained');
  assert.match(await command(second, 'status'), /PA .*drained .*maintenance: new disks/);
  const back = await until(
    () => answer(second),
    (one) => one === ADDRESSES.PA,
    endMs + 5000 - Date.now(),
  );
  const lateMs = Date.now() - endMs;
  t.diagnostic(`restored ${lateMs} ms after the window's end`);
  assert.ok(back.held && lateMs > -1000 && lateMs < 2500, `${back.value}, ${lateMs} ms`);
  assert.equal(await command(second, 'drain'), 'no POP is drained\n');
});

/** A time as the configuration has it, to the second: the next one. */
function timeText(atMs: number): string {
  return new Date(Math.ceil(atMs / 1000) * 1000).toISOString().replace('.000', '');
}
