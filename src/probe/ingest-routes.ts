import type { Clock } from '../base/clock.ts';
import { decodeBatch, decodeDemand, decodeReport } from '../store/codec.ts';
import { decodeHealth } from '../store/codec-health.ts';
import { encodeTargets } from '../store/codec-targets.ts';
import type { Store } from '../store/store.ts';
import { batchFaults, demandFaults, healthFaults, reportFaults } from './ingest-faults.ts';

/** Of the store, what agents may use: to write what their own POP measured, and take its targets. */
export type IngestStore = Pick<
  Store,
  'appendSamples' | 'putReport' | 'putDemand' | 'putHealth' | 'takeTargets' | 'clockSkew'
>;

/** What an agent is answered. */
export interface IngestReply {
  readonly status: number;
  /** Each fault of the request; absent where there is none. */
  readonly faults?: readonly string[];
  /** JSON. */
  readonly body?: string;
}

/** A request of an agent whose token was found good. */
export interface IngestRequest {
  /** The token's POP: everything in the body must be of it. */
  readonly pop: string;
  readonly text: string;
  /** The agent says that the controller is to hear of it at once: `?news`. */
  readonly isNews: boolean;
}

/** One thing that agents ask for. */
export interface IngestRoute {
  /** Longer bodies are refused unread. */
  readonly octetsMax: number;
  readonly answer: (request: IngestRequest, store: IngestStore) => Promise<IngestReply>;
}

/** Path of every route, before its name. */
export const INGEST_PATH = '/ingest/v1/';
/** Header with the store's time, ms since 1970 UTC: agents tell from it how far their own clock is off. */
export const TIME_HEADER = 'isochrone-time';

/** By name. A body is taken whole or not at all. */
export const INGEST_ROUTES: ReadonlyMap<string, IngestRoute> = new Map([
  [
    'samples',
    route(1 << 18, {
      faults: batchFaults,
      decode: decodeBatch,
      whose: (batch) => batch.pop,
      write: (store, batch, { isNews }) => store.appendSamples(batch, isNews),
    }),
  ],
  [
    'report',
    route(1 << 16, {
      faults: reportFaults,
      decode: decodeReport,
      whose: (report) => report.pop,
      write: (store, report, { isNews }) => store.putReport(report, isNews),
    }),
  ],
  [
    'demand',
    route(1 << 21, {
      faults: demandFaults,
      decode: decodeDemand,
      whose: (_demand, { pop }) => pop,
      write: (store, demand, { pop }) => store.putDemand(pop, demand),
    }),
  ],
  [
    'health',
    route(1 << 20, {
      faults: healthFaults,
      decode: decodeHealth,
      // A prober of another kind is nobody's POP.
      whose: ({ prober }) => /^agent:(.+)$/.exec(prober)?.[1] ?? '',
      write: (store, view, { isNews }) => store.putHealth(view, isNews),
    }),
  ],
  [
    'targets',
    {
      octetsMax: 0,
      answer: async ({ pop }, store) => {
        return { status: 200, body: encodeTargets(await store.takeTargets(pop)) };
      },
    },
  ],
]);

/** The store's time by this machine's clock. */
export function storeTimeMs(store: Pick<Store, 'clockSkew'>, clock: Clock): number {
  return Math.round(clock.nowMs() + (store.clockSkew()?.skewMs ?? 0));
}

/** What is done with one kind of body. */
interface Kind<T> {
  readonly faults: (value: unknown) => readonly string[];
  /** The store's own reader, which has the last word. */
  readonly decode: (text: string) => T | undefined;
  /** POP that the body speaks for. */
  readonly whose: (value: T, request: IngestRequest) => string;
  readonly write: (store: IngestStore, value: T, request: IngestRequest) => Promise<void>;
}

function route<T>(octetsMax: number, kind: Kind<T>): IngestRoute {
  return {
    octetsMax,
    answer: async (request, store) => {
      const parsed = parse(request.text);
      if (typeof parsed === 'string') return { status: 400, faults: [parsed] };
      const faults = kind.faults(parsed.value);
      if (faults.length > 0) return { status: 400, faults };
      const value = kind.decode(request.text);
      if (value === undefined) return { status: 400, faults: ['the body is not understood'] };
      const pop = kind.whose(value, request);
      if (pop !== request.pop)
        return {
          status: 403,
          faults: [`the token is of ${request.pop}, the body of ${JSON.stringify(pop)}`],
        };
      await kind.write(store, value, request);
      return { status: 204 };
    },
  };
}

function parse(text: string): { readonly value: unknown } | string {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return `the body is not JSON: ${(error as Error).message}`;
  }
}
