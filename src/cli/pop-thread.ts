import { parentPort, workerData } from 'node:worker_threads';
import type { Address } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { POP_DRAINED } from '../base/pop-state.ts';
import { type ClientImage, openClientImage } from '../geo/client-image.ts';
import { IDLE, type PopLoad } from '../pop/load.ts';
import type { Choice } from '../pop/page.ts';
import type { Pops } from '../pop/pops.ts';
import type { Whereabouts } from '../pop/waf/run.ts';
import type {
  FromPopThread,
  PopAnswer,
  PopFigures,
  PopOrder,
  PopQuestion,
  PopThreadData,
  ToPopThread,
} from './pop-messages.ts';
import { createQuestions } from './questions.ts';
import { startConfiguredPops } from './start-pops.ts';
import { processTerminal } from './terminal.ts';
import { whereaboutsOf } from './whereabouts.ts';

/** The entry of a thread that serves POPs: sockets, TLS, caches and the way to origins are all here. */

/** How often load and counters are told, ms. */
const FIGURES_EVERY_MS = 250;
/** An explanation may take so long, ms: a page without one is better than none. */
const ANSWER_MS = 2_000;
const LOOK_EVERY_MS = 50;
/** So long after the POPs opened what asks origins is loaded, unless a request needed it before, ms. */
const LOAD_AFTER_MS = 2_000;
/** Hosts whose service is asked for. */
const HOSTS_MAX = 1_000;

const port = must(parentPort, "a parent: this file is a thread's entry");
// pop-tier.ts, its only starter, hands over this type.
const data = workerData as PopThreadData;
const say = (message: FromPopThread): void => port.postMessage(message);
const questions = createQuestions<PopQuestion, PopAnswer>((id, what) => say({ kind: 'ask', id, what }));
const closers: (() => Promise<void> | void)[] = [];
let image: ClientImage | undefined;

try {
  const pops = await start();
  const tell = figuresOf(pops);
  tell();
  const timer = setInterval(tell, FIGURES_EVERY_MS);
  closers.push(() => clearInterval(timer));
  port.on('message', (message: ToPopThread) => void take(pops, message));
  setTimeout(() => void import('../pop/l3/origins.ts'), LOAD_AFTER_MS).unref();
  say({ kind: 'open', addressCount: pops.addressCount, builtInRegions: pops.builtInRegions });
} catch (error) {
  // What is no operator's error ends the thread, and its starter hears of it.
  if (!(error instanceof OperatorError)) throw error;
  say({ kind: 'refused', code: error.code, problems: error.problems });
  await close();
}

function start(): Promise<Pops> {
  const { config, only, anyAddress, port: tcpPort, certificate, beaconScript, popState } = data;
  return startConfiguredPops({
    config,
    only: new Set(only),
    anyAddress,
    port: tcpPort,
    certificate,
    beaconScript,
    believesClients: data.believesClients,
    explain: data.explains ? explain : () => undefined,
    serviceOf: data.explains ? servicesOfHosts() : () => undefined,
    isDraining: (popIndex) => (Atomics.load(popState, popIndex) & POP_DRAINED) !== 0,
    terminal: processTerminal(process, new AbortController().signal),
    whereabouts: openWhereabouts(),
    clock: { nowMs: Date.now },
    log: (line) => say({ kind: 'log', line }),
    closeLater: (closer) => void closers.push(closer),
  });
}

async function explain(host: string, client: Address): Promise<Choice | undefined> {
  const answer = await questions
    .ask({ name: 'explain', host, client }, ANSWER_MS)
    .catch((error: Error) => say({ kind: 'log', line: `a page has no explanation: ${error.message}` }));
  return typeof answer === 'object' ? answer : undefined;
}

/** Each host is asked for once; until the answer is there it is of no service. */
function servicesOfHosts(): (host: string) => string | undefined {
  const known = new Map<string, string | undefined>();
  return (host) => {
    if (known.has(host) || known.size >= HOSTS_MAX) return known.get(host);
    known.set(host, undefined);
    questions.ask({ name: 'service', host }, ANSWER_MS).then(
      (service) => known.set(host, typeof service === 'string' ? service : undefined),
      // Asked again with the next request.
      () => known.delete(host),
    );
    return undefined;
  };
}

function openWhereabouts(): (address: Address) => Whereabouts {
  const { where } = data;
  if (where === undefined) return () => ({ country: '', asn: 0 });
  openClients(where.clients);
  return whereaboutsOf(() => must(image, 'client image'), where.country);
}

function openClients(bytes: Uint8Array): void {
  const placesDigest = data.where?.placesDigest ?? 0;
  const opened = openClientImage(bytes, { placesDigest, isSummed: true });
  if (typeof opened === 'string') say({ kind: 'log', line: `the client image is refused: ${opened}` });
  else image = opened;
}

/** Tells what changed since the last time. */
function figuresOf(pops: Pops): () => void {
  const told = new Map<number, { readonly load: PopLoad; readonly connections: number }>();
  return () => {
    const changed = data.only.flatMap((popIndex): PopFigures[] => {
      const now = { load: pops.load(popIndex), connections: pops.connections(popIndex) };
      const before = told.get(popIndex);
      const isSame = now.load === (before?.load ?? IDLE);
      if (isSame && now.connections === (before?.connections ?? 0)) return [];
      told.set(popIndex, now);
      return [{ popIndex, connections: now.connections, ...(isSame ? {} : { load: now.load }) }];
    });
    say({ kind: 'figures', counters: pops.counters(), pops: changed });
  };
}

async function take(pops: Pops, message: ToPopThread): Promise<void> {
  if (message.kind === 'clients') openClients(message.bytes);
  else if (message.kind === 'answer') questions.answered(message.id, message.value);
  else if (message.kind === 'failed') questions.failed(message.id, message.message);
  else
    try {
      say({ kind: 'answer', id: message.id, value: await carryOut(pops, message.what) });
      if (message.what.name === 'close') port.close();
    } catch (error) {
      say({ kind: 'failed', id: message.id, message: (error as Error).message });
    }
}

async function carryOut(pops: Pops, order: PopOrder): Promise<number> {
  switch (order.name) {
    case 'invalidate':
      return pops.tier.invalidate(order.wanted);
    case 'set-up':
      await pops.setUp(order.popIndex, order.up);
      return 0;
    case 'finish':
      await finish(pops, order.graceMs);
      return 0;
    case 'close':
      await close();
      return 0;
  }
}

/** Waits until no request is under way. */
async function finish(pops: Pops, graceMs: number): Promise<void> {
  const untilMs = performance.now() + graceMs;
  while (data.only.some((popIndex) => pops.active(popIndex) > 0) && performance.now() < untilMs)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
}

async function close(): Promise<void> {
  questions.end('the POPs close');
  for (const closer of closers.reverse()) await closer();
}
