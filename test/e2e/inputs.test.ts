import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Asker, popOf } from '../helpers/answers.ts';
import { type Program, until } from '../helpers/program.ts';
import { freePort, withoutRedis } from '../helpers/redis.ts';
import { feed, type Input } from './feeder.ts';
import {
  type Client,
  clientIn,
  command,
  explain,
  opened,
  type Terms,
  termsOf,
  untilDig,
  watch,
} from './steps.ts';

/** Each round gives each input another continent; one is enough to notice a fault. */
const ROUNDS = Number(process.env['ISOCHRONE_E2E_ROUNDS'] ?? 1);
const COUNTRIES = ['IT', 'US', 'BR', 'JP', 'AU', 'EG'] as const;
const INPUTS: readonly Input[] = ['latency', 'loss', 'link', 'links', 'load', 'health'];
/** An answer must follow within so long, ms. */
const REACT_MS = 2000;
/** It must be back within so long after the cause is gone, ms. */
const RETURN_MS = 15_000;
/** By then the agents have measured the heaviest networks a few times. */
const SETTLE_MS = 10_000;
const WATCH_MS = 10_000;

interface Case {
  readonly input: Input;
  readonly client: Client;
  readonly before: Terms;
}

test('each input changes the answer within 2 s, explain names its term, and it comes back without flapping', {
  skip: withoutRedis(),
}, async (t) => {
  const open = opened(t);
  const redis = await open.redis();
  const popPort = String(await freePort());
  const program = await open.program(['up', '--pop-port', popPort, '--store', redis.url]);
  const asker = open.asker(program);
  await sleep(SETTLE_MS);
  for (let round = 0; round < ROUNDS; round++) {
    const cases = await casesOf(program, round);
    const modelled: Record<string, number> = {};
    for (const one of cases) {
      await command(program, 'model', one.client.pop, ...flagsOf(one));
      modelled[one.input] = await changed(program, one);
      await explained(program, one);
    }
    await command(program, 'model', '--reset');
    t.diagnostic(`round ${round}, model: changed after ms ${JSON.stringify(modelled)}`);
    t.diagnostic(`round ${round}, model: ${await cameBack(program, asker, cases)}`);

    const again = await casesOf(program, round + 3);
    const fed: Record<string, number> = {};
    const stops: (() => Promise<void>)[] = [];
    for (const one of again) {
      const stop = await feed({ url: redis.url, input: one.input, client: one.client });
      open.closeLater(stop);
      stops.push(stop);
      fed[one.input] = await changed(program, one);
      await explained(program, one);
    }
    const stopping = Promise.all(stops.map((stop) => stop()));
    t.diagnostic(`round ${round}, store: changed after ms ${JSON.stringify(fed)}`);
    t.diagnostic(`round ${round}, store: ${await cameBack(program, asker, again)}`);
    await stopping;
  }
});

async function casesOf(program: Program, shift: number): Promise<Case[]> {
  const cases: Case[] = [];
  for (const [i, input] of INPUTS.entries()) {
    const client = await clientIn(program, COUNTRIES[(i + shift) % COUNTRIES.length] ?? 'IT');
    cases.push({ input, client, before: termsOf(await explain(program, client.subnet), client.pop) });
  }
  return cases;
}

function flagsOf({ input, client }: Case): string[] {
  switch (input) {
    case 'latency':
      return ['--rtt', '80'];
    case 'loss':
      return ['--loss', '0.3'];
    case 'link':
      return ['--congestion', '1.2', '--link', client.link];
    case 'links':
      return ['--congestion', '1.2'];
    case 'load':
      return ['--load', '2'];
    case 'health':
      return ['--outage'];
  }
}

/** Milliseconds from now until dig gives another link of the POP (`link`), or another POP. */
function changed(program: Program, { input, client }: Case): Promise<number> {
  const isOther = (link: string): boolean =>
    input === 'link' ? link !== client.link && popOf(link) === client.pop : popOf(link) !== client.pop;
  const what = `${input} of ${client.pop} for ${client.subnet}`;
  return untilDig(program, { subnet: client.subnet, holds: isOther, withinMs: REACT_MS, what });
}

async function explained(program: Program, { input, client, before }: Case): Promise<void> {
  const now = termsOf(await explain(program, client.subnet), client.pop);
  assert.ok(now !== undefined && before !== undefined);
  const pairs: Record<Exclude<Input, 'health' | 'link'>, [number, number]> = {
    latency: [now.rttMs, before.rttMs],
    loss: [now.lossMs, before.lossMs],
    links: [now.congestionMs, before.congestionMs],
    load: [now.priceMs, before.priceMs],
  };
  const what = `${input} of ${client.pop}: ${JSON.stringify(now)}`;
  if (input === 'health') assert.ok(now.out !== undefined && before.out === undefined, what);
  else if (input === 'link') assert.notEqual(now.link, client.link, what);
  else assert.ok(pairs[input][0] > pairs[input][1], what);
}

/** All clients have their POP again; then at most one change each while watched. */
async function cameBack(program: Program, asker: Asker, cases: readonly Case[]): Promise<string> {
  const subnets = cases.map(({ client }) => client.subnet);
  const backMs = await Promise.all(
    cases.map(async ({ client, input }) => {
      const ask = async () => (await asker.pops([client.subnet]))[0];
      const { value, ms, held } = await until(ask, (pop) => pop === client.pop, RETURN_MS);
      if (!held) {
        const view = await explain(program, client.subnet);
        const both = [value ?? '', client.pop].map((pop) => JSON.stringify(termsOf(view, pop)));
        assert.fail(`after ${input} ${client.subnet} has ${both.join(', not ')}; ${view.notes.join(' ')}`);
      }
      return [input, Math.round(ms)];
    }),
  );
  const seen = await watch(asker, subnets, WATCH_MS);
  for (const [i, links] of seen.entries()) {
    const changes = links.filter((link, k) => k > 0 && popOf(link) !== popOf(links[k - 1] ?? '')).length;
    assert.ok(changes <= 1, `after ${cases[i]?.input} ${cases[i]?.client.subnet} had ${links.join(' ')}`);
  }
  const text = JSON.stringify(Object.fromEntries(backMs));
  return `back after ms ${text}, then ${seen.map((links) => links.join('>')).join(' ')}`;
}
