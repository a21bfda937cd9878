import { emptyAddress } from '../base/address.ts';
import { counterBlock } from '../base/counters.ts';
import { sampleNames } from '../zone/sample.ts';
import { type AnswerData, type Answering, countingHandler, foreseerOf } from './answering.ts';
import { openCounters, serverLayout } from './counters.ts';
import { deathsBlock } from './deaths-block.ts';
import { demandWords, openDemand } from './demand-table.ts';
import type { Handler } from './handler.ts';
import {
  type Arena,
  BATCH_MAX,
  headerAddresses,
  NAME_OCTETS,
  openArena,
  workerArena,
} from './native-arena.ts';
import type { Libc } from './native-libc.ts';
import { runNativeLoop } from './native-loop.ts';
import { closeNativeSockets, type NativeSocket, openLoopback } from './native-sockets.ts';
import { IOV_LENGTH_WORD, IOV_WORDS } from './native-udp.ts';
import { TCP_LIMITS } from './tcp-limits.ts';
import { drawNetwork, type Question, questionsFor } from './warm-up-questions.ts';
import { STOP, WORD, workerWords } from './worker-memory.ts';

/**
 * Has the engine compile the way of a query before the thread answers clients. It compiles what runs often,
 * in threads of its own. Where those share a core with the thread that answers, each stretch of their work is
 * one of silence for clients, and until they are done an answer takes ten times as long: a thread that begins
 * under load begins with a queue. See docs/decisions/0013.
 *
 * So a thread first answers itself: it asks for names of the zones that it will serve, directly and then,
 * through the very loop, over sockets of the loopback interface that nobody else knows.
 */

/** The loop is entered so many times: the engine learns that what it is handed differs. */
const RUNS = 2;
/** Queries of one run that are answered without sockets, and in the loop. */
const DIRECT = 12_000;
const LOOPED = 6_000;
/** Time after which it leaves it at that, ms. */
const WARM_MS_MAX = 1_000;
/** Sizes of batches, in turn: full ones, which are followed by the next at once, and others. */
const BATCHES = [BATCH_MAX, 24, BATCH_MAX, 5];
/** Handlers that are none. */
const STRANGERS: readonly Handler[] = [() => 0, () => 1];
const LIMITS = { ...TCP_LIMITS, connectionsMax: 1 };

/** What warms up, and from what. */
export interface Warming {
  readonly libc: Libc;
  readonly answering: Answering;
  readonly data: AnswerData;
  /** Asked between batches: whether there is something better to do. */
  readonly isWanted: () => boolean;
}

/**
 * Returns when it is done, or after `WARM_MS_MAX`; at once where the loopback interface cannot be used. Never
 * throws: what goes wrong here is for the thread to find when a client asks.
 */
export function warmUp({ libc, answering, data, isWanted }: Warming): void {
  const server = openLoopback(libc);
  const client = openLoopback(libc);
  const endMs = performance.now() + WARM_MS_MAX;
  const isOver = (): boolean => performance.now() > endMs || isWanted();
  try {
    if (server === undefined || client === undefined) return;
    const asker = createAsker(libc, { client, server, answering, data });
    // All before the first question: code that was made for the only function of its kind is thrown away
    // when there is another, and the one that will answer clients is another.
    const parts = { libc, server, answering, data, asker, isOver };
    const runs = Array.from({ length: RUNS }, () => prepareRun(parts));
    for (const run of runs) if (!isOver()) run();
  } catch {
  } finally {
    const open = [server, client].filter((socket) => socket !== undefined);
    closeNativeSockets(libc, open);
  }
}

/** Makes queries by the batch. */
interface Asker {
  readonly arena: Arena;
  /** Writes the next batch where responses of its arena are; returns how many queries it has. */
  readonly fill: () => number;
  /** Fills and sends one. */
  readonly send: () => number;
}

interface Serving extends Pick<Warming, 'libc' | 'answering' | 'data'> {
  readonly server: NativeSocket;
  readonly asker: Asker;
  readonly isOver: () => boolean;
}

