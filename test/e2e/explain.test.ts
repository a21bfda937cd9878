import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ExplainView } from '../../src/console/api-explain.ts';
import type { CatchmentsView, HistoryMoment, HistoryView } from '../../src/console/api-live.ts';
import type { TraceView } from '../../src/console/api-trace.ts';
import { demoNetworks } from '../helpers/answers.ts';
import { ask } from '../helpers/ask.ts';
import type { Message } from '../helpers/message.ts';
import { type Program, permit, runProgram, startProgram } from '../helpers/program.ts';
import { randomClients } from '../helpers/random-clients.ts';
import { freePort } from '../helpers/redis.ts';

/** `explain` says what DNS says, and its terms add up, for a thousand random clients. */

const NAME = 'www.cdn.example';
const CLIENTS = 1000;
/** Clients that are explained, then asked for, between two looks at which table is in use. */
const AT_A_TIME = 8;
const COMPARED_MIN = 0.95;
/** So that some clients have measurements behind them. */
const MEASURE_MS = 10_000;

let program: Program;
before(async () => {
  program = await startProgram(['up', '--pop-port', String(await freePort())]);
  await sleep(MEASURE_MS);
});
after(() => program.end());

test('for 1,000 random clients explain names the POP of the DNS answer, and its terms add up', async () => {
  let compared = 0;
  const cells = new Set<string>();
  const chosen = new Set<string>();
  const clients = randomClients(CLIENTS);
  const lots = Array.from({ length: CLIENTS / AT_A_TIME }, (_, i) =>
    clients.slice(i * AT_A_TIME, (i + 1) * AT_A_TIME),
  );
  for (const lot of lots)
    for (const { client, view, answer } of await bothAnswers(lot)) {
      compared++;
      const type = client.includes(':') ? 'AAAA' : 'A';
      const address = view.chosen.addresses[client.includes(':') ? 1 : 0];
      assert.deepEqual(answer.sections[0], [`${NAME}. ${view.ttl.seconds} ${type} ${address}`], client);
      assert.equal(answer.ecs?.scope, view.scopeLength, client);
      assertAddsUp(view);
      cells.add(view.cell.key);
      chosen.add(view.chosen.pop);
    }
  assert.ok(compared >= CLIENTS * COMPARED_MIN, `${compared} of ${CLIENTS} with one and the same table`);
  assert.ok(cells.size > 200 && chosen.size > 50, `${cells.size} cells, ${chosen.size} POPs`);
});

test('the command says the same as the API', async () => {
  for (const client of ['127.1.0.1', '200.147.0.0/16', '2003:3c0::/32']) {
    const type = client.includes(':') ? 'AAAA' : 'A';
    const args = ['explain', NAME, type, '--client', client, '--json', '--admin', program.admin];
    const { said, api } = await atRest(client, async () => {
      const { code, out, err } = await runProgram(...args);
      assert.equal(code, 0, err);
      return JSON.parse(out) as ExplainView;
    });
    assertAddsUp(said);
    assert.deepEqual(timeless(said), timeless(api));
  }
});

test('catchments are what explain says of the networks there; the last hour has begun', async () => {
  let compared = 0;
  for (const { prefix } of demoNetworks.slice(0, 40)) {
    const view = await explained(prefix);
    const { places, pops, epoch } = (await json('/api/catchments')) as CatchmentsView;
    const weights = places.map(([, , , , weight]) => weight);
    assert.ok(places.length > 500 && places.length <= 4000, `${places.length} places`);
    assert.ok(
      isDeepStrictEqual(
        weights,
        weights.toSorted((one, other) => other - one),
      ),
    );
    assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 0.05);
    const after = await explained(prefix);
    if (view.table.epoch !== epoch || after.table.epoch !== epoch) continue;
    // Where all clients of a place get one POP, so does this network.
    const key = (view.cell.inherits ?? view.cell.key).replace(/^AS\d+\//, '');
    const [, , , , , pop = -1, share] = places.find(([own]) => own === key) ?? [];
    if (share !== 1) continue;
    assert.equal(pops[pop], view.chosen.pop, `${prefix} in ${key}, epoch ${epoch}`);
    if (++compared === 12) break;
  }
  assert.ok(compared >= 5, `${compared} with one and the same table`);
  const { points, octets, pops } = (await json('/api/history')) as HistoryView;
  assert.ok(points.length >= 1 && pops.length === 150);
  // The hour itself, what its first moment is explained from, and what each minute adds to that.
  const minutes = ((points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0)) / 60_000;
  const mib = 1 << 20;
  assert.ok(octets < 2 * mib + 2 * mib + minutes * mib, `${octets} octets`);
  const moment = (await json(`/api/history/at?atMs=${points.at(-1)?.atMs}`)) as HistoryMoment;
  assert.deepEqual([moment.epoch, moment.pops.length], [points.at(-1)?.epoch, 150]);
});

