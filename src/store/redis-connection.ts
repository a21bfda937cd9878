import { type ChainableCommander, Redis, type RedisCommander } from 'ioredis';
import { watchClock } from './redis-clock.ts';
import { type RedisTarget, tlsOptions } from './redis-url.ts';
import { type ClockSkew, StoreError, type StoreState } from './store.ts';

/** A call fails when Redis has not answered by then, in ms. */
const CALL_LIMIT_MS = 1_000;
/** A connection on which Redis owes an answer for so long is cut and made anew, in ms. */
const SILENCE_LIMIT_MS = 2_000;
const CONNECT_LIMIT_MS = 1_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/**
 * How often the subscriber asks Redis whether it is still there, in ms: a dead peer is silent like an idle
 * one.
 */
const PING_EVERY_MS = 5_000;
/** Each of the two steps of a close takes at most so long, in ms. */
const CLOSE_STEP_LIMIT_MS = 400;
/** Event of a subscriber that has subscribed. */
const SUBSCRIBED = 'isochrone:subscribed';
/** Calls that may wait for Redis at a time. */
const PENDING_MAX = 10_000;

/** Commands of Redis, wherever they go. */
export type RedisCommands = RedisCommander & Pick<Redis, 'pipeline'>;

/** Two connections to one Redis server, one for commands and one for the nudges, which repair themselves. */
export interface RedisConnection {
  /**
   * Runs commands; rejects with `StoreError` when Redis is unreachable, refuses, or does not answer in time.
   */
  readonly call: <T>(work: (client: RedisCommands) => Promise<T>) => Promise<T>;
  /** Runs one command, and asks for the time of the server that it runs on, ms since 1970 UTC. */
  readonly timed: (
    command: (pipeline: ChainableCommander) => ChainableCommander,
  ) => Promise<{ nowMs: number; reply: unknown }>;
  /** How often a connection was made: what changes may have seen a restart or another server. */
  readonly connections: () => number;
  readonly clockSkew: () => ClockSkew | undefined;
  /** Counts a stored value that was skipped because it could not be read. */
  readonly noteDamaged: () => void;
  readonly state: () => StoreState;
  /** Ends both connections within 1 s. */
  readonly close: () => Promise<void>;
}

/** What `openConnection` needs. */
export interface ConnectionOptions {
  readonly target: RedisTarget;
  readonly channels: readonly string[];
  /** A key that is not there, of the server whose clock counts. */
  readonly clockKey: string;
  readonly onMessage: (channel: string) => void;
  /** The subscription was made (again): messages may have been missed. */
  readonly onSubscribed: () => void;
}

/** Connects; resolves once connected or after 1 s without success, then trying goes on behind. */
export async function openConnection(options: ConnectionOptions): Promise<RedisConnection> {
  const { target, clockKey } = options;
  const client = new Redis(clientOptions(target, 'commands'));
  const subscriber = new Redis(clientOptions(target, 'nudges'));
  const calls = createCalls(client, target.shown);
  const { call, timed } = calls;
  const stopListening = listen(subscriber, options, calls.fail);
  const clock = watchClock(async () => (await timed((pipeline) => pipeline.exists(clockKey))).nowMs);
  let connections = 0;
  client.on('error', calls.fail);
  client.on('ready', () => {
    connections++;
    void clock.measure();
  });
  let closing: Promise<void> | undefined;
  const connected = Promise.all([untilEvent(client, 'ready'), untilEvent(subscriber, SUBSCRIBED)]);
  await limited(connected, CONNECT_LIMIT_MS).catch(() => undefined);
  if (client.status === 'ready') await clock.measure();
  return {
    call,
    timed,
    connections: () => connections,
    clockSkew: clock.skew,
    noteDamaged: calls.noteDamaged,
    state: calls.state,
    close: () => {
      calls.close();
      stopListening();
      clock.stop();
      closing ??= Promise.all([endClient(client), endClient(subscriber)]).then(() => undefined);
      return closing;
    },
  };
}

