import { type DemandCount, turnDemand } from './demand-table.ts';

/** What a network asks of a service, as of the last whole period. */
export interface DemandCell {
  /** 0 where `leafKey` says it. */
  readonly placeId: number;
  /** 0: the network is not known. */
  readonly asn: number;
  /** `networkKey` of a /24 or /48 with a row of its own; -1: all others of the place and AS. */
  readonly leafKey: number;
  /** Position in the configuration; -1: names that are not steered. */
  readonly serviceIndex: number;
  /** Queries a second, estimated from one query in 16. */
  readonly qps: number;
}

/** Demand of all clients, the busiest first. */
export interface Demand {
  readonly cells: readonly DemandCell[];
  /** Networks and services told apart. */
  readonly cellCount: number;
  /** Queries a second of all. */
  readonly qps: number;
  /** Queries a second of those that found no room in the tables. */
  readonly overflowQps: number;
}

/** Adds up the workers' tables. */
export interface DemandReader {
  /** Ends a period. Call it every `DEMAND_PERIOD_MS`. */
  readonly turn: (nowMs: number) => void;
  /** The last period, at most `max` cells. */
  readonly read: (max: number) => Demand;
}

/** Length of a period, ms. */
export const DEMAND_PERIOD_MS = 10_000;
const NOTHING: Demand = { cells: [], cellCount: 0, qps: 0, overflowQps: 0 };

/** Reads these tables, one a worker. */
export function createDemandReader(tables: readonly Uint32Array[], nowMs: number): DemandReader {
  let sinceMs = nowMs;
  let last = NOTHING;
  return {
    turn: (atMs) => {
      const seconds = Math.max(1, atMs - sinceMs) / 1000;
      sinceMs = atMs;
      last = demandOf(tables.map(turnDemand), seconds);
    },
    read: (max) => ({ ...last, cells: last.cells.slice(0, max) }),
  };
}

function demandOf(turns: readonly ReturnType<typeof turnDemand>[], seconds: number): Demand {
  const totals = new Map<string, { cell: DemandCount; queries: number }>();
  let queries = 0;
  let overflow = 0;
  for (const turn of turns) {
    overflow += turn.overflow;
    for (const cell of turn.cells) {
      queries += cell.queries;
      const key = `${cell.placeId} ${cell.asn} ${cell.leafKey} ${cell.serviceIndex}`;
      const total = totals.get(key);
      if (total === undefined) totals.set(key, { cell, queries: cell.queries });
      else total.queries += cell.queries;
    }
  }
  const cells = [...totals.values()]
    .sort((a, b) => b.queries - a.queries)
    .map(({ cell: { placeId, asn, leafKey, serviceIndex }, queries: own }) => {
      return { placeId, asn, leafKey, serviceIndex, qps: own / seconds };
    });
  const all = (queries + overflow) / seconds;
  return { cells, cellCount: cells.length, qps: all, overflowQps: overflow / seconds };
}