/** All that a run works with, and how to begin it. */
function prepareRun({ libc, server, answering, data, asker, isOver }: Serving): () => void {
  const layout = serverLayout(data.fleet.pops.map(({ code }) => code));
  const counters = openCounters(layout, counterBlock(layout));
  const parts = { counters, demand: openDemand(demandWords()), deaths: deathsBlock() };
  const handle = countingHandler(answering, parts);
  const foreseer = foreseerOf(answering, parts);
  return () => {
    // Where a call has met several functions it stays a call: the way of a query is not compiled into this
    // loop, which nobody will enter again, a second time.
    for (const other of STRANGERS) answerDirectly(other, asker, { queries: BATCH_MAX * 4, isOver });
    answerDirectly(handle, asker, { queries: DIRECT, isOver });
    const words = workerWords();
    let left = LOOPED;
    const ask = (): void => {
      left -= asker.send();
      if (left <= 0) Atomics.store(words, WORD.STOP, STOP.NOW);
    };
    ask();
    Atomics.store(words, WORD.MAIL, 1);
    runNativeLoop({
      libc,
      sockets: [server],
      words,
      arena: workerArena({ udpResponseMax: data.udpSizeMax, limits: LIMITS }),
      handle,
      // Asked when a batch was read: the next one waits when the loop looks again.
      foreseer: {
        ...foreseer,
        wanted: () => {
          ask();
          return foreseer.wanted();
        },
      },
      counters,
      limits: LIMITS,
      udpResponseMax: data.udpSizeMax,
      // At each turn, because it raises the word itself: what was sent may be lost, and then nothing comes.
      onMail: () => {
        if (isOver()) Atomics.store(words, WORD.STOP, STOP.NOW);
        else Atomics.add(words, WORD.MAIL, 1);
      },
      skipInHand: false,
    });
  };
}

/** Most of what is to be compiled, without the cost of system calls. */
function answerDirectly(
  handle: Handler,
  { arena, fill }: Asker,
  { queries, isOver }: { readonly queries: number; readonly isOver: () => boolean },
): void {
  const client = { address: emptyAddress(), port: 1, transport: 'udp' as const };
  const { i32, responseIovs, responseViews, queryViews } = arena;
  for (let done = 0; done < queries && !isOver(); ) {
    const count = fill();
    for (let i = 0; i < count; i++) {
      const length = i32[(responseIovs >> 2) + i * IOV_WORDS + IOV_LENGTH_WORD] as number;
      handle(responseViews[i] as Uint8Array, length, client, queryViews[i] as Uint8Array);
    }
    done += count;
  }
}

type AskerParts = Pick<Serving, 'server' | 'answering' | 'data'> & { readonly client: NativeSocket };

function createAsker(libc: Libc, { client, server, answering, data }: AskerParts): Asker {
  const options = { udpResponseMax: data.udpSizeMax, limits: LIMITS };
  const arena = openArena(libc, workerArena(options), options);
  const { u8, i32, responseIovs, responseViews } = arena;
  // What it sends with is laid out for answers; its "clients" are the one server.
  const shape = arena.shapes.find(({ v6, wildcard }) => !v6 && !wildcard) as (typeof arena.shapes)[number];
  const headers = headerAddresses(arena, shape.send);
  const { port } = server.address;
  const sockaddr = [2, 0, port >> 8, port & 0xff, 127, 0, 0, 1];
  for (let i = 0; i < BATCH_MAX; i++) u8.set(sockaddr, shape.names + i * NAME_OCTETS);
  const questions = questionsFor(sampleNames(answering.context.zones));
  let turn = 0;
  let next = 0;
  const fill = (): number => {
    const count = BATCHES[turn++ % BATCHES.length] as number;
    for (let i = 0; i < count; i++) {
      const question = questions[next++ % questions.length] as Question;
      drawNetwork(question);
      (responseViews[i] as Uint8Array).set(question.octets);
      i32[(responseIovs >> 2) + i * IOV_WORDS + IOV_LENGTH_WORD] = question.octets.length;
    }
    return count;
  };
  const send = (): number => {
    const count = fill();
    libc.sendmmsg(client.fd, headers[0] as number, count, 0);
    return count;
  };
  return { arena, fill, send };
}
