import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress } from '../src/base/address.ts';
import { type AddressSet, hasAddress } from '../src/base/address-set.ts';
import { dropListProblems, readDropList, watchDropList } from '../src/cli/drop-list.ts';

const terminal = { readText: (path: string) => readFileSync(path, 'utf8') };
const has = (set: AddressSet | undefined, text: string): boolean =>
  set !== undefined && hasAddress(set, parseAddress(text) ?? assert.fail(text));

test('a drop list is read whole or not at all, and again when its file changes', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'drop.txt');
  const replace = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  const config = { dns: { dropList: file } };
  replace('# scanners\n192.0.2.0/24\n2001:db8::1 # one\n\n');
  let set = readDropList(config, terminal);
  assert.deepEqual(
    [has(set, '192.0.2.9'), has(set, '2001:db8::1'), has(set, '2001:db8::2')],
    [true, true, false],
  );
  const log: string[] = [];
  const taken: AddressSet[] = [];
  const stop = watchDropList({
    config,
    terminal,
    take: (next) => {
      set = next;
      if (next !== undefined) taken.push(next);
    },
    log: (message) => log.push(message),
  });
  context.after(stop);
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(log.at(-1) ?? '')) await sleep(20);
  };
  replace('203.0.113.0/24\n');
  await until(/^the drop list changed: 1 prefixes$/);
  assert.deepEqual([has(set, '192.0.2.9'), has(set, '203.0.113.1')], [false, true]);
  replace('192.0.2.0/24\nhost.example\n192.0.2.1/24\n');
  await until(/stays as it was: .*drop\.txt:2: "host\.example" is neither/);
  assert.equal(has(set, '203.0.113.1'), true);
  assert.deepEqual(
    dropListProblems(config, terminal).map(({ line }) => line),
    [2, 3],
  );
});