interface Calls extends Pick<RedisConnection, 'call' | 'timed' | 'noteDamaged' | 'state'> {
  /** Counts an error of a connection or a call. */
  readonly fail: (error: unknown) => StoreError;
  /** No call from now on. */
  readonly close: () => void;
}

/** Calls with a limit of time and number; counts what goes wrong. */
function createCalls(client: Redis, shown: string): Calls {
  const counters = { errors: 0, damaged: 0, lastError: undefined as string | undefined };
  let pending = 0;
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

  async function call<T>(work: (client: RedisCommands) => Promise<T>): Promise<T> {
    if (isClosed) throw new StoreError(`${shown}: the store is closed`);
    if (client.status !== 'ready') throw refuse(`not connected (${counters.lastError ?? client.status})`);
    if (pending >= PENDING_MAX) throw refuse(`${PENDING_MAX} calls are waiting`);
    pending++;
    try {
      const result = await limited(work(client), CALL_LIMIT_MS);
      isStalled = false;
      return result;
    } catch (error) {
      if (error instanceof LateError) isStalled = true;
      throw fail(error);
    } finally {
      pending--;
    }
  }

  const timed: RedisConnection['timed'] = (command) =>
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

  const close = (): void => {
    isClosed = true;
  };
  return { call, timed, fail, noteDamaged: () => counters.damaged++, state, close };
}

function clientOptions(target: RedisTarget, role: string) {
  const { host, port, username, password, db } = target;
  const tls = tlsOptions(target);
  return {
    host,
    port,
    db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    connectionName: `isochrone-${role}`,
    // RESP2 asks least of the server and of its ACL; the library's own client report needs Redis 7.2.
    protocol: 2 as const,
    disableClientInfo: true,
    connectTimeout: CONNECT_LIMIT_MS,
    disconnectTimeout: CLOSE_STEP_LIMIT_MS,
    socketTimeout: SILENCE_LIMIT_MS,
    maxLoadingRetryTime: RECONNECT_MAX_MS,
    keepAlive: PING_EVERY_MS,
    enableAutoPipelining: role === 'commands',
    // A command that cannot be sent now is refused now: what waits in a queue is stale when it arrives.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    retryStrategy: (attempt: number) => {
      const longest = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(attempt, 10));
      return RECONNECT_MIN_MS + Math.random() * (longest - RECONNECT_MIN_MS);
    },
  };
}

/** Keeps the subscriber subscribed and awake. Returns how to stop. */
function listen(
  subscriber: Redis,
  options: ConnectionOptions,
  fail: (error: unknown) => unknown,
): () => void {
  const { channels, onMessage, onSubscribed } = options;
  subscriber.on('error', fail);
  subscriber.on('message', onMessage);
  subscriber.on('ready', () => {
    subscriber.subscribe(...channels).then(() => {
      subscriber.emit(SUBSCRIBED);
      onSubscribed();
    }, fail);
  });
  const timer = setInterval(() => {
    if (subscriber.status === 'ready') subscriber.ping().catch(fail);
  }, PING_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** What the library says when it may not send a command again, in plain words. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'MaxRetriesPerRequestError' ? 'the connection was lost' : error.message || error.name;
}

class LateError extends Error {}

async function limited<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new LateError(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets commands under way finish, says goodbye, and cuts the connection when that takes too long. */
async function endClient(client: Redis): Promise<void> {
  const ended = untilEvent(client, 'end');
  // Auto-pipelined commands leave in the next turn of the event loop: the goodbye must not overtake them.
  await new Promise((resolve) => setImmediate(resolve));
  await limited(client.quit(), CLOSE_STEP_LIMIT_MS).catch(() => undefined);
  client.disconnect();
  await limited(ended, CLOSE_STEP_LIMIT_MS + 50).catch(() => undefined);
}

function untilEvent(client: Redis, event: string): Promise<void> {
  return new Promise((resolve) => {
    client.once(event, () => resolve());
  });
}
