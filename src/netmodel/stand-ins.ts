import type { ClientNetwork } from './networks.ts';

/**
 * Addresses of this machine that stand for client networks of the modelled internet: network number N (from
 * 0, in the table's order) is 127.(192 + N / 256).(N mod 256).0/24. All of 127.0.0.0/8 is this machine's own:
 * any program may bind one, and needs no right for it.
 */

/** The addresses in all: 127.192.0.0/10. */
export const STAND_INS = { bits: 0x7fc0, mask: 0xffc0 } as const;
/** Networks that have addresses. */
export const STAND_INS_MAX = 64 * 256;

/** First address of a network to bind, of 254: `127.192.3.1`. */
export function standInOf(network: number): string {
  return `127.${192 + (network >> 8)}.${network & 0xff}.1`;
}

/** Number of the network that an IPv4 address stands for; -1: of none. `address`: its 32 bits. */
export function networkOfStandIn(address: number): number {
  return ((address >>> 16) & STAND_INS.mask) === STAND_INS.bits ? (address >>> 8) & 0x3fff : -1;
}

/** A network and the address that stands for it. */
export interface StandIn {
  readonly address: string;
  readonly network: ClientNetwork;
}

/** Every network with its address. Beyond `STAND_INS_MAX` they have none. */
export function standInsOf(networks: readonly ClientNetwork[]): StandIn[] {
  return networks.slice(0, STAND_INS_MAX).map((network, i) => ({ address: standInOf(i), network }));
}