test('a trace over the API is that of the command; a cold one needs the token', async () => {
  const trace = (fields: Record<string, string>, headers: Record<string, string> = {}) => {
    const query = new URLSearchParams({
      url: `https://${NAME}/static/a`,
      client: '200.147.0.0/16',
      ...fields,
    });
    return fetch(`${program.admin}/api/trace?${query}`, { headers });
  };
  const warm = (await (await trace({ mode: 'warm', alone: 'true' })).json()) as TraceView;
  const sum = warm.bars.reduce((total, { ms }) => total + ms, 0);
  assert.ok(Math.abs(sum - warm.totalMs) < 1, `${sum} of ${warm.totalMs}`);
  assert.deepEqual([warm.cache, warm.clientRoundTrips, warm.others], ['Hit from isochrone', 2, []]);
  assert.equal((await trace({ mode: 'cold' })).status, 401);
  const cold = (await (await trace({ mode: 'cold', alone: 'true' }, permit(program))).json()) as TraceView;
  assert.equal(cold.cache, 'Miss from isochrone');
  const faults = [{ url: 'https://www.example.org/' }, { url: 'http://x/', client: 'y', mode: 'z' }];
  for (const [i, fields] of faults.entries()) {
    const refused = await trace(fields);
    const { problems } = (await refused.json()) as { problems: unknown[] };
    assert.deepEqual([refused.status, problems.length], [400, i === 0 ? 1 : 3]);
  }
});

const json = async (path: string): Promise<unknown> => (await fetch(program.admin + path)).json();

/** What was said of a client while the API said one and the same before and after. */
async function atRest(
  client: string,
  say: () => Promise<ExplainView>,
  tries = 20,
): Promise<{ said: ExplainView; api: ExplainView }> {
  const before = await explained(client);
  const said = await say();
  const api = await explained(client);
  if (isDeepStrictEqual(timeless(before), timeless(api))) return { said, api };
  assert.ok(tries > 1, `what is known of ${client} changes all the time`);
  return atRest(client, say, tries - 1);
}

function timeless(view: ExplainView): ExplainView {
  return { ...view, table: { ...view.table, ageMs: 0 } };
}

/** What clients are answered with, and why, all from one table; none if it changed meanwhile each time. */
async function bothAnswers(
  clients: readonly string[],
  tries = 3,
): Promise<{ client: string; view: ExplainView; answer: Message }[]> {
  const views = await Promise.all(clients.map(explained));
  const answers = await Promise.all(clients.map(answered));
  const { epoch } = (await explained(clients[0] ?? '')).table;
  if (views.every(({ table }) => table.epoch === epoch))
    return clients.map((client, i) => ({
      client,
      view: views[i] as ExplainView,
      answer: answers[i] as Message,
    }));
  return tries > 1 ? bothAnswers(clients, tries - 1) : [];
}

function answered(client: string): Promise<Message> {
  const isSix = client.includes(':');
  const server = { host: '127.0.0.1', port: program.port };
  return ask({ name: NAME, type: isSix ? 'AAAA' : 'A', subnet: `${client}/${isSix ? 128 : 32}`, server });
}

async function explained(client: string): Promise<ExplainView> {
  const type = client.includes(':') ? 'AAAA' : 'A';
  const query = new URLSearchParams({ name: NAME, type, client });
  const response = await fetch(`${program.admin}/api/explain?${query}`);
  assert.equal(response.status, 200, client);
  return (await response.json()) as ExplainView;
}

const hundredths = (ms: number): number => Math.round(ms * 100);

function assertAddsUp(view: ExplainView): void {
  for (const pop of view.pops) {
    const terms = [pop.rttMs, pop.lossMs, pop.congestionMs, pop.priceMs, pop.biasMs];
    for (const ms of [...terms, pop.scoreMs]) assert.equal(ms, hundredths(ms) / 100);
    const sum = terms.reduce((total, ms) => total + hundredths(ms), 0);
    assert.equal(sum, hundredths(pop.scoreMs), `${view.client.address}: ${pop.pop}`);
  }
  const ins = view.pops.filter(({ out }) => out === undefined);
  const own = ins.find(({ pop }) => pop === view.chosen.pop);
  assert.ok(own, `${view.client.address}: ${view.chosen.pop} was chosen, and is out`);
  assert.equal(own.link, view.chosen.link);
  const best = ins.filter((pop) => pop !== own).sort((one, other) => one.scoreMs - other.scoreMs)[0];
  const rival = ins.find(({ pop }) => pop === view.runnerUp?.pop);
  assert.equal(rival?.scoreMs, best?.scoreMs);
  const marginMs = hundredths(rival?.scoreMs ?? 0) - hundredths(own.scoreMs);
  assert.equal(hundredths(view.runnerUp?.marginMs ?? 0), marginMs);
  if (marginMs >= 0) return;
  // Its part of a divided cell has the worse POP, or hysteresis keeps it there: the one or the other.
  const isInOtherPart = view.split?.parts.some(({ pop }) => pop === rival?.pop) === true;
  assert.ok(view.notes.some((note) => note.includes(isInOtherPart ? 'are divided' : 'hysteresis')));
}
