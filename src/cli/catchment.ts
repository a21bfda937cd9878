import { setImmediate as nextTurn } from 'node:timers/promises';
import { choose, rowOf, rowShare, type SteeringImage, startsOf } from '../steering/image.ts';
import { ANY_SERVICE, type ClientWeights } from './client-weights.ts';

/** Which POP each place's clients get, mostly. */
export interface Catchment {
  /** By place: position of the POP in the fleet; -1: no clients, or no POP. */
  readonly popOf: Int16Array;
  /** By place: the part of its clients that get it, in 1/`SHARE_STEPS`. */
  readonly share: Uint8Array;
}

/** Shares are counted in such parts. */
export const SHARE_STEPS = 200;
/** Clients looked at before others have their turn. */
const SLICE = 8_192;

/** What a catchment is made from. */
export interface CatchmentParts {
  readonly image: SteeringImage;
  readonly groupIndex: number;
  readonly popState: Int32Array;
  /** Link index to POP index. */
  readonly linkPop: Int32Array;
  readonly clients: ClientWeights;
  /** Position of the service whose clients count; `ANY_SERVICE`: all. */
  readonly service: number;
}

/** Asks the rows for every client, as an answer does: the POPs that are out now give way. */
export async function catchmentOf(parts: CatchmentParts): Promise<Catchment> {
  const { image, clients, service } = parts;
  const { placeId } = clients;
  const popOf = new Int16Array(image.placeCount).fill(-1);
  const share = new Uint8Array(image.placeCount);
  const weightOf = new Map<number, number>();
  for (let i = 0; i < placeId.length; i++) {
    if (i % SLICE === SLICE - 1) await nextTurn();
    if (counts(clients, i, service)) addClients(parts, i, weightOf);
    const place = placeId[i] as number;
    if (placeId[i + 1] === place || place >= image.placeCount) continue;
    const { pop, part } = heaviest(weightOf);
    popOf[place] = pop;
    // Rounded down: the whole is there only where all get the POP.
    share[place] = Math.floor(part * SHARE_STEPS);
    weightOf.clear();
  }
  return { popOf, share };
}

/** The demand of each place, as a part 0..1 of all. */
export function placeWeights(clients: ClientWeights, placeCount: number, service: number): Float64Array {
  const weights = new Float64Array(placeCount);
  let total = 0;
  for (let i = 0; i < clients.placeId.length; i++) {
    if (!counts(clients, i, service)) continue;
    const place = clients.placeId[i] as number;
    const weight = clients.weight[i] as number;
    weights[place] = (weights[place] as number) + weight;
    total += weight;
  }
  return total === 0 ? weights : weights.map((weight) => weight / total);
}

function counts({ service }: ClientWeights, i: number, wanted: number): boolean {
  return wanted === ANY_SERVICE || service[i] === wanted || service[i] === ANY_SERVICE;
}

/** Divides clients among POPs as their row does. */
function addClients(parts: CatchmentParts, i: number, weightOf: Map<number, number>): void {
  const { image, groupIndex, popState, linkPop, clients } = parts;
  const [place, asn, key] = [clients.placeId[i] as number, clients.asn[i] as number, clients.key[i]];
  const row = rowOf(image, groupIndex, place, asn, key);
  const starts = startsOf(image, row);
  let below = 0;
  for (let k = 0; k < starts; k++) {
    const part = rowShare(image, row, k);
    // Any hash of this part will do: the first.
    const link = choose(image, row, popState, linkPop, Math.round(below * 2 ** 32) >>> 0);
    below += part;
    const pop = link < 0 ? -1 : (linkPop[link] as number);
    weightOf.set(pop, (weightOf.get(pop) ?? 0) + part * (clients.weight[i] as number));
  }
}

function heaviest(weightOf: ReadonlyMap<number, number>): { pop: number; part: number } {
  let [pop, most, total] = [-1, 0, 0];
  for (const [one, weight] of weightOf) {
    total += weight;
    if (weight > most) [pop, most] = [one, weight];
  }
  return { pop, part: pop < 0 ? 0 : most / total };
}
