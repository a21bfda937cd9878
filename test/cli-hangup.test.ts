import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { rereadAtHangup } from '../src/cli/hangup.ts';
import { runUntilStopped } from '../src/cli/long-running.ts';
import { processTerminal } from '../src/cli/terminal.ts';

/** Sends this process a SIGHUP, and waits until it was heard. */
async function hangUp(): Promise<void> {
  const heard = once(process, 'SIGHUP');
  process.kill(process.pid, 'SIGHUP');
  await heard;
  await new Promise((resolve) => setImmediate(resolve));
}

test('SIGHUP ends no long-running role: what can be is read again, a fault is logged', async () => {
  const stop = new AbortController();
  const terminal = processTerminal(process, stop.signal);
  const said: string[] = [];
  const log = (text: string): void => void said.push(text);
  let readings = 0;
  const running = runUntilStopped(terminal, async (closeLater) => {
    // One that comes while the role starts, before anything can be read again.
    await hangUp();
    const failing = { what: 'lists', again: () => Promise.reject(new Error('line 3 is broken')) };
    closeLater(rereadAtHangup(terminal, log, [{ what: 'zones', again: () => readings++ }, failing]));
    await hangUp();
    closeLater(rereadAtHangup(terminal, log, []));
    await hangUp();
    stop.abort();
  });
  await running;
  assert.equal(readings, 2);
  assert.deepEqual(said.slice(0, 2), [
    'SIGHUP: read again: zones, lists; a changed configuration needs a new process',
    'lists: line 3 is broken',
  ]);
  assert.ok(said.includes('SIGHUP: nothing is read again here; a changed configuration needs a new process'));
  assert.equal(process.listenerCount('SIGHUP'), 0);
});
