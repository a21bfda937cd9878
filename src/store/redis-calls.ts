import { type ChainableCommander, type Redis, type RedisCommander, ReplyError } from 'ioredis';
import type { Client } from './redis-clients.ts';
import { StoreError, type StoreState } from './store.ts';

/** A call fails when Redis has not answered by then, in ms. */
const CALL_LIMIT_MS = 1_000;
/** What Redis owes for so long it owes for good: the connection is made anew, ms. */
const LONG_MS = 5_000;
/** Calls that Redis may owe an answer, also of those that were given up. */
const PENDING_MAX = 10_000;
/** Replies that say that the server as a whole cannot serve now. */
const AWAY = /^(CLUSTERDOWN|MASTERDOWN|LOADING|READONLY|NOREPLICAS|BUSY|MOVED|ASK|TRYAGAIN) /;

/** Commands of Redis, wherever they go. */
export type RedisCommands = RedisCommander & Pick<Redis, 'pipeline'>;

/** Calls with a limit of time and number, and what went wrong with them. */
export interface RedisCalls {
  /**
   * Runs commands; rejects with `StoreError` when Redis is unreachable, refuses, or does not answer in time.
   */
  readonly call: <T>(work: (client: RedisCommands) => Promise<T>) => Promise<T>;
  /** Runs one command, and asks for the time of the server that it runs on, ms since 1970 UTC. */
  readonly timed: (
    command: (pipeline: ChainableCommander) => ChainableCommander,
  ) => Promise<{ nowMs: number; reply: unknown }>;
  /** Counts an error of a connection or a call. */
  readonly fail: (error: unknown) => StoreError;
  /** Counts a stored value that was skipped because it could not be read. */
  readonly noteDamaged: () => void;
  readonly state: () => StoreState;
  /** The last call failed as if nobody were there. */
  readonly isStalled: () => boolean;
  /** Redis owes an answer for so long that none will come. */
  readonly isLong: () => boolean;
  /** No call from now on. */
  readonly close: () => void;
}

/** Calls on one client; `shown` names it in messages. */
export function createCalls(client: Client, shown: string): RedisCalls {
  const counters = { errors: 0, damaged: 0, lastError: undefined as string | undefined };
  /** When each call began that Redis has not answered; the oldest first. */
  const pending = new Map<object, number>();
  let isStalled = false;
  let isClosed = false;
  const fail = (error: unknown): StoreError => {
    counters.errors++;
    counters.lastError = messageOf(error);
    return new StoreError(`${shown}: ${counters.lastError}`, { cause: error });
  };
  const refuse = (why: string): StoreError => {
    counters.errors++;
    return new StoreError(`${shown}: ${why}`);
  };
  const begun = <T>(work: Promise<T>): Promise<T> => {
    pending.set(work, performance.now());
    const settled = () => pending.delete(work);
    work.then(settled, settled);
    return work;
  };

  async function call<T>(work: (client: RedisCommands) => Promise<T>): Promise<T> {
    if (isClosed) throw new StoreError(`${shown}: the store is closed`);
    if (client.status !== 'ready') throw refuse(`not connected (${counters.lastError ?? client.status})`);
    if (pending.size >= PENDING_MAX) throw refuse(`${PENDING_MAX} calls are waiting`);
    try {
      const result = await limited(begun(work(client)), CALL_LIMIT_MS);
      isStalled = false;
      return result;
    } catch (error) {
      isStalled = isAway(error);
      throw fail(error);
    }
  }

  const timed: RedisCalls['timed'] = (command) =>
    call(async (redis) => {
      const [time, reply] = (await command(redis.pipeline().time()).exec()) ?? [];
      if (time?.[0]) throw time[0];
      if (reply?.[0]) throw reply[0];
      // TIME answers with two texts.
      const [seconds, micros] = (time?.[1] ?? []) as string[];
      return { nowMs: Number(seconds) * 1000 + Number(micros) / 1000, reply: reply?.[1] };
    });

  function state(): StoreState {
    const { errors, damaged, lastError } = counters;
    const connected = client.status === 'ready' && !isStalled && !isClosed;
    return { connected, address: shown, errors, damaged, ...(lastError === undefined ? {} : { lastError }) };
  }

  return {
    ...{ call, timed, fail, state },
    noteDamaged: () => counters.damaged++,
    isStalled: () => isStalled,
    isLong: () => performance.now() - (pending.values().next().value ?? Number.POSITIVE_INFINITY) > LONG_MS,
    close: () => {
      isClosed = true;
    },
  };
}

/** Nobody there, or nobody who can; a server that refuses one command is there. */
export function isAway(error: unknown): boolean {
  return !(error instanceof ReplyError) || AWAY.test((error as Error).message);
}

/** What the library says when it may not send a command again, in plain words. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'MaxRetriesPerRequestError' ? 'the connection was lost' : error.message || error.name;
}

/** What the work gives, or an error after so long. */
export async function limited<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
