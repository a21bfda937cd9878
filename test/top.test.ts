import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { OUTCOME } from '../src/answer/context.ts';
import { parseAddress } from '../src/base/address.ts';
import { shareQueries } from '../src/cli/query-taps.ts';
import { sorted } from '../src/cli/top.ts';
import { createTopWatch } from '../src/cli/top-view.ts';
import { startAdmin } from '../src/console/admin.ts';
import type { TopView } from '../src/console/api-top.ts';
import {
  isQueryWanted,
  noteQuery,
  openQuerySamples,
  querySamplesMemory,
  readQueries,
} from '../src/server/query-samples.ts';
import { adminApi } from './helpers/admin.ts';
import { createWorld } from './helpers/answer-world.ts';
import { runCli } from './helpers/cli.ts';

const TOKEN = 'a-token-for-the-tests';
const { context } = createWorld([
  ['cdn.example', '@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n'],
]);
const client = { address: parseAddress('192.0.2.7') ?? assert.fail(), port: 4000, transport: 'udp' } as const;
const query = (name: string): Uint8Array => {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Uint8Array.of(0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1);
};

/** A thread's ring: `ask` is what the thread does with each query that it answers. */
function ring() {
  const memory = querySamplesMemory();
  const samples = openQuerySamples(memory);
  context.outcome.kind = OUTCOME.ANSWER;
  const ask = (name: string): void => {
    if (--samples.untilNext > 0 || !isQueryWanted(samples)) return;
    const octets = query(name);
    noteQuery(
      samples,
      context,
      { query: octets, length: octets.length, out: octets, written: octets.length },
      client,
    );
  };
  return { ask, reader: readQueries([memory]) };
}

test('two readers share the samples: each gets its own rate, whatever the other wants', () => {
  const rates = fc.record({ one: fc.integer({ min: 1, max: 20 }), other: fc.integer({ min: 0, max: 20 }) });
  fc.assert(
    fc.property(rates, ({ one, other }) => {
      const { ask, reader } = ring();
      const [first, second] = shareQueries(reader);
      first.want(one);
      second.want(other);
      const got = [0, 0];
      for (let i = 0; i < 2000; i++) {
        ask('www.cdn.example');
        if (i % 50 > 0) continue;
        got[0] = (got[0] ?? 0) + first.read().length;
        got[1] = (got[1] ?? 0) + second.read().length;
      }
      // The ring is read each 50 queries, and looks for a wish after 16 at first.
      for (const [i, every] of [one, other].entries()) {
        const wanted = every === 0 ? 0 : 2000 / every;
        assert.ok(
          Math.abs((got[i] as number) - wanted) <= 80 / (every || 1) + 2,
          `${got} of ${[one, other]}`,
        );
      }
      assert.equal(first.lost(), 0);
    }),
    { numRuns: 30 },
  );
});

test('rates come from counters, names from samples; nobody is watched when nobody looks', async (t) => {
  const { ask, reader } = ring();
  const wishes: number[] = [];
  const want = (every: number): void => {
    wishes.push(every);
    reader.want(every);
  };
  const queries = { ...reader, want };
  let total = 0;
  const counters = () => ({
    families: [
      {
        name: 'isochrone_dns_queries_total',
        help: '',
        kind: 'counter' as const,
        labels: ['transport', 'qtype', 'rcode'],
        samples: [{ values: ['udp', 'A', 'NOERROR'], value: total }],
      },
    ],
    histograms: [],
  });
  const demand = () => ({ qps: 0, cells: 0, overflowQps: 0, rows: [] });
  const watch = createTopWatch({ counters, queries, demand, pops: () => [], nowMs: () => 5 });
  after(watch.close);
  const timer = setInterval(() => {
    for (let i = 0; i < 20; i++, total++) ask(i % 4 === 0 ? 'API.cdn.example' : 'www.cdn.example');
  }, 20);
  t.after(() => clearInterval(timer));
  // The first look already has names, of so few queries as of many: at most a thousand a second here.
  const view = await watch.view(5);
  assert.equal(view.atMs, 5);
  assert.ok(wishes.length > 0 && wishes.every((every) => every >= 1 && every <= 8), wishes.join());
  assert.ok(view.qps > 0 && view.samples > 0);
  assert.deepEqual(view.rcodes, [{ name: 'NOERROR', qps: view.qps }]);
  assert.ok(view.names.every(({ name }) => ['www.cdn.example.', 'api.cdn.example.'].includes(name)));
  const sum = view.names.reduce((all, { qps }) => all + qps, 0);
  assert.ok(Math.abs(sum - view.qps) < 1e-6 * view.qps, 'names share what is counted');
  watch.close();
  assert.equal(wishes.at(-1), 0);
});

test('isochrone top: a look as a table and as JSON, sorted as asked; faults at once', async () => {
  const listen = { host: '127.0.0.1', port: 0 };
  const onError = (error: unknown): void => assert.fail(String(error));
  const admin = await startAdmin({ listen, token: TOKEN, tokenWhere: 'here', api: adminApi(), onError });
  after(admin.close);
  const there = ['--admin', admin.url, '--token', TOKEN];
  const { code, out } = await runCli('top', '--once', ...there);
  assert.equal(code, 0);
  assert.ok(!out.includes('\u001b'), 'no colour into a pipe');
  for (const line of [/1 000 queries\/s/, /^ +900 {2}www\.cdn\.example\.$/m, /^ +800 {2}FRA +900 +90\.0 %/m])
    assert.match(out, line);
  assert.match(out, /^ +800 {2}Paris, FR +AS64500 +web$/m);
  const json = await runCli('top', '--once', '--json', '--rows', '1', '--sort', 'used', ...there);
  const view = JSON.parse(json.out) as TopView;
  assert.deepEqual([view.pops.map((pop) => pop.code), view.names.length], [['GRU'], 1]);
  const wrong = await runCli('top', '--sort', 'size', '--rows', '0', '--every', 'x');
  assert.equal(wrong.code, 2);
  for (const words of ['--sort "size"', '--rows "0"', '--every "x"']) assert.ok(wrong.err.includes(words));
  assert.equal((await fetch(`${admin.url}/api/top?max=201`)).status, 400);
  const byName = sorted(view, 'name', 5);
  assert.deepEqual(
    byName.pops.map(({ code: pop }) => pop),
    ['GRU'],
  );
});
