import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExplainedPop, ExplainView } from '../../src/console/api.ts';
import { type Asker, createAsker, demoNetworks, linkOfAddress, popOf } from '../helpers/answers.ts';
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
const HEAVIEST = 10;

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
 * The client among the heaviest networks of a country whose POP leads by most: hysteresis holds what comes
 * near to a tie where it is, which may be either way.
 */
export async function clientIn(program: Program, country: string): Promise<Client> {
  const networks = demoNetworks.filter((network) => network.country === country);
  const heaviest = networks.sort((one, other) => other.weight - one.weight).slice(0, HEAVIEST);
  const views = await Promise.all(
    heaviest.map(async ({ prefix }) => {
      const query = new URLSearchParams({ name: 'www.cdn.example', type: 'A', client: prefix });
      const view = (await (await fetch(`${program.admin}/api/explain?${query}`)).json()) as ExplainView;
      return { prefix, view, marginMs: view.runnerUp?.marginMs ?? 0 };
    }),
  );
  const clearest = views.reduce((best, one) => (one.marginMs > best.marginMs ? one : best));
  assert.ok(clearest.marginMs >= CLEAR_MS, `every client in ${country} has a tie`);
  const { prefix, view } = clearest;
  const link = await digLink(program, prefix);
  assert.equal(popOf(link), view.chosen.pop, `${prefix}: dig against explain`);
  return { subnet: prefix, link, pop: popOf(link) };
}

/** Asks dig until the answer satisfies; fails after `withinMs`. Gives how long it took, ms. */
export async function untilDig(
  program: Program,
  want: { subnet: string; holds: (link: string) => boolean; withinMs: number; what: string },
): Promise<number> {
  const { subnet, holds, withinMs, what } = want;
  const { value, ms, held } = await until(() => digLink(program, subnet), holds, withinMs);
  assert.ok(held, `${what}: ${value} after ${Math.round(ms)} ms`);
  return Math.round(ms);
}

/** Runs a command against a program; it must succeed. */
export async function command(program: Program, ...args: string[]): Promise<string> {
  const { code, out, err } = await runProgram(...args, '--admin', program.admin);
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
