import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import fc from 'fast-check';
import { seededRandom } from '../src/base/random.ts';
import { developmentCertificate } from '../src/pop/authority.ts';
import { createCheck } from '../src/probe/check.ts';
import { popsCheckedBy } from '../src/probe/check-shares.ts';
import type { CheckSpec } from '../src/probe/check-spec.ts';
import { NOT_CHECKED, nextCheckState } from '../src/probe/check-state.ts';
import { type Checks, startChecks } from '../src/probe/checks.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import type { HealthView } from '../src/store/store.ts';
import { freePort } from './helpers/redis.ts';
import { type Service, startService } from './helpers/service.ts';
import { rowFleet } from './helpers/steering-world.ts';

const clock = { nowMs: () => Date.now() };
const folder = mkdtempSync(join(tmpdir(), 'isochrone-checks-'));
const started: Service[] = [];
const checking: Checks[] = [];
after(async () => {
  for (const checks of checking) await checks.close();
  for (const service of started) service.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

async function service(options: Parameters<typeof startService>[0]): Promise<Service> {
  const one = await startService(options);
  started.push(one);
  return one;
}

function spec(kind: CheckSpec['kind'], port: number, more: Partial<CheckSpec> = {}): CheckSpec {
  return {
    kind,
    port,
    intervalMs: 500,
    timeoutMs: 500,
    downAfter: 2,
    upAfter: 3,
    path: '/health',
    status: [200],
    verify: true,
    keepAlive: false,
    question: { name: 'example', type: 'SOA' },
    rcode: 'NOERROR',
    ...more,
  };
}

/** What one check says: '' or the fault. It waits for as long as it takes. */
async function once(one: CheckSpec, address = '127.0.0.1'): Promise<string> {
  const check = createCheck(one, address);
  try {
    return await new Promise((resolve) => check.start(resolve));
  } finally {
    check.close();
  }
}

test('HTTP: the status, the text, Host, and what a closed port says', async () => {
  const { port, seen } = await service({ kind: 'http', body: 'all is well', status: 200 });
  assert.equal(await once(spec('http', port)), '');
  assert.equal(await once(spec('http', port, { host: 'www.example', text: 'is well' })), '');
  assert.equal(await once(spec('http', port, { text: 'not there' })), 'its body lacks the text');
  assert.equal(await once(spec('http', port, { status: [204, 301] })), 'status 200');
  assert.deepEqual(seen().slice(0, 2), [`GET /health 127.0.0.1:${port} -`, 'GET /health www.example -']);
  assert.equal(await once(spec('http', await freePort())), 'refused');
});

test('HTTPS: SNI, and the certificate is checked or not', async () => {
  const made = developmentCertificate({
    folder,
    domains: ['cdn.example'],
    addresses: [],
    clock,
    log: () => undefined,
  });
  const { certificate, key, caFile } = made;
  const { port, seen } = await service({ kind: 'https', certificate, key });
  assert.equal(await once(spec('https', port, { host: 'www.cdn.example', verify: false })), '');
  assert.deepEqual(seen(), ['GET /health www.cdn.example www.cdn.example']);
  assert.notEqual(await once(spec('https', port, { host: 'www.cdn.example' })), '', 'nobody trusts it');
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, readFileSync(caFile, 'utf8')]);
  try {
    assert.equal(await once(spec('https', port, { host: 'www.cdn.example' })), '');
    const fault = await once(spec('https', port, { host: 'www.elsewhere.example' }));
    assert.equal(fault, 'its certificate is for another name');
  } finally {
    setDefaultCACertificates(before);
  }
});

test('HTTP with one connection for many checks: a closed one is no failure', async () => {
  const { port, kill } = await service({ kind: 'http' });
  const check = createCheck(spec('http', port, { keepAlive: true }), '127.0.0.1');
  const again = (): Promise<string> => new Promise((resolve) => check.start(resolve));
  assert.deepEqual([await again(), await again()], ['', '']);
  kill('SIGKILL');
  await sleep(200);
  assert.equal(await again(), 'refused');
  const other = await service({ kind: 'http', port });
  assert.equal(await again(), '');
  other.kill('SIGKILL');
  await sleep(200);
  await service({ kind: 'http', port });
  assert.equal(await again(), '', 'the connection was closed while idle, the service is fine');
  check.close();
});

