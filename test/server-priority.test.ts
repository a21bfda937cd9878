import assert from 'node:assert/strict';
import { once } from 'node:events';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

test('a thread that steps back does so alone', { skip: process.platform !== 'linux' }, async () => {
  const before = getPriority();
  const module = new URL('../src/server/priority.ts', import.meta.url);
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { getPriority } = require('node:os');
    import(workerData).then(({ stepBack }) => {
      stepBack();
      parentPort.postMessage(getPriority());
    });`;
  const worker = new Worker(code, { eval: true, workerData: module.href });
  const [own] = await once(worker, 'message');
  assert.ok(own === 19 || own > before);
  assert.equal(getPriority(), before);
  await worker.terminate();
});
