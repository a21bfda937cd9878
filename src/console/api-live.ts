import type { PopStateWord, PopView } from './api.ts';

/** A POP in a moment: what changes of it. */
export interface LivePop {
  readonly code: string;
  readonly state: PopStateWord;
  /** Why it is not up. */
  readonly why?: string;
  /** Requests a second; absent without a report. */
  readonly loadRps?: number;
  /** Where it expects more: how much, and how soon, ms; not kept of the past. */
  readonly expectedRps?: number;
  readonly expectedInMs?: number;
  readonly capacityRps: number;
  /** Price for its load, ms. */
  readonly priceMs: number;
  /** Fraction 0..1 of the demand that the table in use sends there. */
  readonly share: number;
}

/** What `/api/events` tells. */
export interface LiveState {
  /** ms since 1970 UTC. */
  readonly atMs: number;
  /** Of the steering table in use, and its age, ms; 0 before the first. */
  readonly epoch: number;
  readonly tableAgeMs: number;
  /** As `/readyz` has it. */
  readonly ready: boolean;
  /** Queries a second over the last seconds, by transport. */
  readonly queryRates: Readonly<Record<string, number>>;
  readonly pops: readonly LivePop[];
}

/**
 * A place with clients: key and label, degrees north and east, its part 0..1 of all demand, position in
 * `pops` of the POP that most of its clients get (-1: none), and the part 0..1 of them that get it.
 */
export type CatchmentPlace = readonly [
  key: string,
  label: string,
  latitude: number,
  longitude: number,
  weight: number,
  popIndex: number,
  share: number,
];

/** Who gets which POP by the rows in use, or as they were. */
export interface CatchmentsView {
  readonly service: string;
  /** All services, in the configuration's order. */
  readonly services: readonly string[];
  /** Whose demand weighs the places: of the past, that of the first service that gets the same POPs. */
  readonly weightsOf: string;
  readonly epoch: number;
  readonly atMs: number;
  /** Codes of all POPs. */
  readonly pops: readonly string[];
  /** The heaviest first. */
  readonly places: readonly CatchmentPlace[];
}

/** The last hour in few words. */
export interface HistoryView {
  /** Time between points, ms. */
  readonly stepMs: number;
  /** The first of them, ms since 1970 UTC; now where there is none. */
  readonly fromMs: number;
  /** Codes of all POPs. */
  readonly pops: readonly string[];
  /** Memory that the hour takes in the process, its catchments and what explains it included, octets. */
  readonly octets: number;
  /** By time. */
  readonly points: readonly HistoryPoint[];
}

/** A moment of the last hour. */
export interface HistoryPoint {
  readonly atMs: number;
  readonly epoch: number;
  /** Queries a second of all transports. */
  readonly qps: number;
  /** Codes of POPs that were out. */
  readonly down: readonly string[];
  readonly drained: readonly string[];
}

/** What is told of a POP now, and not kept. */
type NotKept = 'why' | 'expectedRps' | 'expectedInMs';

/** A moment of the last hour with its POPs. */
export interface HistoryMoment {
  readonly atMs: number;
  readonly epoch: number;
  readonly queryRates: Readonly<Record<string, number>>;
  readonly pops: readonly Omit<LivePop, NotKept>[];
}

/** The last hour of one POP: how it was at each kept moment. */
export interface PopHistory extends HistoryView {
  readonly series: readonly PopMoment[];
}

/** A POP in a moment of the last hour. */
export type PopMoment = Omit<LivePop, 'code' | NotKept> & { readonly atMs: number };

/** What the console shows of now and of the last hour. */
export interface LiveApi {
  readonly state: () => LiveState;
  /**
   * Of a service (absent: the first) now, or at the kept moment nearest to `atMs`. Rejects with
   * `OperatorError('not-found')`: no such service, no table yet.
   */
  readonly catchments: (wish: {
    readonly service?: string | undefined;
    readonly atMs?: number | undefined;
  }) => Promise<CatchmentsView>;
  readonly history: () => HistoryView;
  /** The same with one POP's part. */
  readonly popHistory: (code: string) => PopHistory;
  /** The kept moment nearest to a time. An `OperatorError('not-found')` while none is kept. */
  readonly historyAt: (atMs: number) => HistoryMoment;
}

/** What changes of a POP, without digits that nobody reads. */
export function livePop(pop: PopView): LivePop {
  const { code, state, why, loadRps, expectedRps, expectedInMs, capacityRps, priceMs, share } = pop;
  return {
    code,
    state,
    ...(why === undefined ? {} : { why }),
    ...(loadRps === undefined ? {} : { loadRps: rounded(loadRps, 1) }),
    ...(expectedRps === undefined ? {} : { expectedRps: rounded(expectedRps, 1) }),
    ...(expectedInMs === undefined ? {} : { expectedInMs }),
    capacityRps: rounded(capacityRps, 1),
    priceMs: rounded(priceMs, 3),
    share: rounded(share, 6),
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