test('TCP and DNS', async () => {
  const tcp = await service({ kind: 'tcp' });
  assert.equal(await once(spec('tcp', tcp.port)), '');
  assert.equal(await once(spec('tcp', await freePort())), 'refused');
  const dns = await service({ kind: 'dns', rcode: 5 });
  assert.equal(await once(spec('dns', dns.port)), 'response code REFUSED');
  assert.equal(await once(spec('dns', dns.port, { rcode: 'REFUSED' })), '');
  assert.equal(await once(spec('dns', await freePort())), 'refused');
});

test('failures add up, only a run of successes makes them forgotten', () => {
  const limits = { downAfter: 3, upAfter: 2 };
  const run = (letters: string): string => {
    let state = NOT_CHECKED;
    let states = '';
    for (const letter of letters) {
      state = nextCheckState(state, { fault: letter === 'x' ? 'no' : '', tookMs: 1, nowMs: 5 }, limits);
      states += state.state?.[0] ?? '-';
    }
    return states;
  };
  const table: readonly (readonly [checks: string, states: string])[] = [
    ['.', 'u'],
    ['xxx', '--d'],
    ['.xxx', 'uuud'],
    // Every second one fails: down all the same.
    ['.x.x.x', 'uuuuud'],
    ['.xx..xx..', 'uuuuuuuuu'],
    ['.xxx..', 'uuuddu'],
    ['.xxx.x..', 'uuuddddu'],
  ];
  for (const [checks, states] of table) assert.equal(run(checks), states, checks);
  fc.assert(
    fc.property(fc.array(fc.constantFrom('.', 'x'), { maxLength: 40 }), (letters) => {
      const states = run(letters.join(''));
      for (let i = 0; i < letters.length; i++) {
        const before = i === 0 ? '-' : states[i - 1];
        // It goes down at a failure, and up at a success, never otherwise.
        if (states[i] === 'd' && before !== 'd') assert.equal(letters[i], 'x');
        if (states[i] === 'u' && before !== 'u') assert.equal(letters[i], '.');
        if (states[i] === 'u' && before === 'd') assert.equal(letters[i - 1], '.');
      }
    }),
  );
});

/** Checks of POPs by code on 127.0.0.1, and the views that they made. */
function checksOf(pops: Readonly<Record<string, CheckSpec>>, prober = 'ns:test:1') {
  const views: (HealthView & { readonly seenAtMs: number })[] = [];
  const store = createMemoryStore({ clock });
  const checks = startChecks({
    prober,
    pops: Object.entries(pops).map(([pop, one]) => ({ pop, addresses: ['127.0.0.1'], spec: one })),
    store,
    clock,
    random: seededRandom(views.length + 1),
    onView: (view) => views.push({ ...view, seenAtMs: performance.now() }),
  });
  checking.push(checks);
  const stateOf = (pop: string): string =>
    views.at(-1)?.views.find((one) => one.pop === pop)?.state ?? 'unknown';
  /** Waits until the POP is in the state; how long it took, ms. */
  const until = async (pop: string, state: string, limitMs: number): Promise<number> => {
    const begunMs = performance.now();
    while (stateOf(pop) !== state && performance.now() - begunMs < limitMs) await sleep(5);
    assert.equal(stateOf(pop), state, `${pop} after ${limitMs} ms`);
    return performance.now() - begunMs;
  };
  return { views, checks, store, stateOf, until };
}

test('a prober that was blind holds nothing against those that answer when it sees again', async () => {
  const services = [];
  for (let i = 0; i < 3; i++) services.push(await service({ kind: 'http', status: 200 }));
  const quick = { intervalMs: 200, timeoutMs: 200 };
  const [pa, pb, pc] = services.map(({ port }) => spec('http', port, quick)) as [
    CheckSpec,
    CheckSpec,
    CheckSpec,
  ];
  const { views, until } = checksOf({ PA: pa, PB: pb, PC: pc });
  const codes = ['PA', 'PB', 'PC'];
  for (const pop of codes) await until(pop, 'up', 3000);
  for (const dead of [undefined, 'PC']) {
    for (const one of services) one.kill('SIGSTOP');
    for (const pop of codes) await until(pop, 'down', 4000);
    const from = views.length;
    for (const [i, one] of services.entries()) if (codes[i] !== dead) one.kill('SIGCONT');
    await until('PA', 'up', 4000);
    await until('PB', 'up', 4000);
    const sees = views.slice(from).map(({ views: seen }) => seen.filter(({ state }) => state === 'up'));
    const first = sees.find((up) => up.length > 0);
    assert.equal(first?.length, dead === undefined ? 3 : 2, 'those that answer are up in one view');
    if (dead !== undefined) await until(dead, 'down', 0);
    for (const one of services) one.kill('SIGCONT');
    for (const pop of codes) await until(pop, 'up', 4000);
  }
});

