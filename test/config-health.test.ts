import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configTexts } from './helpers/config-text.ts';

const POPS = `cluster: c
zones: [{ origin: example, file: example.zone }]
pops:
  - { code: FRA, city: F, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 9,
      links: [{ transit: t, capacityMbps: 9, ipv4: 192.0.2.1 }] }
  - { code: AMS, city: A, country: NL, region: eu, latitude: 52, longitude: 5, capacityRps: 9,
      links: [{ transit: t, capacityMbps: 9, ipv4: 192.0.2.2 }] }
`;

const { load, problems } = configTexts(POPS);

test('checks: one for the fleet, others for some POPs, ports by kind, none unless asked for', () => {
  assert.deepEqual(load('').health.checks, [undefined, undefined]);
  const { health } = load(`health:
  check: { kind: https, host: www.example, intervalMs: 200 }
  pops: { AMS: { kind: dns, rcode: REFUSED } }
`);
  const [fra, ams] = health.checks;
  assert.deepEqual(
    [fra?.kind, fra?.port, fra?.intervalMs, fra?.verify, fra?.status],
    ['https', 443, 200, true, [200]],
  );
  assert.deepEqual(
    [ams?.kind, ams?.port, ams?.rcode, ams?.question],
    ['dns', 53, 'REFUSED', { name: '.', type: 'SOA' }],
  );
  assert.deepEqual([health.quorum, health.viewsMin], [0.6, 1]);
  assert.equal(load('health: { check: { kind: http }, pops: { FRA: off } }').health.checks[0], undefined);
});

test('what is wrong with checks and windows is said at once, each with its place', () => {
  const found = problems(`health:
  check: { kind: https, intervalMs: 100, path: health }
  pops: { FRB: { kind: tcp }, AMS: { kind: dns, question: { type: NOPE } } }
  quorum: 2
maintenance:
  - { pop: FRA, reason: a, cron: "61 * * * *", durationMin: 5 }
  - { pop: QQQ, reason: b, from: 2026-12-02T00:00Z, to: 2026-12-01T00:00Z }
  - { pop: FRA, reason: c, cron: "0 2 * * *", timezone: Mars/Olympus }
  - { pop: FRA, reason: d }
  - { pop: FRA, reason: e, from: tomorrow, to: 2026-12-01T00:00Z }
`);
  const expected = [
    /^c\.yaml:9:\d+: .*intervalMs/,
    /^c\.yaml:9:\d+: .*path.*is not a path such as \/health/,
    /^c\.yaml:10:\d+: .*no POP has the code "FRB"; did you mean FRA/,
    /^c\.yaml:10:\d+: .*type.*is no record type/,
    /^c\.yaml:11:\d+: .*quorum/,
    /^c\.yaml:13:\d+: .*"61" is no minute, 0 to 59/,
    /^c\.yaml:14:\d+: .*no POP has the code "QQQ"/,
    /^c\.yaml:15:\d+: .*is not a time zone such as Europe\/Berlin/,
    /^c\.yaml:17:\d+: .*is not a time with its zone/,
  ];
  for (const one of expected)
    assert.ok(
      found.some((text) => one.test(text)),
      `${one} in\n${found.join('\n')}`,
    );
  const second = problems(`health:
  check: { kind: https }
  pops: { AMS: { kind: tcp } }
maintenance:
  - { pop: FRA, reason: a, from: 2026-12-02T00:00Z, to: 2026-12-01T00:00Z }
  - { pop: FRA, reason: b, cron: "0 2 * * *" }
  - { pop: FRA, reason: c }
  - { pop: FRA, reason: d, cron: "0 2 * * *", durationMin: 5, to: 2026-12-01T00:00Z }
`);
  const rest = [
    /host.*is missing: the name/,
    /port.*is missing/,
    /is not after from/,
    /durationMin.*is missing/,
  ];
  for (const one of [...rest, /cron.*is missing, or from and to are/, /stands with durationMin, without/])
    assert.ok(
      second.some((text) => one.test(text)),
      `${one} in\n${second.join('\n')}`,
    );
});
