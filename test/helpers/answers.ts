import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { seededRandom } from '../../src/base/random.ts';
import { encodeQuery } from './message.ts';

/** Asks one name server for `www.cdn.example A`, many clients at a time, over one socket. */
export interface Asker {
  /** Link that each client prefix is answered with (`FRA-a`), `none` where no answer came within a second. */
  readonly links: (subnets: readonly string[]) => Promise<string[]>;
  /** The same by POP. */
  readonly pops: (subnets: readonly string[]) => Promise<string[]>;
  readonly close: () => void;
}

const WAIT_MS = 1000;
/** Queries under way at most: no socket buffer overflows. */
const AT_A_TIME = 100;

/** An asker for a server on 127.0.0.1. */
export function createAsker(port: number): Asker {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  const waiting = new Map<number, (link: string) => void>();
  socket.on('message', (octets) => waiting.get(octets.readUInt16BE(0))?.(linkIn(octets)));
  let id = 0;
  const askOne = (subnet: string): Promise<string> =>
    new Promise((resolve) => {
      id = (id + 1) & 0xffff;
      const own = id;
      const done = (link: string): void => {
        clearTimeout(timer);
        waiting.delete(own);
        resolve(link);
      };
      const timer = setTimeout(() => done('none'), WAIT_MS);
      waiting.set(own, done);
      socket.send(encodeQuery({ name: 'www.cdn.example', type: 'A', id: own, subnet }), port, '127.0.0.1');
    });
  const links = async (subnets: readonly string[]): Promise<string[]> => {
    const all: string[] = [];
    for (let from = 0; from < subnets.length; from += AT_A_TIME)
      all.push(...(await Promise.all(subnets.slice(from, from + AT_A_TIME).map(askOne))));
    return all;
  };
  return {
    links,
    pops: async (subnets) => (await links(subnets)).map(popOf),
    close: () => socket.close(),
  };
}

/** POP of a link: `FRA` of `FRA-a`. */
export function popOf(link: string): string {
  return link.replace(/-.*$/, '');
}

/** Link that has a demo address: `127.64.N.1` is the first link of POP number N. */
export function linkOfAddress(address: string): string {
  const [, , pop = 0, link = 0] = address.split('.').map(Number);
  return `${popCodes[pop - 1] ?? 'none'}-${'ab'[link - 1] ?? ''}`;
}

/** The only address record of an answer; the rcode where there is none. */
function linkIn(octets: Buffer): string {
  const rcode = octets.readUInt16BE(2) & 15;
  if (rcode !== 0 || octets.readUInt16BE(6) !== 1) return `rcode ${rcode}`;
  // The question: www.cdn.example. (17 octets), type, class; a pointer; 10 octets before the RDATA.
  const at = 12 + 17 + 4 + 2 + 10;
  return linkOfAddress(octets.subarray(at, at + 4).join('.'));
}

const file = (name: string): string[] =>
  readFileSync(new URL(`../../geo-data/${name}`, import.meta.url), 'utf8').split('\n');

/** The demo's POPs in their order. */
export const popCodes: readonly string[] = file('pops.csv')
  .slice(1)
  .map((line) => line.split(',')[0] ?? '')
  .filter((code) => code !== '');

/** A network of the demo's modelled internet. */
export interface DemoNetwork {
  readonly prefix: string;
  readonly country: string;
  readonly weight: number;
}

/** The demo's client networks with IPv4 prefixes. */
export const demoNetworks: readonly DemoNetwork[] = file('networks.csv').flatMap((line) => {
  const [, prefix = '', country = '', weight = ''] =
    /^([\d.]+\/\d+),.*,"?([A-Z]{2})(?:\/[-\d.,]+)?"?,([\d.e-]+)$/.exec(line) ?? [];
  return prefix === '' ? [] : [{ prefix, country, weight: Number(weight) }];
});

/** /24s with the same seed always the same: half of them of the demo's networks, half from anywhere. */
export function randomClients(count: number, seed: number): string[] {
  const { next: random } = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const network = demoNetworks[Math.floor(random() * demoNetworks.length)];
    if (i % 2 === 0 && network !== undefined) return network.prefix;
    const [first, second, third] = [1 + Math.floor(random() * 222), random() * 256, random() * 256];
    return `${first === 10 || first === 127 ? 11 : first}.${Math.floor(second)}.${Math.floor(third)}.0/24`;
  });
}