test('killed hard, and silent: down in 2 s with checks each 500 ms; up again when it answers', async (t) => {
  const [killed, stopped, fine] = [
    await service({ kind: 'http' }),
    await service({ kind: 'http' }),
    await service({ kind: 'http' }),
  ];
  const { until, views, stateOf, store, checks } = checksOf({
    PA: spec('http', killed.port),
    PB: spec('http', stopped.port),
    PC: spec('http', fine.port),
  });
  for (const pop of ['PA', 'PB', 'PC']) await until(pop, 'up', 3000);
  killed.kill('SIGKILL');
  const killedMs = await until('PA', 'down', 2000);
  assert.equal(views.at(-1)?.views.find(({ pop }) => pop === 'PA')?.why, 'refused');
  stopped.kill('SIGSTOP');
  const silentMs = await until('PB', 'down', 2000);
  assert.equal(views.at(-1)?.views.find(({ pop }) => pop === 'PB')?.why, 'no answer in 500 ms');
  t.diagnostic(`down after ${Math.round(killedMs)} ms (kill -9), ${Math.round(silentMs)} ms (silent)`);
  assert.equal(stateOf('PC'), 'up');
  assert.deepEqual(
    (await store.healthViews())[0]?.views.map(({ pop, state }) => [pop, state]),
    [
      ['PA', 'down'],
      ['PB', 'down'],
      ['PC', 'up'],
    ],
  );
  stopped.kill('SIGCONT');
  await service({ kind: 'http', port: killed.port });
  await until('PA', 'up', 4000);
  await until('PB', 'up', 4000);
  const { made, failed } = checks.counts();
  assert.ok(failed >= 4 && made > failed, `${failed} of ${made}`);
});

test('one connection at a time, at intervals that vary, however slow the service is', async () => {
  const { port, seen, kill } = await service({ kind: 'http' });
  const { checks, until } = checksOf({ PA: spec('http', port, { intervalMs: 200, timeoutMs: 1000 }) });
  await until('PA', 'up', 2000);
  const before = checks.counts().made;
  await sleep(2000);
  const often = checks.counts().made - before;
  assert.ok(often >= 6 && often <= 12, `${often} checks in 2 s`);
  kill('SIGSTOP');
  const stoppedAt = seen().length;
  const madeAt = checks.counts().made;
  await sleep(2500);
  // Each waits for its second; none is started beside it.
  assert.ok(checks.counts().made - madeAt <= 4, `${checks.counts().made - madeAt} checks while it is silent`);
  assert.ok(seen().length <= stoppedAt + 1);
  kill('SIGCONT');
});

test('a prober that ends has nothing more to say, and its views are gone', async () => {
  const { port } = await service({ kind: 'tcp' });
  const { checks, store, until } = checksOf({ PA: spec('tcp', port, { intervalMs: 200 }) }, 'agent:PB');
  await until('PA', 'up', 2000);
  assert.equal((await store.healthViews()).length, 1);
  await checks.close();
  assert.deepEqual((await store.healthViews())[0]?.views, []);
});

test('each POP is checked by the agents of so many others, and not by its own', () => {
  const fleet = rowFleet(Array.from({ length: 60 }, (_, i) => i));
  for (const perPop of [0, 1, 5, 59, 80]) {
    const times = new Map<string, number>();
    for (const { code } of fleet.pops) {
      const checked = popsCheckedBy(fleet, code, perPop);
      assert.ok(checked.every((pop) => pop.code !== code));
      // Five each on average; a hash gives some more.
      if (perPop === 5) assert.ok(checked.length <= 15, `${code} checks ${checked.length}`);
      for (const pop of checked) times.set(pop.code, (times.get(pop.code) ?? 0) + 1);
    }
    for (const { code } of fleet.pops) assert.equal(times.get(code) ?? 0, Math.min(perPop, 59), code);
  }
});
