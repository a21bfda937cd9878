import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ExplainView } from '../../src/console/api.ts';
import { ask } from '../helpers/ask.ts';
import type { Message } from '../helpers/message.ts';
import { type Program, runProgram, startProgram } from '../helpers/program.ts';
import { randomClients } from '../helpers/random-clients.ts';
import { freePort } from '../helpers/redis.ts';

/** `explain` says what DNS says, and its terms add up, for a thousand random clients. */

const NAME = 'www.cdn.example';
const CLIENTS = 1000;
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
  for (const client of randomClients(CLIENTS)) {
    const pair = await bothAnswers(client);
    if (pair === undefined) continue;
    compared++;
    const { view, answer } = pair;
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

/** A DNS answer between two explanations from one table; undefined if the table changed meanwhile, twice. */
async function bothAnswers(
  client: string,
  tries = 2,
): Promise<{ view: ExplainView; answer: Message } | undefined> {
  const view = await explained(client);
  const isSix = client.includes(':');
  const server = { host: '127.0.0.1', port: program.port };
  const subnet = `${client}/${isSix ? 128 : 32}`;
  const answer = await ask({ name: NAME, type: isSix ? 'AAAA' : 'A', subnet, server });
  const after = await explained(client);
  if (view.table.epoch === after.table.epoch) return { view, answer };
  return tries > 1 ? bothAnswers(client, tries - 1) : undefined;
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
