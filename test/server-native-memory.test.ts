import assert from 'node:assert/strict';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { loadThreadSystem } from '../src/server/native-memory.ts';

test('memory is shared, zero, and as long as was asked for', async () => {
  const { allocate } = await loadThreadSystem();
  for (const octets of [0, 1, 4096, (1 << 22) + 1, 3 * (1 << 22) + 5]) {
    const memory = allocate(octets);
    assert.ok(memory instanceof SharedArrayBuffer);
    assert.equal(memory.byteLength, octets);
    const view = new Uint8Array(memory);
    assert.ok(view.every((octet) => octet === 0));
    view.fill(7);
  }
});

test('a thread that steps back does so alone', { skip: process.platform !== 'linux' }, async () => {
  const before = getPriority();
  const module = new URL('../src/server/native-memory.ts', import.meta.url);
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { getPriority } = require('node:os');
    import(workerData).then(async ({ loadThreadSystem }) => {
      (await loadThreadSystem()).stepBack();
      parentPort.postMessage(getPriority());
    });`;
  const worker = new Worker(code, { eval: true, workerData: module.href });
  const [own] = await once(worker, 'message');
  assert.ok(own === 19 || own > before);
  assert.equal(getPriority(), before);
  await worker.terminate();
});
