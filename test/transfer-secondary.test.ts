import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { extendJournal, readJournal, writeJournal } from '../src/transfer/journal.ts';
import { type SecondaryOptions, startSecondaries } from '../src/transfer/secondary.ts';
import { isServable } from '../src/transfer/secondary-file.ts';
import { RCODE, TYPE } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import { countPacked, type PackedZone, packZone, serialOf } from '../src/zone/packed.ts';
import { isNewer } from '../src/zone/serial.ts';
import { type Reply, records, startPrimary } from './helpers/false-primary.ts';

const ORIGIN = parseName('zone.example.') as Uint8Array;
const REFRESH_S = 3600;
const EXPIRE_S = 86_400;

/** A zone of this serial with so many hosts. */
function zoneOf(serial: number, hosts = 1): PackedZone {
  const rows = Array.from({ length: hosts }, (_, i) => `h${i} A 192.0.2.${i}\n`);
  const soa = `@ SOA ns admin ${serial} ${REFRESH_S} 600 ${EXPIRE_S} 60\n`;
  const read = records(ORIGIN, `$TTL 300\n${soa}@ NS ns\nns A 192.0.2.1\n${rows.join('')}`);
  return packZone(
    ORIGIN,
    read.map((record) => ({ ...record, file: '', line: 1 })),
  );
}

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-secondary-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function untilTrue(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('a copy is looked for in time and at NOTIFY, and expires when nobody confirms it', async (context) => {
  let serial = 5;
  let answers = true;
  const asked: number[] = [];
  const port = await startPrimary(context, (qtype): readonly Reply[] => {
    asked.push(qtype);
    if (!answers) return [{ rcode: RCODE.REFUSED }];
    const soa = records(ORIGIN, `@ 300 SOA ns admin ${serial} ${REFRESH_S} 600 ${EXPIRE_S} 60`);
    if (qtype === TYPE.SOA) return [{ records: soa }];
    return [{ records: [...soa, ...records(ORIGIN, '@ 300 NS ns\nns 300 A 192.0.2.1'), ...soa] }];
  });
  const file = join(folderOf(context), 'zone');
  let nowMs = 1_000_000_000_000;
  const told: string[] = [];
  const options: SecondaryOptions = {
    sources: [{ origin: ORIGIN, file, primaries: [{ host: '127.0.0.1', port }] }],
    known: () => undefined,
    nowMs: () => nowMs,
    random: () => 0,
    onZone: (_source, zone) => told.push(`zone ${zone.serial}`),
    onExpiry: (_source, isExpired) => told.push(isExpired ? 'expired' : 'back'),
    log: (message) => told.push(message.replace(/:.*/, '')),
  };
  const secondaries = startSecondaries(options);
  context.after(secondaries.close);
  await untilTrue(() => told.includes('zone 5'));
  assert.deepEqual(asked, [TYPE.SOA, TYPE.AXFR]);
  assert.ok(isServable(file, nowMs));
  assert.ok(!isServable(file, nowMs + EXPIRE_S * 1000));
  assert.equal(secondaries.views()[0]?.nextLookMs, nowMs + REFRESH_S * 1000);

  // Its time has come, and there is nothing new: that is enough to serve it on.
  nowMs += REFRESH_S * 1000;
  await untilTrue(() => asked.length === 3 && secondaries.views()[0]?.confirmedAtMs === nowMs);
  serial = 6;
  secondaries.look('zone.example.');
  await untilTrue(() => told.includes('zone 6'));
  assert.deepEqual(asked.slice(3), [TYPE.SOA, TYPE.IXFR]);

  answers = false;
  nowMs += EXPIRE_S * 1000 - 1;
  await untilTrue(() => told.includes('zone.example. is not renewed'));
  assert.ok(!told.includes('expired'));
  nowMs += 1;
  await untilTrue(() => told.includes('expired'));
  assert.equal(secondaries.views()[0]?.isExpired, true);
  answers = true;
  secondaries.look('zone.example.');
  await untilTrue(() => told.includes('back'));
  assert.ok(isServable(file, nowMs));
});

test('a journal keeps steps as long as they are shorter than the zone, on disk too', (context) => {
  let journal = extendJournal(undefined, zoneOf(1, 200));
  for (let serial = 2; serial <= 140; serial++)
    journal = extendJournal(journal, zoneOf(serial, 200 - (serial % 2)));
  assert.equal(journal.steps.length, 100);
  for (const [i, { fromSoa, toSoa, removed, added }] of journal.steps.entries()) {
    assert.deepEqual([serialOf(fromSoa), serialOf(toSoa)], [40 + i, 41 + i]);
    assert.equal(countPacked(removed) + countPacked(added), 1);
  }
  const path = join(folderOf(context), 'transfer', 'zone.journal');
  assert.equal(readJournal(path), undefined);
  writeJournal(path, journal);
  assert.deepEqual(readJournal(path), journal);
  // All of it changes: then the zone itself is as short as the step.
  const other = records(ORIGIN, Array.from({ length: 3000 }, (_, i) => `x${i} 60 A 192.0.2.9\n`).join(''));
  const large = packZone(
    ORIGIN,
    [...records(ORIGIN, `@ 60 SOA ns admin 141 1 1 1 1\n@ 60 NS ns`), ...other].map((record) => ({
      ...record,
      file: '',
      line: 1,
    })),
  );
  journal = extendJournal(journal, large);
  assert.ok(journal.steps.length < 100);
  // A serial that does not rise leads nowhere.
  assert.deepEqual(extendJournal(journal, zoneOf(141, 3)).steps, []);
  writeFileSync(path, 'ISOXFR1\nnot what it was');
  assert.equal(readJournal(path), 'it is damaged');
});

test('serials go round (RFC 1982 §3.2)', () => {
  for (const [one, other] of [
    [1, 0],
    [44, 0],
    [100, 44],
    [0, 0xffff_ffff],
    [0x7fff_ffff, 0],
    [5, 0xffff_fff0],
  ] as const) {
    assert.ok(isNewer(one, other));
    assert.ok(!isNewer(other, one));
  }
  // Half the circle apart they cannot be compared.
  assert.ok(!isNewer(0x8000_0000, 0) && !isNewer(0, 0x8000_0000));
  assert.ok(!isNewer(7, 7));
});
