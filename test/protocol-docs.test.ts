import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

/** docs/protocol.md names what asks and what shows it: both must be there. */

const page = readFileSync(new URL('../docs/protocol.md', import.meta.url), 'utf8');
const packets = new URL('vectors/packets/', import.meta.url);
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| RFC '))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\|\s*|\s*\|$/g, '').trim()));

test('every row of docs/protocol.md names tests that there are', () => {
  assert.ok(rows.length > 100, `${rows.length} rows`);
  for (const [section = '', asked, does, shown = '', ...more] of rows) {
    assert.match(section, /^RFC \d+ (§[\d.]+|appendix [A-Z][.\d]*)$/);
    assert.ok(asked && does && more.length === 0, section);
    for (const name of shown.split(', ')) {
      assert.match(name, /^(packets\/[a-z-]+\.json|[a-z0-9/-]+\.test\.ts)$/, section);
      const path = name.startsWith('packets/')
        ? new URL(name.slice(8), packets)
        : new URL(name, import.meta.url);
      assert.ok(existsSync(path), `${section}: there is no ${name}`);
    }
  }
  const sections = rows.map(([section]) => section);
  assert.equal(new Set(sections).size, sections.length, 'no section stands twice');
});

test('every RFC that a packet names is a row', () => {
  for (const file of readdirSync(packets)) {
    const vectors = JSON.parse(readFileSync(new URL(file, packets), 'utf8')) as {
      rfc: string;
      why: string;
    }[];
    for (const { rfc, why } of vectors) {
      const row = rows.find(([section]) => section === rfc);
      assert.ok(row, `${file}: ${why}: docs/protocol.md has no row ${rfc}`);
    }
  }
});
