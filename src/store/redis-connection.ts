import type { Redis } from 'ioredis';
import type { RedisAddress } from '../base/redis-address.ts';
import { createCalls, limited, type RedisCalls } from './redis-calls.ts';
import { CLOSE_STEP_LIMIT_MS, type Client, CONNECT_LIMIT_MS, openClients } from './redis-clients.ts';
import { watchClock } from './redis-clock.ts';
import type { ClockSkew } from './server.ts';

/**
 * How often the subscriber asks Redis whether it is still there, in ms: a dead peer is silent like an idle
 * one.
 */
const PING_EVERY_MS = 5_000;
/** How often a client that fails is asked whether it is well again, ms. */
const HEAL_EVERY_MS = 500;
/** Event of a subscriber that has subscribed. */
const SUBSCRIBED = 'isochrone:subscribed';
/** Two connections to one Redis server, one for commands and one for the nudges, which repair themselves. */
export interface RedisConnection extends Pick<RedisCalls, 'call' | 'timed' | 'noteDamaged' | 'state'> {
  /** How often a connection was made: what changes may have seen a restart or another server. */
  readonly connections: () => number;
  readonly clockSkew: () => ClockSkew | undefined;
  /** Ends both connections within 1 s. */
  readonly close: () => Promise<void>;
}

/** What `openConnection` needs. */
export interface ConnectionOptions {
  readonly target: RedisAddress;
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
  const { client, subscriber } = openClients(target);
  const calls = createCalls(client, target.shown);
  const { call, timed } = calls;
  const stopListening = listen(subscriber, options, calls.fail);
  const clock = watchClock(async () => (await timed((pipeline) => pipeline.exists(clockKey))).nowMs);
  let connections = 0;
  client.on('error', calls.fail);
  // Of a Cluster: a node that is away is no error of the whole.
  client.on('node error', calls.fail);
  client.on('ready', () => {
    connections++;
    void clock.measure();
  });
  const heal = setInterval(() => {
    if (calls.isLong()) client.disconnect(true);
    else if (calls.isStalled()) void clock.measure();
  }, HEAL_EVERY_MS);
  heal.unref();
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
      clearInterval(heal);
      closing ??= Promise.all([endClient(client), endClient(subscriber)]).then(() => undefined);
      return closing;
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
    subscribe(subscriber, channels).then(() => {
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

/** Each channel by itself: what this user may not hear of it need not hear of. Rejects where it may none. */
async function subscribe(subscriber: Redis, channels: readonly string[]): Promise<void> {
  const results = await Promise.allSettled(channels.map((channel) => subscriber.subscribe(channel)));
  const failed = results.filter((result) => result.status === 'rejected');
  const isRefused = ({ reason }: PromiseRejectedResult) => /^NOPERM/.test(String(reason?.message));
  const serious = failed.length === channels.length ? failed[0] : failed.find((one) => !isRefused(one));
  if (serious !== undefined) throw serious.reason;
}

/** Lets commands under way finish, says goodbye, and cuts the connection when that takes too long. */
async function endClient(client: Client): Promise<void> {
  const ended = untilEvent(client, 'end');
  // Auto-pipelined commands leave in the next turn of the event loop: the goodbye must not overtake them.
  await new Promise((resolve) => setImmediate(resolve));
  await limited(client.quit(), CLOSE_STEP_LIMIT_MS).catch(() => undefined);
  client.disconnect();
  await limited(ended, CLOSE_STEP_LIMIT_MS + 50).catch(() => undefined);
}

function untilEvent(client: Client, event: string): Promise<void> {
  return new Promise((resolve) => {
    client.once(event, () => resolve());
  });
}
