import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgeParts } from '../src/cli/distributions.ts';
import { openSecurity } from '../src/cli/security-files.ts';
import { inspectConfig } from '../src/config/config.ts';

/**
 * Distributions, origins and cache policies of the configuration: what they come to, and every fault in
 * them.
 */

const BASE = `zones: [{origin: cdn.example, file: zone}]
pops:
  - {code: FRA, city: F, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 10,
     links: [{transit: t, capacityMbps: 1, ipv4: 127.1.1.1}]}
`;
const read = (text: string) => inspectConfig({ text: BASE + text, file: 'c.yaml', read: () => '' });

test('a configuration becomes behaviours with origins and policies', () => {
  const { config, problems } = read(`
popTier: {l2Servers: 3, accessLog: log/access.log}
cachePolicies:
  mine: {query: [a], headers: [X-Kind], cookies: {allBut: [session]}, minTtl: 1, maxTtl: 60}
origins:
  one: {url: 'http://127.0.0.1:8080/base', region: eu, headers: {X-Key: secret}}
  two: {url: 'https://two.example'}
distributions:
  site:
    domains: [www.cdn.example, '*.cdn.example']
    securityPolicy: TLSv1.3_2025
    shield: eu
    behaviours:
      - {path: '/api/*', origin: two, cachePolicy: Managed-CachingDisabled, methods: [GET, POST]}
      - {origin: [one, two], cachePolicy: mine, originHeaders: [Accept]}
`);
  assert.deepEqual(problems, []);
  assert.ok(config);
  assert.equal(config.edge.tier.accessLog, 'log/access.log');
  const { distributions, policies, settings } = edgeParts(
    config.edge,
    openSecurity(config, {
      terminal: { readText: () => '', exists: () => false },
      whereabouts: () => ({ country: '', asn: 0 }),
      log: () => undefined,
      closeLater: () => undefined,
    }),
  );
  assert.equal(settings.l2Servers, 3);
  assert.equal(policies.get('site'), 'TLSv1.3_2025');
  const [api, rest] = distributions[0]?.behaviours ?? [];
  assert.equal(api?.caching, 'off');
  assert.deepEqual([...(api?.allowedMethods ?? [])], ['GET', 'POST']);
  assert.deepEqual(
    rest?.origins.map(({ name, region }) => [name, region]),
    [
      ['one', 'eu'],
      ['two', ''],
    ],
  );
  assert.deepEqual(rest?.origins[0]?.headers, [['x-key', 'secret']]);
  assert.ok(rest && rest.caching !== 'off');
  assert.deepEqual(rest.caching.headers, { kind: 'only', names: new Set(['x-kind']) });
  assert.deepEqual(rest.caching.cookies, { kind: 'all-but', names: new Set(['session']) });
  assert.deepEqual([rest.caching.minTtlMs, rest.caching.maxTtlMs], [1000, 60_000]);
});

test('every fault is told at once, with its line', () => {
  const { problems } = read(`origins:
  one: {url: 'ftp://x', region: nowhere}
distributions:
  a:
    domains: [www.cdn.example]
    securityPolicy: TLSv1
    behaviours:
      - {origin: on}
      - {origin: one, cachePolicy: mine}
  b: {domains: [www.cdn.example], shield: us, behaviours: [{origin: one, path: 'a b'}]}
`);
  const told = problems.map(({ line, message }) => `${line} ${message}`);
  for (const wanted of [
    /^6 .*not the address of an origin/,
    /^6 .*no POP is in the region "nowhere"/,
    /^10 .*securityPolicy/,
    /^12 .*no origin has the name "on"; did you mean one\?/,
    /^13 .*no request reaches it/,
    /^13 .*no cache policy has the name "mine"/,
    /^14 .*the domain "www.cdn.example" stands on line 9 already/,
    /^14 .*no POP is in the region "us"/,
    /^14 .*is not a path pattern/,
  ])
    assert.ok(
      told.some((text) => wanted.test(text)),
      `${wanted} in\n${told.join('\n')}`,
    );
  assert.equal(told.length, 9, told.join('\n'));
});
