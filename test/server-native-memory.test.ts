import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadAllocate } from '../src/server/native-memory.ts';

test('memory is shared, zero, and as long as was asked for', async () => {
  const allocate = await loadAllocate();
  for (const octets of [0, 1, 4096, (1 << 22) + 1, 3 * (1 << 22) + 5]) {
    const memory = allocate(octets);
    assert.ok(memory instanceof SharedArrayBuffer);
    assert.equal(memory.byteLength, octets);
    const view = new Uint8Array(memory);
    assert.ok(view.every((octet) => octet === 0));
    view.fill(7);
  }
});
