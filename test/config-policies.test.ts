import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkAt } from '../src/base/network-table.ts';
import { configTexts } from './helpers/config-text.ts';

const POPS = `cluster: c
zones: [{ origin: example, file: example.zone }]
pops:
  - { code: FRA, city: F, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 9,
      links: [{ transit: t, capacityMbps: 9, ipv4: 192.0.2.1 }] }
  - { code: AMS, city: A, country: NL, region: eu, latitude: 52, longitude: 5, capacityRps: 9, biasMs: 3,
      links: [{ transit: t, capacityMbps: 9, ipv6: 2001:db8::2 }] }
  - { code: CDN, city: C, country: US, region: us, latitude: 40, longitude: -74, capacityRps: 9,
      links: [{ transit: t, capacityMbps: 9, cname: cdn.example.net }] }
`;

const { load, problems } = configTexts(POPS);

test('policies: choices are POPs and other services, and services know the POPs that they come to', () => {
  const { services, policyNetworks, networks } = load(`services:
  score: { pops: [FRA, AMS], biasMs: { AMS: 2 } }
  order: { policy: { failover: [CDN, score] }, ipv6: score }
  both: { policy: { all: [FRA, AMS] } }
  share: { policy: { weighted: { FRA: 70, AMS: 30 } } }
  near: { policy: { nearest: { FRA: 0, share: -20.5 } } }
  map: { policy: { geo: { default: order, continents: { EU: share }, countries: { DE: FRA },
                          networks: { office: AMS } } } }
networks:
  - { prefix: 10.0.0.0/8, label: office, country: DE, latitude: 50, longitude: 8 }
  - { prefix: 10.9.0.0/16, label: other, asn: 64512 }
`);
  const by = new Map(services.map((service) => [service.name, service]));
  const score = { kind: 'latency', popIndexes: [0, 1], biasMs: [0, 5, 0] };
  const order = { kind: 'failover', choices: [{ kind: 'pop', pop: 2 }, score] };
  assert.deepEqual(by.get('order')?.policy, order);
  assert.deepEqual(by.get('order')?.popIndexes, [0, 1, 2]);
  assert.equal(by.get('order')?.ipv6Index, 0);
  assert.equal(by.get('score')?.policy, undefined);
  assert.equal(by.get('both')?.policy?.kind, 'all');
  const share = by.get('share')?.policy;
  assert.deepEqual(by.get('near')?.policy, {
    kind: 'nearest',
    choices: [
      { choice: { kind: 'pop', pop: 0 }, at: 0, bias: 0 },
      { choice: share, at: 0, bias: -20.5 },
    ],
  });
  const map = by.get('map')?.policy;
  assert.ok(map?.kind === 'geo');
  assert.deepEqual(map.otherwise, order);
  assert.deepEqual([...map.countries], [['DE', { kind: 'pop', pop: 0 }]]);
  const [network] = policyNetworks;
  assert.deepEqual([...map.networks.keys()], [network?.asn]);
  assert.equal(policyNetworks.length, 1);
  assert.equal(networkAt(networks, 0).asn, network?.asn, 'its clients are known by that number');
  assert.equal(networkAt(networks, 1).asn, 64_512);
});

test('what is wrong with policies is said at once, each with its place', () => {
  const found = problems(`services:
  two: { policy: { failover: [FRA], weighted: { FRA: 1 } } }
  none: { policy: {} }
  beside: { policy: { failover: [FRA] }, pops: [FRA], biasMs: { FRA: 1 } }
  unknown: { policy: { failover: [FRB, nobody, "F R A"] } }
  weights: { policy: { weighted: { FRA: -1, AMX: 2 } } }
  circle: { policy: { failover: [FRA, round] } }
  round: { policy: { geo: { default: circle, countries: { de: FRA }, continents: { XX: FRA } } } }
  label: { policy: { geo: { default: FRA, networks: { here: AMS, nowhere: AMS } } }, ipv6: nine }
  many: { policy: { all: [] } }
networks:
  - { prefix: 10.0.0.0/8, label: here, country: DE }
`);
  const expected = [
    /^c\.yaml:11:\d+: services\.two\.policy: is one of failover, weighted, nearest, all and geo/,
    /^c\.yaml:12:\d+: services\.none\.policy: is one of/,
    /^c\.yaml:13:\d+: services\.beside\.pops: .*stands without policy/,
    /^c\.yaml:13:\d+: services\.beside\.biasMs: is of the score/,
    /^c\.yaml:14:\d+: services\.unknown\.policy\.failover\[0\]: no POP has the code "FRB"; did you/,
    /^c\.yaml:14:\d+: services\.unknown\.policy\.failover\[1\]: no service has the name "nobody"/,
    /^c\.yaml:14:\d+: .*"F R A" is neither the code of a POP/,
    /^c\.yaml:15:\d+: services\.weights\.policy\.weighted\.FRA: .*-1/,
    /^c\.yaml:15:\d+: services\.weights\.policy\.weighted\.AMX: no POP has the code "AMX"; did you/,
    /^c\.yaml:16:\d+: services\.circle\.policy\.failover\[1\]: the service "circle" would choose itself/,
    /^c\.yaml:17:\d+: services\.round\.policy\.geo\.default: the service "round" would choose itself/,
    /^c\.yaml:17:\d+: .*de/,
    /^c\.yaml:17:\d+: .*XX/,
    /^c\.yaml:18:\d+: .*nowhere: no entry under networks has the label "nowhere"/,
    /^c\.yaml:18:\d+: services\.label\.ipv6: no service has the name "nine"/,
    /^c\.yaml:19:\d+: services\.many\.policy\.all/,
    /^c\.yaml:21:\d+: networks\[0\]: latitude, longitude: missing, and a policy names "here"/,
  ];
  for (const pattern of expected)
    assert.ok(
      found.some((line) => pattern.test(line)),
      `${pattern}\n${found.join('\n')}`,
    );
});

test('a link has addresses, or an alias in their place', () => {
  const pop = (link: string): string => `  - { code: QQQ, city: X, country: DE, region: eu, latitude: 1,
      longitude: 1, capacityRps: 9, links: [{ transit: t, capacityMbps: 9${link} }] }\n`;
  assert.match(problems(pop(''))[0] ?? '', /ipv4: is missing, and so are ipv6 and cname/);
  assert.match(
    problems(pop(', ipv4: 192.0.2.9, cname: a.example'))[0] ?? '',
    /cname: .*in place of addresses/,
  );
});
