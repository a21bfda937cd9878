import type { ServerResponse } from 'node:http';

/** Those who are told of the state as it changes: server-sent events (WHATWG HTML §9.2). */
export interface Events {
  /** Tells this client from now on, at once first. False: there are too many already. */
  readonly add: (response: ServerResponse) => boolean;
  /** Whether there is room for one more. */
  readonly hasRoom: () => boolean;
}

/** Bounds and paces of the events. */
const EVENTS: Readonly<Record<'everyMs' | 'heartbeatMs' | 'retryMs' | 'unreadOctets' | 'skipsMax', number>> =
  {
    /** The state is told so often, ms. */
    everyMs: 2_000,
    /** A comment, which keeps proxies from closing what says nothing, so often, ms. */
    heartbeatMs: 15_000,
    /** A client comes back so long after it lost the connection, ms. */
    retryMs: 2_000,
    /** Who has this much unread is told nothing new, octets. */
    unreadOctets: 65_536,
    /** Who was skipped so often in a row is closed. */
    skipsMax: 5,
  };

/** Clients that listen at a time. */
export const LISTENERS_MAX = 32;

/**
 * Nobody listens yet. `state` is asked for once for all listeners, and only while there are some; its text
 * is one line.
 */
export function createEvents(state: () => string, paces: Partial<typeof EVENTS> = {}): Events {
  const { everyMs, heartbeatMs, retryMs, unreadOctets, skipsMax } = { ...EVENTS, ...paces };
  /** How often each was skipped in a row. */
  const listeners = new Map<ServerResponse, number>();
  let timers: readonly NodeJS.Timeout[] = [];
  const tell = (response: ServerResponse, text: string): void => {
    if (response.writableLength <= unreadOctets) {
      response.write(text);
      listeners.set(response, 0);
      return;
    }
    const skipped = (listeners.get(response) ?? 0) + 1;
    listeners.set(response, skipped);
    if (skipped >= skipsMax) response.destroy();
  };
  const tellAll = (text: string): void => {
    for (const response of [...listeners.keys()]) tell(response, text);
  };
  const event = (): string => `event: state\ndata: ${state()}\n\n`;
  const start = (): void => {
    timers = [
      setInterval(() => tellAll(event()), everyMs),
      setInterval(() => {
        for (const response of listeners.keys())
          if (response.writableLength === 0) response.write(': still here\n\n');
      }, heartbeatMs),
    ];
  };
  return {
    hasRoom: () => listeners.size < LISTENERS_MAX,
    add: (response) => {
      if (listeners.size >= LISTENERS_MAX) return false;
      if (listeners.size === 0) start();
      listeners.set(response, 0);
      response.on('close', () => {
        listeners.delete(response);
        if (listeners.size === 0) for (const timer of timers) clearInterval(timer);
      });
      response.write(`retry: ${retryMs}\n\n${event()}`);
      return true;
    },
  };
}
