import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { HealthView, PopView, Store } from '../store/store.ts';
import { createCheck } from './check.ts';
import type { Check, CheckSpec } from './check-spec.ts';
import { type CheckState, NOT_CHECKED, nextCheckState, regainedState } from './check-state.ts';

/** The checks of one POP. */
export interface PopChecks {
  readonly pop: string;
  /** Every ingress address: the POP is up while any of them answers. */
  readonly addresses: readonly string[];
  readonly spec: CheckSpec;
}

/** What checking needs. */
export interface ChecksOptions {
  /** Name of this prober: `agent:FRA`, `ns:HOST:PID`. */
  readonly prober: string;
  readonly pops: readonly PopChecks[];
  readonly store: Pick<Store, 'putHealth' | 'state'>;
  readonly clock: Clock;
  readonly random: Random;
  /** Each view as it goes to the store, and before it is there. */
  readonly onView?: (view: HealthView) => void;
}

/** Figures since the start. */
export interface ChecksCounts {
  readonly made: number;
  readonly failed: number;
  /** Put off because too many were under way. */
  readonly postponed: number;
  /** Views that the store did not take: the next one replaces them. */
  readonly viewsLost: number;
}

/** Checks at work. */
export interface Checks {
  readonly counts: () => ChecksCounts;
  /** When the first failure was known that took a POP down or may do so, ms since 1970; 0: none did. */
  readonly failingSinceMs: (pop: string) => number;
  /** Ends all checks; the store learns that this prober sees nothing more. */
  readonly close: () => Promise<void>;
}

/** An unchanged view is published so often, ms. */
const VIEW_EVERY_MS = 1000;
/** A check comes by so much of its interval earlier or later: probers do not march in step. */
const JITTER_SHARE = 0.1;
/** Checks under way at most, of all POPs; a turn that finds no room waits so long. */
const UNDER_WAY_MAX = 1000;
const POSTPONED_MS = 50;
/** A timeout that comes so late was held up here, as the answer may have been: it waits that much longer. */
const LATE_MS = 20;

interface Running {
  readonly options: ChecksOptions;
  readonly onState: () => void;
  /** All but those of the prober's own POP, which it sees without a network. */
  readonly abroad: Address[];
  underWay: number;
  made: number;
  failed: number;
  postponed: number;
  closed: boolean;
}

/** One address of a POP. */
interface Address {
  readonly check: Check;
  readonly spec: CheckSpec;
  state: CheckState;
  /** When its last check was over, and the first of those that were good in a row, ms since 1970. */
  checkedAtMs: number;
  goodFromMs: number;
  timer: NodeJS.Timeout | undefined;
  cancel: (() => void) | undefined;
}

/**
 * Checks every address on its own timer, one connection at a time each, and publishes what this prober
 * sees.
 */
export function startChecks(options: ChecksOptions): Checks {
  const { clock } = options;
  const publisher = createPublisher(options, () => viewNow());
  const running: Running = {
    options,
    onState: publisher.changed,
    abroad: [],
    underWay: 0,
    made: 0,
    failed: 0,
    postponed: 0,
    closed: false,
  };
  const pops = options.pops.map(({ pop, addresses, spec }) => ({
    pop,
    addresses: addresses.map((address) => startAddress(running, spec, address)),
  }));
  for (const { pop, addresses } of pops)
    if (options.prober !== `agent:${pop}`) running.abroad.push(...addresses);
  const viewNow = (): HealthView => {
    const views = pops.flatMap(({ pop, addresses }) => popView(pop, addresses) ?? []);
    return { prober: options.prober, atMs: clock.nowMs(), views };
  };
  return {
    counts: () => {
      const { made, failed, postponed } = running;
      return { made, failed, postponed, viewsLost: publisher.lost() };
    },
    failingSinceMs: (code) => {
      const own = pops.find(({ pop }) => pop === code)?.addresses ?? [];
      return own.reduce((most, { state }) => Math.max(most, state.failingSinceMs), 0);
    },
    close: async () => {
      running.closed = true;
      for (const { addresses } of pops) addresses.forEach(stopAddress);
      await publisher.close();
    },
  };
}

/** What a prober sees of a POP: up while any address answers; undefined while that is not known. */
function popView(pop: string, addresses: readonly Address[]): PopView | undefined {
  const states = addresses.map(({ state }) => state);
  const up = states.filter(({ state }) => state === 'up');
  if (up.length > 0) {
    const rttMs = Math.min(...up.map(({ rttMs = Infinity }) => rttMs));
    return { pop, state: 'up', why: '', ...(rttMs < Infinity ? { rttMs: Math.round(rttMs * 10) / 10 } : {}) };
  }
  const first = states.find(({ state }) => state === 'down');
  return first === undefined || states.some(({ state }) => state === undefined)
    ? undefined
    : { pop, state: 'down', why: first.why };
}

