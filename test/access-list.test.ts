import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AccessRule, accessList, parseAccessRule, permits } from '../src/base/access-list.ts';
import { type Address, formatPrefix, maskedAddress, parseAddress, prefixHolds } from '../src/base/address.ts';
import { type NameServerOptions, startNameServer } from '../src/server/supervisor.ts';
import { ask } from './helpers/ask.ts';
import { loadEdge } from './helpers/edge.ts';

const listOf = (...texts: string[]) => {
  const rules = texts.map(parseAccessRule);
  assert.deepEqual(
    rules.filter((rule) => typeof rule === 'string'),
    [],
  );
  return accessList(rules as AccessRule[]);
};
const at = (text: string): Address => parseAddress(text) as Address;

test('the first rule that speaks of a client decides, and of whom none speaks may not', () => {
  const list = listOf(
    '!192.0.2.1',
    '192.0.2.0/24',
    '2001:db8:1::/48',
    '! any key old.',
    '10.0.0.0/8 key Xfer',
  );
  const table: [string, string | undefined, boolean][] = [
    ['192.0.2.1', undefined, false],
    ['192.0.2.2', undefined, true],
    ['192.0.3.2', undefined, false],
    ['2001:db8:1:ff::1', undefined, true],
    ['2001:db8:2::1', undefined, false],
    ['10.1.2.3', undefined, false],
    ['10.1.2.3', 'xfer', true],
    ['10.1.2.3', 'other', false],
    ['10.1.2.3', 'old', false],
    ['192.0.2.2', 'old', true],
    ['11.1.2.3', 'xfer', false],
  ];
  for (const [client, key, may] of table)
    assert.equal(permits(list, at(client), key), may, `${client} ${key}`);
  assert.equal(permits(listOf('key a'), at('::1'), 'a'), true);
  assert.equal(permits(listOf('key a'), at('::1')), false);
  assert.equal(permits(listOf('any'), at('::1')), true);
  assert.equal(permits(listOf('0.0.0.0/0'), at('::1')), false);
});

test('rules that cannot be read are told of with their text', () => {
  const table: [string, RegExp][] = [
    ['', /no rule such as/],
    ['!', /no rule such as/],
    ['key', /no rule such as/],
    ['10.0.0.0/8 kea x', /"10.0.0.0\/8 kea x" is no rule/],
    ['10.0.0.0/8 key x y', /no rule such as/],
    ['10.0.0.1/8', /did you mean 10.0.0.0\/8/],
    ['10.0.0.0/33', /0 to 32/],
    ['host.example', /neither an IP address nor/],
    ['any key b*d', /"b\*d" is not the name of a key/],
    [`any key ${'a.'.repeat(200)}`, /is not the name of a key/],
  ];
  for (const [text, message] of table) {
    const rule = parseAccessRule(text);
    assert.ok(typeof rule === 'string', text);
    assert.match(rule, message);
  }
});

test('any list of prefixes says what a walk over them says', () => {
  const address = fc
    .tuple(fc.boolean(), fc.uint8Array({ minLength: 16, maxLength: 16 }))
    .map(([v6, octets]) => {
      // Few different octets, so that prefixes and clients meet.
      for (let i = 0; i < 16; i++) octets[i] = (octets[i] as number) & 0x81;
      return { family: v6 ? 6 : 4, octets: v6 ? octets : octets.fill(0, 4) } as Address;
    });
  const rule = fc.tuple(address, fc.nat(128), fc.boolean()).map(([whole, bits, allow]) => {
    const length = bits % (whole.family === 4 ? 33 : 129);
    return { allow, prefix: { address: maskedAddress(whole, length), length } };
  });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 8 }), address, (rules, client) => {
      const first = rules.find(({ prefix }) => prefixHolds(prefix, client));
      assert.equal(permits(accessList(rules), client), first?.allow ?? false);
      for (const { allow, prefix } of rules)
        assert.deepEqual(parseAccessRule(`${allow ? '' : '!'}${formatPrefix(prefix)}`), { allow, prefix });
    }),
  );
});

for (const io of ['native', 'portable'] as const)
  test(`who may not ask at a listener is refused there, and only there (${io})`, async (context) => {
    const { data, image } = loadEdge();
    const options: NameServerOptions = {
      listen: [
        { host: '127.0.0.1', port: 0, access: listOf('!127.0.0.1', 'any') },
        { host: '127.0.0.1', port: 0, access: listOf('127.0.0.0/8') },
        { host: '127.0.0.1', port: 0 },
      ],
      data,
      image,
      workers: 1,
      io,
    };
    const server = await startNameServer(options);
    context.after(() => server.close());
    for (const transport of ['udp', 'tcp'] as const)
      for (const [i, address] of server.addresses.entries()) {
        const { rcode } = await ask({ server: address, name: 'www.edge.test.', type: 'A', transport });
        assert.equal(rcode, i === 0 ? 5 : 0, `${transport} ${i}`);
      }
    const prohibited = server
      .counters()
      .families.find(({ name }) => name === 'isochrone_dns_prohibited_total');
    assert.deepEqual(prohibited?.samples, [
      { values: ['udp'], value: 1 },
      { values: ['tcp'], value: 1 },
    ]);
  });
