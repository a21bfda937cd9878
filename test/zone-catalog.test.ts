import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fileNameOf } from '../src/base/file-name.ts';
import { parseName } from '../src/wire/name.ts';
import { type CatalogMember, catalogFace, catalogRecords, readCatalog } from '../src/zone/catalog.ts';
import { parseMaster } from '../src/zone/master.ts';
import { applyCatalogs, type Membership } from '../src/zone/membership.ts';

const name = (text: string): Uint8Array => {
  const parsed = parseName(text);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};
const ORIGIN = name('cat.example.');

function read(body: string, membersMax = 10) {
  const text = `$TTL 0\n@ SOA invalid invalid 1 60 60 60 0\n@ NS invalid.\n${body}`;
  const { records, problems } = parseMaster({ text, file: 'cat', origin: ORIGIN, read: () => undefined });
  assert.deepEqual(problems, []);
  return readCatalog(ORIGIN, records, membersMax);
}

const V2 = 'version TXT "2"\n';
const A = 'a.zones PTR a.test.\n';
const member = (zone: string, label: string, more: Partial<CatalogMember> = {}): CatalogMember => ({
  zone,
  label,
  groups: [],
  movesTo: undefined,
  ...more,
});

test('a catalog is read by RFC 9432, and a broken one says why', () => {
  for (const [body, wanted] of [
    [V2, []],
    [`${V2}${A}`, [member('a.test.', 'a')]],
    [`${V2}A.Zones PTR A.Test.\n`, [member('a.test.', 'a')]],
    [
      `${V2}${A}group.a.zones TXT "x" "y"\ngroup.a.zones TXT "b"\n`,
      [member('a.test.', 'a', { groups: ['b', 'xy'] })],
    ],
    [`${V2}${A}coo.a.zones PTR New.Example.\n`, [member('a.test.', 'a', { movesTo: 'new.example.' })]],
    // What has no meaning is ignored: custom properties, other types, deeper names, properties of nobody.
    [
      `${V2}${A}ext.a.zones TXT "y"\next TXT "z"\na.zones TXT "t"\ngroup.b.zones TXT "g"\n1.2.zones PTR b.`,
      [member('a.test.', 'a')],
    ],
    [A, 'it has 0 version records in place of one'],
    [`${V2}version TXT "1"\n${A}`, 'it has 2 version records in place of one'],
    [`version TXT "3"\n${A}`, 'its version is "3", not "2"'],
    [`version TXT ""\n${A}`, 'its version is "", not "2"'],
    [`${V2}${A}a.zones PTR b.test.\n`, 'a.zones has 2 PTR records'],
    [`${V2}${A}b.zones PTR A.test.\n`, 'a.test. is there twice: a.zones and b.zones'],
    [`${V2}${A}coo.a.zones PTR x.\ncoo.a.zones PTR y.\n`, 'coo.a.zones has 2 PTR records'],
    [
      `${V2}${Array.from({ length: 11 }, (_, i) => `m${i}.zones PTR m${i}.\n`).join('')}`,
      'it has more than 10 zones',
    ],
  ] as const)
    assert.deepEqual(read(body), wanted, body);
});

test('what is made as a catalog is read as such, and shows nobody its zones', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,20}$/);
  const zones = fc.uniqueArray(label, { maxLength: 20 });
  const group = fc.option(fc.string({ minLength: 1, maxLength: 60 }), { nil: undefined });
  fc.assert(
    fc.property(zones, group, fc.boolean(), (labels, said, moves) => {
      const members = labels.map((text) => ({
        zone: name(`${text}.test.`),
        group: said,
        movesTo: moves ? name('new.example.') : undefined,
      }));
      const times = { serial: 7, refreshS: 60, retryS: 60, expireS: 600 };
      const records = catalogRecords(ORIGIN, members, times);
      const back = readCatalog(ORIGIN, records, 20);
      assert.ok(typeof back !== 'string', String(back));
      assert.deepEqual(
        back.map(({ zone }) => zone),
        labels.map((text) => `${text}.test.`),
      );
      for (const one of back) {
        assert.deepEqual(one.groups, said === undefined ? [] : [said]);
        assert.equal(one.movesTo, moves ? 'new.example.' : undefined);
      }
      assert.equal(new Set(back.map((one) => one.label)).size, labels.length);
      assert.equal(catalogFace(ORIGIN, records).length, 2);
    }),
    { seed: 9432 },
  );
});

