import type { Fleet } from '../base/fleet.ts';
import type { NetModel } from '../netmodel/model.ts';
import type { Demand } from '../store/store.ts';
import type { ModelledClient } from './clients.ts';

/**
 * The link that clients of a network (`203.0.113.0/24`) are given now: index in `Fleet.links`, or -1 when
 * nothing was decided yet. A heavy network stands for many of its AS at its place: `part` says which of them,
 * so that a split row divides them.
 */
export type ChooseLink = (network: string, part: number) => number;

/** What the modelled clients ask of the POPs. */
export interface Traffic {
  /** Lets the clients whose answer ran out by then ask again, and counts anew. */
  readonly advance: (nowMs: number) => void;
  /** Steered requests a second by link index. */
  readonly linkRps: Float64Array;
  /** Steered requests a second of a POP. */
  readonly popRps: (popIndex: number) => number;
  /** Networks that a POP serves. */
  readonly demandOf: (popIndex: number) => readonly Demand[];
}

/** What `createTraffic` needs. */
export interface TrafficOptions {
  readonly fleet: Fleet;
  readonly model: NetModel;
  readonly clients: readonly ModelledClient[];
  readonly chooseLink: ChooseLink;
  /** Service that all clients ask for. */
  readonly service: string;
  /** Mean of the day over all networks, requests a second. */
  readonly demandRps: number;
  /** How long clients keep an answer, ms: they follow a decision so slowly. */
  readonly holdMs: number;
}

/**
 * Clients of every network, each of which keeps its POP until its answer runs out; the networks ask one after
 * the other.
 */
export function createTraffic(options: TrafficOptions): Traffic {
  const { fleet, model, clients, chooseLink, service } = options;
  const parts = clients.flatMap((client) => partsOf(client));
  const linkOf = new Int32Array(parts.length).fill(-1);
  const rpsOf = new Float64Array(parts.length);
  const askAtMs = new Float64Array(parts.length);
  const linkRps = new Float64Array(fleet.links.length);
  let demandByPop: Demand[][] = fleet.pops.map(() => []);

  const ask = (index: number, nowMs: number) => {
    const { client, part, weight } = parts[index] as Part;
    const { network, placeId } = client;
    const chosen = chooseLink(network, part);
    linkOf[index] = chosen >= 0 ? chosen : (fleet.pops[client.nearestPop]?.links[0]?.index ?? 0);
    rpsOf[index] = weight * options.demandRps * model.demandFactor(placeId, nowMs);
    // Spread over the time by position: a change of mind moves clients little by little, as caches run out.
    const phase = askAtMs[index] === 0 ? (index % 97) / 97 : 1;
    askAtMs[index] = nowMs + phase * options.holdMs;
  };

  const count = () => {
    linkRps.fill(0);
    demandByPop = fleet.pops.map(() => []);
    for (const [index, { client }] of parts.entries()) {
      const link = linkOf[index] as number;
      const rps = rpsOf[index] as number;
      linkRps[link] = (linkRps[link] ?? 0) + rps;
      const served = demandByPop[fleet.links[link]?.popIndex ?? 0];
      // The parts of a network stand together: what the POP serves of it already is its last entry.
      const before = served?.at(-1);
      if (before?.network === client.network) served?.pop();
      const sum = before?.network === client.network ? before.rps + rps : rps;
      served?.push({ network: client.network, rps: sum, service });
    }
  };

  return {
    linkRps,
    advance: (nowMs) => {
      for (let index = 0; index < parts.length; index++)
        if ((askAtMs[index] as number) <= nowMs) ask(index, nowMs);
      count();
    },
    popRps: (popIndex) =>
      fleet.pops[popIndex]?.links.reduce((sum, link) => sum + (linkRps[link.index] ?? 0), 0) ?? 0,
    demandOf: (popIndex) => demandByPop[popIndex] ?? [],
  };
}

/** Clients that ask together. */
interface Part {
  readonly client: ModelledClient;
  readonly part: number;
  readonly weight: number;
}

/** A network with this share of all demand or less is one part; heavier ones are more. */
const PART_WEIGHT = 1e-4;
const PARTS_MAX = 16;

function partsOf(client: ModelledClient): Part[] {
  const count = Math.max(1, Math.min(PARTS_MAX, Math.ceil(client.weight / PART_WEIGHT)));
  return Array.from({ length: count }, (_, part) => ({ client, part, weight: client.weight / count }));
}