function startAddress(running: Running, spec: CheckSpec, address: string): Address {
  const { random } = running.options;
  const own: Address = {
    check: createCheck(spec, address),
    spec,
    state: NOT_CHECKED,
    checkedAtMs: 0,
    goodFromMs: 0,
    timer: undefined,
    cancel: undefined,
  };
  own.timer = setTimeout(() => turn(running, own), random.next() * spec.intervalMs);
  return own;
}

function stopAddress(own: Address): void {
  clearTimeout(own.timer);
  own.cancel?.();
  own.check.close();
}

/** One check, and the timer for the next: by the interval from this start on, or when this one is over. */
function turn(running: Running, own: Address): void {
  const { options } = running;
  const { spec } = own;
  if (running.underWay >= UNDER_WAY_MAX) {
    running.postponed++;
    own.timer = setTimeout(() => turn(running, own), POSTPONED_MS);
    return;
  }
  const startedMs = performance.now();
  const nextMs = startedMs + spec.intervalMs * (1 + JITTER_SHARE * (2 * options.random.next() - 1));
  running.underWay++;
  running.made++;
  let isOver = false;
  const over = (fault: string): void => {
    // A connection may still fail after the check was good.
    if (isOver) return;
    isOver = true;
    clearTimeout(own.timer);
    own.cancel = undefined;
    running.underWay--;
    if (running.closed) return;
    if (fault !== '') running.failed++;
    const nowMs = options.clock.nowMs();
    const before = own.state.state;
    own.state = nextCheckState(own.state, { fault, tookMs: performance.now() - startedMs, nowMs }, spec);
    own.checkedAtMs = nowMs;
    if (own.state.goodInARow === 1) own.goodFromMs = nowMs;
    if (before === 'down' && own.state.state === 'up') regainSight(running, own);
    own.timer = setTimeout(() => turn(running, own), Math.max(0, nextMs - performance.now()));
    if (own.state.state !== before) running.onState();
  };
  own.cancel = own.check.start(over);
  awaitTimeout(own, startedMs + spec.timeoutMs, () => {
    own.cancel?.();
    over(`no answer in ${spec.timeoutMs} ms`);
  });
}

/**
 * The first address that is up again after all were down: this prober was blind, and what it held of the
 * others says nothing of them. Those whose last check was good are up too; those that were not checked since
 * are unknown; those that failed since are down indeed.
 */
function regainSight({ abroad }: Running, own: Address): void {
  const others = abroad.filter((other) => other !== own);
  if (!abroad.includes(own) || others.some(({ state }) => state.state === 'up')) return;
  for (const other of others)
    if (other.state.state === 'down')
      other.state = regainedState(other.state, other.checkedAtMs >= own.goodFromMs);
}

/**
 * Calls back at a time, unless the timer was stopped. If this process was held up meanwhile, as the answer
 * may have been, it is given as much time again.
 */
function awaitTimeout(own: Address, dueMs: number, onTimeout: () => void): void {
  own.timer = setTimeout(() => {
    const lateMs = performance.now() - dueMs;
    if (lateMs > LATE_MS) {
      own.timer = setTimeout(onTimeout, Math.min(lateMs, own.spec.timeoutMs));
      return;
    }
    onTimeout();
  }, dueMs - performance.now());
}

/** Publishes views: at once when one changed, else each second; one at a time, the newest first. */
function createPublisher(options: ChecksOptions, viewNow: () => HealthView) {
  const { store, onView, prober, clock } = options;
  let lost = 0;
  let isBusy = false;
  let isWaiting = false;
  let isDue: NodeJS.Immediate | undefined;
  const send = async (isChange: boolean): Promise<void> => {
    const view = viewNow();
    onView?.(view);
    isWaiting ||= isChange && isBusy;
    if (isBusy) return;
    isBusy = true;
    try {
      if (store.state().connected) await store.putHealth(view, isChange);
      else lost++;
    } catch {
      lost++;
    } finally {
      isBusy = false;
    }
    if (!isWaiting) return;
    isWaiting = false;
    await send(true);
  };
  // Who checks nothing has nothing to say.
  const timer = options.pops.length === 0 ? undefined : setInterval(() => void send(false), VIEW_EVERY_MS);
  return {
    /** Several that change in one turn of the loop make one view. */
    changed: () => {
      isDue ??= setImmediate(() => {
        isDue = undefined;
        void send(true);
      });
    },
    lost: () => lost,
    close: async () => {
      clearInterval(timer);
      clearImmediate(isDue);
      if (timer === undefined || !store.state().connected) return;
      await store.putHealth({ prober, atMs: clock.nowMs(), views: [] }, true).catch(() => undefined);
    },
  };
}
