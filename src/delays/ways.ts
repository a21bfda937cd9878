import type { Fleet } from '../base/fleet.ts';
import type { NetModel, OneWay, WeatherByPop } from '../netmodel/model.ts';
import { networkOfStandIn } from '../netmodel/stand-ins.ts';
import { emptyEnds, readEnds } from './packet.ts';

/** A client network of the modelled internet, by its number. */
export interface WayClients {
  /** Place of each; -1: nobody knows it, and its packets are not held. */
  readonly placeIds: ArrayLike<number>;
  readonly asns: ArrayLike<number>;
}

/** Whose packets are held, and between which ends. */
export interface WayOptions {
  readonly fleet: Fleet;
  readonly model: NetModel;
  readonly clients: WayClients;
  /** POPs whose packets are held, by index. */
  readonly pops: ReadonlySet<number>;
  /** TCP and UDP port of the POPs. */
  readonly popPort: number;
  /** Ports of the name server here, which is taken to stand at the client's nearest POP: anycast. */
  readonly dnsPorts: ReadonlySet<number>;
  /**
   * Stands for a network towards POPs as well: the address that programs have which bind none. Network -1:
   * for nobody.
   */
  readonly here: { readonly address: number; readonly network: number };
}

/** The way of a packet, out of its head. */
export interface Way {
  /** Packets of one way follow each other: a number for it. */
  readonly key: number;
  readonly oneWay: OneWay;
}

/** Finds ways; undefined: the packet is not between a client and what it asks, and is not held. */
export type FindWay = (octets: Uint8Array, weather: WeatherByPop) => Way | undefined;

/** Links that a key has room for, and one for the name server. */
const LINK_ROOM = 1 << 17;
const DNS = LINK_ROOM - 1;

/** Makes the function that tells which way a packet goes. */
export function wayFinder(options: WayOptions): FindWay {
  const { fleet, model, clients, pops, popPort, dnsPorts, here } = options;
  const linkOf = new Map<number, number>();
  for (const { ipv4, index, popIndex } of fleet.links)
    if (ipv4 !== undefined && pops.has(popIndex)) linkOf.set(addressWord(ipv4), index);
  const placed = (network: number): number => ((clients.placeIds[network] ?? -1) < 0 ? -1 : network);
  const standIn = (address: number): number => placed(networkOfStandIn(address));
  const local = (address: number): number => (address === here.address ? placed(here.network) : -1);
  const pathOf = (client: number, linkIndex: number) => ({
    placeId: clients.placeIds[client] as number,
    asn: clients.asns[client] as number,
    linkIndex,
  });
  const nearest = new Map<number, number>();
  const nearestTo = (client: number): number => {
    const known = nearest.get(client);
    if (known !== undefined) return known;
    const { placeId, asn } = pathOf(client, 0);
    let best = 0;
    for (const { index } of fleet.links)
      if (model.baseRttMs(placeId, asn, index) < model.baseRttMs(placeId, asn, best)) best = index;
    nearest.set(client, best);
    return best;
  };
  const ends = emptyEnds();
  return (octets, weather) => {
    if (!readEnds(octets, ends)) return undefined;
    let [asks, gets] = [standIn(ends.source), standIn(ends.destination)];
    const isStandIn = asks >= 0 || gets >= 0;
    if (!isStandIn) [asks, gets] = [local(ends.source), local(ends.destination)];
    if (asks >= 0 === gets >= 0) return undefined;
    const client = asks >= 0 ? asks : gets;
    const port = asks >= 0 ? ends.destinationPort : ends.sourcePort;
    const link = linkOf.get(asks >= 0 ? ends.destination : ends.source);
    const isDns = isStandIn && link === undefined && ends.hasPorts && dnsPorts.has(port);
    if (!isDns && (link === undefined || (ends.hasPorts && port !== popPort))) return undefined;
    const key = (client * LINK_ROOM + (link ?? DNS)) * 2 + (asks >= 0 ? 0 : 1);
    return { key, oneWay: model.oneWay(pathOf(client, link ?? nearestTo(client)), { weather }) };
  };
}

/** 32 bits of a dotted quad. */
export function addressWord(dotted: string): number {
  return dotted.split('.').reduce((word, part) => word * 256 + Number(part), 0) >>> 0;
}

/** Its four octets. */
export function addressOctets(word: number): Uint8Array {
  return Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word);
}