const held = (catalog: string, one: CatalogMember): Membership => ({ ...one, catalog });
const none = () => false;

test('zones come, stay, begin anew and go with their catalog alone', () => {
  const before = [
    held('one.', member('a.', '1')),
    held('one.', member('b.', '2')),
    held('two.', member('c.', '3')),
  ];
  const change = applyCatalogs(
    before,
    new Map([
      [
        'one.',
        [member('a.', '1', { groups: ['g'] }), member('b.', '9'), member('d.', '4'), member('own.', '5')],
      ],
    ]),
    (zone) => zone === 'own.',
  );
  const names = (list: readonly Membership[]): string => list.map(({ zone }) => zone).join(' ');
  // The other catalog was not read yet: its zone stays.
  assert.equal(names(change.members), 'a. b. c. d.');
  assert.equal(names(change.added), 'd.');
  assert.equal(names(change.changed), 'a.');
  assert.equal(names(change.reset), 'b.');
  assert.equal(names(change.removed), '');
  assert.deepEqual(change.ignored, ['own. of one. is ignored: it stands in the configuration']);
  const gone = applyCatalogs(change.members, new Map([['one.', [member('b.', '9')]]]), none);
  assert.equal(names(gone.removed), 'a. d.');
  assert.equal(names(gone.members), 'b. c.');
});

test('a zone moves to another catalog only where its own lets it: coo', () => {
  const before = [held('one.', member('a.', '1'))];
  const both = (movesTo: string | undefined, label: string) =>
    applyCatalogs(
      before,
      new Map([
        ['one.', [member('a.', '1', { movesTo })]],
        ['two.', [member('a.', label)]],
      ]),
      none,
    );
  for (const movesTo of [undefined, 'three.', 'one.']) {
    const { members, ignored } = both(movesTo, '1');
    assert.equal(members[0]?.catalog, 'one.');
    assert.deepEqual(ignored, ['a. of two. is ignored: it is a zone of one.']);
  }
  const moved = both('two.', '1');
  assert.equal(moved.members[0]?.catalog, 'two.');
  assert.deepEqual([moved.changed.length, moved.reset.length], [1, 0], 'with the same label all is kept');
  const anew = both('two.', '2');
  assert.deepEqual([anew.changed.length, anew.reset.length], [0, 1], 'with another it begins anew');
  // Then the one before may let it go.
  const after = applyCatalogs(
    moved.members,
    new Map([
      ['one.', []],
      ['two.', [member('a.', '1')]],
    ]),
    none,
  );
  assert.deepEqual([after.removed.length, after.members.length], [0, 1]);
  // One that is let go without it is another's from then on, begun anew.
  const taken = applyCatalogs(
    before,
    new Map([
      ['one.', []],
      ['two.', [member('a.', '1')]],
    ]),
    none,
  );
  assert.deepEqual([taken.removed.length, taken.added.length, taken.members[0]?.catalog], [1, 1, 'two.']);
});

test('names of files come from names of zones, whoever made those up', () => {
  for (const [zone, file] of [
    ['A.example', 'a.example'],
    ['0/25.2.0.192.in-addr.arpa', '0%2f25.2.0.192.in-addr.arpa'],
    ['..\\/..\\/etc', '..%5c%2f..%5c%2fetc'],
  ] as const)
    assert.equal(fileNameOf(zone), file);
  const long = (last: string): string => fileNameOf(`${'a'.repeat(900)}${last}`);
  assert.equal(long('x').length, 180);
  assert.notEqual(long('x'), long('y'));
});
