import { OperatorError } from '../base/errors.ts';
import type { HistoryMoment, HistoryPoint, HistoryView, LiveState, PopMoment } from '../console/api-live.ts';

/** The last hour in this process: a point each `HISTORY_STEP_MS`, in arrays of fixed length. */
export interface History {
  readonly add: (state: LiveState) => void;
  readonly view: (nowMs: number) => Omit<HistoryView, 'octets'>;
  /** The point nearest to a time. An `OperatorError('not-found')` while there is none. */
  readonly at: (atMs: number) => HistoryMoment;
  /** A POP at each of the points; empty for one that is not of the fleet. */
  readonly series: (code: string) => readonly PopMoment[];
  /** What it takes in memory, octets. */
  readonly octets: number;
}

/** Time between points, ms. */
export const HISTORY_STEP_MS = 20_000;
/** An hour of them. */
const POINTS = 180;
/** Transports that are told apart; one more is left out. */
const TRANSPORTS = 8;
/** By POP and point: what is kept of it. */
const FIELDS = ['loadRps', 'capacityRps', 'priceMs', 'share'] as const;
const STATES = ['up', 'down', 'drained'] as const;

/** An hour in which nothing was seen yet. */
export function createHistory(codes: readonly string[]): History {
  const times = new Float64Array(POINTS);
  const epochs = new Float64Array(POINTS);
  const rates = new Float32Array(POINTS * TRANSPORTS);
  const states = new Uint8Array(POINTS * codes.length);
  const fields = FIELDS.map(() => new Float32Array(POINTS * codes.length));
  const transports: string[] = [];
  let added = 0;
  const kept = (): number => Math.min(added, POINTS);
  /** Slots of the kept points, by time. */
  const slots = (): number[] => Array.from({ length: kept() }, (_, i) => (added - kept() + i) % POINTS);
  const ratesIn = (slot: number): Record<string, number> =>
    Object.fromEntries(transports.map((name, i) => [name, exact(rates[slot * TRANSPORTS + i])]));
  const inState = (slot: number, state: (typeof STATES)[number]): string[] => {
    const code = STATES.indexOf(state);
    return codes.filter((_, pop) => states[slot * codes.length + pop] === code);
  };
  const point = (slot: number): HistoryPoint => ({
    atMs: times[slot] as number,
    epoch: epochs[slot] as number,
    qps: Object.values(ratesIn(slot)).reduce((sum, rate) => sum + rate, 0),
    down: inState(slot, 'down'),
    drained: inState(slot, 'drained'),
  });
  const popIn = (slot: number, pop: number): PopFigures =>
    figuresAt(states, fields, slot * codes.length + pop);
  return {
    add: (state) => {
      const slot = added % POINTS;
      times[slot] = state.atMs;
      epochs[slot] = state.epoch;
      for (const [name, rate] of Object.entries(state.queryRates)) {
        if (!transports.includes(name) && transports.length < TRANSPORTS) transports.push(name);
        const i = transports.indexOf(name);
        if (i >= 0) rates[slot * TRANSPORTS + i] = rate;
      }
      for (const [pop, view] of state.pops.entries()) {
        const at = slot * codes.length + pop;
        states[at] = STATES.indexOf(view.state);
        for (const [i, field] of FIELDS.entries())
          (fields[i] as Float32Array)[at] = view[field] ?? Number.NaN;
      }
      added++;
    },
    view: (nowMs) => {
      const points = slots().map(point);
      return { stepMs: HISTORY_STEP_MS, fromMs: points[0]?.atMs ?? nowMs, pops: codes, points };
    },
    at: (atMs) => {
      if (added === 0) throw nothingKept();
      const away = (slot: number): number => Math.abs((times[slot] as number) - atMs);
      const best = slots().reduce((one, other) => (away(other) <= away(one) ? other : one));
      return {
        atMs: times[best] as number,
        epoch: epochs[best] as number,
        queryRates: ratesIn(best),
        pops: codes.map((code, pop) => ({ code, ...popIn(best, pop) })),
      };
    },
    series: (code) => {
      const pop = codes.indexOf(code);
      return (pop === -1 ? [] : slots()).map((slot) => ({
        atMs: times[slot] as number,
        ...popIn(slot, pop),
      }));
    },
    octets: [times, epochs, rates, states, ...fields].reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}

/** What is kept of a POP at a point. */
type PopFigures = Omit<PopMoment, 'atMs'>;

function figuresAt(states: Uint8Array, fields: readonly Float32Array[], at: number): PopFigures {
  const [loadRps = NaN, capacityRps = 0, priceMs = 0, share = 0] = fields.map((values) => exact(values[at]));
  const state = STATES[states[at] as number] ?? 'up';
  return { state, ...(Number.isNaN(loadRps) ? {} : { loadRps }), capacityRps, priceMs, share };
}

/** Without the digits that a 32-bit number does not have. */
const exact = (value = 0): number => Number(value.toPrecision(7));

function nothingKept(): OperatorError {
  const message = 'nothing is kept yet: this process has just started';
  return new OperatorError('not-found', [{ file: 'history', message }]);
}
