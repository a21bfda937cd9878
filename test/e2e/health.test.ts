import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusView } from '../../src/console/api.ts';
import { ANSWER_MS, CLIENT, NAME, VERDICT_MS, writeHealthCluster } from '../helpers/health-cluster.ts';
import { type Program, runProgram, until } from '../helpers/program.ts';
import { freePort, withoutRedis } from '../helpers/redis.ts';
import { type Service, startService } from '../helpers/service.ts';
import { seenAnswers, WATCH_ANSWERS } from '../helpers/watch-answers.ts';
import { opened } from './steps.ts';

/** POPs are processes of their own, and so are two name servers; there is no controller, and no table. */

const ADDRESSES = { PA: '127.93.1.1', PB: '127.93.2.1', PC: '127.93.3.1' } as const;
type Code = keyof typeof ADDRESSES;
/** Others' last views count for so long when the store is away, and then this process's own, ms. */
const STALE_MS = 6000;

test('killed, silent, without a store: down in 2 s, and out of every answer in 100 ms', {
  skip: withoutRedis(),
}, async (t) => {
  const open = opened(t);
  const redis = await open.redis();
  const port = await freePort();
  const services = {} as Record<Code, Service>;
  const start = async (code: Code): Promise<void> => {
    services[code] = await startService({ kind: 'http', address: ADDRESSES[code], port });
    open.closeLater(() => services[code].kill('SIGKILL'));
  };
  for (const code of ['PA', 'PB', 'PC'] as const) await start(code);
  const config = writeHealthCluster(open.folder(), { addresses: ADDRESSES, port });
  const serve = ['serve', '--config', config, '--store', redis.url];
  const both = await Promise.all([open.program(serve), open.program(serve)]);
  for (const program of both) {
    const seen = await until(
      () => statusOf(program),
      ({ probers }) => isSettled(probers),
      10_000,
    );
    assert.ok(seen.held, JSON.stringify(seen.value.probers));
  }
  const watches = both.map((program) => watchAnswers(program, open.closeLater));
  for (const watch of watches) assert.ok((await until(watch.now, (one) => one === ADDRESSES.PA, 5000)).held);

  const outBy = async (what: string, act: () => void): Promise<void> => {
    const atMs = Date.now();
    act();
    for (const watch of watches)
      assert.ok(
        (await until(watch.now, (one) => one === ADDRESSES.PB, 8000)).held,
        `${what}: ${watch.now()}`,
      );
    const verdicts = both.map((program) => lastDownMs(program));
    const verdictMs = Math.min(...verdicts) - atMs;
    const answerMs = watches.map((watch) => watch.changedMs() - Math.min(...verdicts));
    t.diagnostic(`${what}: verdict after ${verdictMs} ms, answers ${answerMs.join(' and ')} ms after it`);
    assert.ok(verdictMs > 0 && verdictMs <= VERDICT_MS, `${what}: ${verdictMs} ms`);
    for (const one of answerMs) assert.ok(one <= ANSWER_MS, `${what}: ${one} ms`);
  };
  const back = async (act: () => unknown): Promise<void> => {
    await act();
    for (const watch of watches)
      assert.ok((await until(watch.now, (one) => one === ADDRESSES.PA, 6000)).held, await watch.now());
  };

  await outBy('kill -9', () => services.PA.kill('SIGKILL'));
  const { out } = await runProgram('explain', NAME, '--client', CLIENT, '--admin', both[0].admin);
  assert.match(
    out,
    /PA is first in the table, but went out since \(2 of 2 views: ns:\S+ refused, ns:\S+ refused\)/,
  );
  await back(() => start('PA'));
  await outBy('SIGSTOP', () => services.PA.kill('SIGSTOP'));
  await back(() => services.PA.kill('SIGCONT'));

  await redis.kill('SIGKILL');
  await sleep(STALE_MS);
  for (const watch of watches) assert.equal(await watch.now(), ADDRESSES.PA, 'nothing changes by itself');
  const atMs = Date.now();
  services.PA.kill('SIGKILL');
  for (const [i, watch] of watches.entries()) {
    assert.ok((await until(watch.now, (one) => one === ADDRESSES.PB, 8000)).held);
    const tookMs = watch.changedMs() - atMs;
    t.diagnostic(`without a store, name server ${i + 1}: ${tookMs} ms after kill -9, by its own checks`);
    assert.ok(tookMs <= VERDICT_MS + ANSWER_MS, `${tookMs} ms`);
  }
  // All are dead now, as far as anybody sees: who sees nothing says nothing, and answers go on.
  services.PB.kill('SIGKILL');
  services.PC.kill('SIGKILL');
  await sleep(3000);
  for (const watch of watches) assert.match(await watch.now(), /^127\.93\./);
});

async function statusOf(program: Program): Promise<StatusView> {
  return (await (await fetch(`${program.admin}/api/status`)).json()) as StatusView;
}

function isSettled(probers: StatusView['probers']): boolean {
  return probers.length === 2 && probers.every(({ up }) => up === 3);
}

/** When the program last said that PA is down, ms since 1970. */
function lastDownMs(program: Program): number {
  const lines = program.output().matchAll(/^(\S+Z) PA is down: /gm);
  return Date.parse([...lines].at(-1)?.[1] ?? '');
}

function watchAnswers(program: Program, closeLater: (close: () => unknown) => void) {
  const args = [WATCH_ANSWERS, '127.0.0.1', String(program.port), NAME, CLIENT];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  closeLater(() => child.kill('SIGKILL'));
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return {
    now: async (): Promise<string> => seenAnswers(printed).at(-1)?.answer ?? 'nothing yet',
    /** When its answer last changed, ms since 1970. */
    changedMs: (): number => seenAnswers(printed).at(-1)?.atMs ?? 0,
  };
}
