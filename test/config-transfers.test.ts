import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configTexts } from './helpers/config-text.ts';

const PIN = Buffer.alloc(32).toString('base64');
const { load, problems } = configTexts(`keys: { k: { secret: c2VjcmV0c2VjcmV0 } }
transferTls: { up: { hostname: ns.test, pins: ['${PIN}'] } }
`);

test('peers, ways of TLS and catalogs are read', () => {
  const { transfers, catalogs } = load(`zones:
  - { origin: out.test, produce: {}, transfer: [any] }
  - { origin: a.test, file: a.zone, catalog: OUT.test., catalogGroup: g, catalogMovesTo: new.test }
  - origin: in.test
    primary: ['192.0.2.1 tls up key K', '192.0.2.2:5300', '2001:db8::1 key k']
    consume: { transfer: [any], groups: { g: { primary: [192.0.2.9], notify: ['192.0.2.8:54'] } } }
`);
  const [, incoming] = transfers;
  assert.deepEqual(incoming?.transfer.primary, [
    { host: '192.0.2.1', port: 853, key: 'k', tls: 'up' },
    { host: '192.0.2.2', port: 5300 },
    { host: '2001:db8::1', port: 53, key: 'k' },
  ]);
  const [consumed] = catalogs.consumed;
  assert.deepEqual([consumed?.origin, consumed?.membersMax], ['in.test', 10_000]);
  assert.equal(consumed?.transfer.primary.length, 3, "the catalog's own, where nothing else is said");
  assert.deepEqual(consumed?.groups['g']?.primary, [{ host: '192.0.2.9', port: 53 }]);
  assert.deepEqual(catalogs.produced, [
    {
      origin: 'out.test',
      refreshS: 3600,
      retryS: 600,
      expireS: 2_419_200,
      members: [{ origin: 'a.test', group: 'g', movesTo: 'new.test' }],
    },
  ]);
});

test('what is wrong with them is said at once, each with its place', () => {
  const found = problems(`zones:
  - { origin: a.test, primary: ['192.0.2.1 tls op', '192.0.2.1 key', '192.0.2.1 key j'],
      notify: ['192.0.2.1 tls up'] }
  - { origin: b.test, file: b.zone, catalog: none.test, transferTlsOnly: true }
  - { origin: c.test, primary: [192.0.2.1], consume: { groups: { g: { transfer: [key j] } } } }
`);
  assert.deepEqual(
    found.map((text) => text.replace(/^c\.yaml:(\d+):\d+: /, '$1 ')),
    [
      '4 zones[0].primary[0]: transferTls has no "op"; did you mean up?',
      '4 zones[0].primary[1]: "192.0.2.1 key" is not ADDRESS or ADDRESS:PORT, ' +
        'perhaps with key NAME and tls NAME',
      '4 zones[0].primary[2]: keys has no "j"; did you mean k?',
      '5 zones[0].notify[0]: NOTIFY goes over UDP, and never over TLS',
      '6 zones[1].catalog: no zone "none.test" has produce',
      '6 zones[1].transferTlsOnly: nobody could have the zone: listen.dot is missing',
      '7 zones[2].consume.groups.g.transfer[0]: keys has no "j"; did you mean k?',
    ],
  );
  const more = problems(`zones:
  - { origin: a.test, file: a.zone, consume: {} }
  - { origin: b.test, produce: {}, file: b.zone }
  - { origin: c.test, file: c.zone, catalogGroup: g }
`);
  const said = more.join('\n');
  for (const words of [
    /zones\[0\]\.consume:? stands with primary: the catalog comes from elsewhere/,
    /zones\[1\]\.file:? stands without produce: the zone is made of others/,
    /zones\[1\]\.transfer:? is missing: nobody could fetch the catalog/,
    /zones\[2\]\.catalogGroup:? stands with catalog/,
  ])
    assert.match(said, words);
  const tls = configTexts(`zones: [{ origin: a.test, file: a.zone }]\n`).problems(`transferTls:
  none: {}
  both: { hostname: a.test, opportunistic: true }
  half: { pins: [short], certificate: c.pem, ca: ca.pem }
`);
  assert.ok(
    tls.some((text) => text.includes('without both say opportunistic: true')),
    tls.join('\n'),
  );
  assert.ok(tls.some((text) => text.includes('stands in place of hostname and pins')));
  assert.ok(tls.some((text) => text.includes('is not the base64 of a SHA-256')));
});
