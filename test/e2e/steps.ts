import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusView } from '../../src/console/api.ts';
import type { ExplainedPop, ExplainView } from '../../src/console/api-explain.ts';
import { type Asker, createAsker, demoNetworks, linkOfAddress, popOf } from '../helpers/answers.ts';
import { demoTruth } from '../helpers/demo-truth.ts';
import { dig, type Program, runProgram, startProgram, until } from '../helpers/program.ts';
import { startRedis, type TestRedis } from '../helpers/redis.ts';

/** A client, and what it is answered with while nothing is wrong. */
export interface Client {
  readonly subnet: string;
  readonly link: string;
  readonly pop: string;
}

/** A POP that leads by less is in a tie, ms. */
const CLEAR_MS = 3;
/** Networks that a client is chosen from. */
const HEAVIEST = 40;
/** By then one of them has its nearest POP, ms. */
const KNOWN_MS = 20_000;

/** What `explain` says of a POP that one client had. */
export type Terms = ExplainedPop | undefined;

/** What a test opens through this is closed when it ends, last first, however it ends. */
export interface Opened {
  readonly program: typeof startProgram;
  readonly redis: () => Promise<TestRedis>;
  readonly asker: (program: Program) => Asker;
  /** A folder that goes in the end. */
  readonly folder: () => string;
  readonly closeLater: (close: () => unknown) => void;
}

export function opened(t: TestContext): Opened {
  const closes: (() => unknown)[] = [];
  t.after(async () => {
    for (const close of closes.reverse()) await close();
  });
  return {
    program: async (...parameters) => {
      const program = await startProgram(...parameters);
      closes.push(() => program.end());
      return program;
    },
    redis: async () => {
      const redis = await startRedis();
      closes.push(redis.stop);
      return redis;
    },
    asker: ({ port }) => {
      const asker = createAsker(port);
      closes.push(asker.close);
      return asker;
    },
    folder: () => {
      const folder = mkdtempSync(join(tmpdir(), 'isochrone-e2e-'));
      closes.push(() => rmSync(folder, { recursive: true, force: true }));
      return folder;
    },
    closeLater: (close) => closes.push(close),
  };
}

/** Link that the real `dig` is given for a client. */
export async function digLink(program: Program, subnet: string): Promise<string> {
  const [address = ''] = await dig(program.port, 'www.cdn.example', `+subnet=${subnet}`);
  return linkOfAddress(address);
}

/**
 * The client among the heaviest networks of a country that is answered with its nearest POP and whose POP
 * leads by most: as the modelled internet is, and not only as far as it was measured. Waits until there is
 * one.
 */
export async function clientIn(program: Program, country: string): Promise<Client> {
  const networks = demoNetworks.filter((network) => network.country === country);
  const heaviest = networks.sort((one, other) => other.weight - one.weight).slice(0, HEAVIEST);
  const clear = heaviest.flatMap(({ prefix }) => {
    const truth = demoTruth().get(prefix);
    return truth !== undefined && truth.leadMs >= CLEAR_MS ? [{ prefix, truth }] : [];
  });
  const leader = async ({ prefix, truth }: (typeof clear)[number]) => {
    const view = await viewOf(program, prefix);
    const seenMs = view.chosen.pop === truth.pop ? (view.runnerUp?.marginMs ?? 0) : 0;
    return { prefix, view, leadMs: Math.min(seenMs, truth.leadMs) };
  };
  const leaders = async () =>
    (await Promise.all(clear.map(leader))).sort((one, other) => other.leadMs - one.leadMs);
  const { value, held } = await until(leaders, ([first]) => (first?.leadMs ?? 0) >= CLEAR_MS, KNOWN_MS);
  const [clearest] = value;
  assert.ok(held && clearest !== undefined, `every client in ${country} has a tie`);
  const { prefix, view } = clearest;
  const link = await digLink(program, prefix);
  assert.equal(popOf(link), view.chosen.pop, `${prefix}: dig against explain`);
  return { subnet: prefix, link, pop: popOf(link) };
}

/** What the API explains of a client. */
async function viewOf(program: Program, prefix: string): Promise<ExplainView> {
  const query = new URLSearchParams({ name: 'www.cdn.example', type: 'A', client: prefix });
  return (await (await fetch(`${program.admin}/api/explain?${query}`)).json()) as ExplainView;
}

/** Asks dig until the answer satisfies; fails after `withinMs`. Gives how long it took, ms. */
export async function untilDig(
  program: Program,
  want: { subnet: string; holds: (link: string) => boolean; withinMs: number; what: string },
): Promise<number> {
  const { subnet, holds, withinMs, what } = want;
  const { value, ms, held } = await until(() => digLink(program, subnet), holds, withinMs);
  if (!held) {
    const view = await explain(program, subnet);
    const terms = view.pops.slice(0, 4).map((one) => JSON.stringify(one));
    const late = await until(() => digLink(program, subnet), holds, withinMs);
    const then = late.held ? `then ${late.value} after ${Math.round(late.ms)} ms more` : 'nor later';
    const table = `epoch ${view.table.epoch}, ${view.table.ageMs} ms old`;
    const words = [...terms, ...view.notes, table, then, program.output().slice(-1000)];
    assert.fail(`${what}: ${value} after ${Math.round(ms)} ms; ${words.join(' ')}`);
  }
  return Math.round(ms);
}

/** Runs a command against a program; it must succeed. */
export async function command(program: Program, ...args: string[]): Promise<string> {
  const { code, out, err } = await runProgram(...args, '--admin', program.admin, '--state', program.state);
  assert.equal(code, 0, `isochrone ${args.join(' ')}: ${err}`);
  return out;
}

/** `explain --json` for a client. */
export async function explain(program: Program, subnet: string): Promise<ExplainView> {
  return JSON.parse(await command(program, 'explain', 'www.cdn.example', '--client', subnet, '--json'));
}

/** A POP's terms in an explanation. */
export function termsOf(view: ExplainView, pop: string): Terms {
  return view.pops.find((one) => one.pop === pop);
}

/** Looks at the clients' answers every 100 ms for so long; gives the links that each one had, in order. */
export async function watch(asker: Asker, subnets: readonly string[], forMs: number): Promise<string[][]> {
  const seen: string[][] = subnets.map(() => []);
  for (const end = performance.now() + forMs; performance.now() < end; await sleep(100))
    for (const [i, link] of (await asker.links(subnets)).entries())
      if (link !== seen[i]?.at(-1)) seen[i]?.push(link);
  return seen;
}

/** A value of `/metrics`; NaN where there is none. */
export async function metric(program: Program, name: string): Promise<number> {
  const text = await (await fetch(`${program.admin}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}

/** Links that clients are answered with now. */
export async function linksOf(program: Program, subnets: readonly string[]): Promise<string[]> {
  const asker = createAsker(program.port);
  try {
    return await asker.links(subnets);
  } finally {
    asker.close();
  }
}

/** What `status` says. */
export async function statusOf(program: Program): Promise<StatusView> {
  return JSON.parse(await command(program, 'status', '--json'));
}
