import { readFileSync } from 'node:fs';
import type { Random } from '../../src/base/random.ts';

/** Messages that mutations start from: real ones of every feature (seeds.txt). */
export function readSeeds(): Uint8Array[] {
  return readFileSync(new URL('seeds.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => Uint8Array.from(Buffer.from(line.split(' ')[1] as string, 'hex')));
}

/** Octets that mean something somewhere in a message. */
const TELLING = [0, 1, 2, 3, 6, 8, 10, 12, 15, 16, 28, 29, 41, 63, 64, 65, 127, 128, 192, 250, 252, 254, 255];
const OCTETS_MAX = 1500;
const CHANGES_MAX = 8;

/**
 * One mutated message: a seed, or a splice of two, with up to `CHANGES_MAX` changes. Deterministic in
 * `random`.
 */
export function mutate(seeds: readonly Uint8Array[], random: Random): Uint8Array {
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const pick = (): Uint8Array => seeds[below(seeds.length)] as Uint8Array;
  let octets = Uint8Array.from(pick());
  if (below(10) === 0) {
    const other = pick();
    octets = join(octets.subarray(0, below(octets.length)), other.subarray(below(other.length)));
  }
  for (let left = below(CHANGES_MAX + 1); left > 0 && octets.length > 0; left--)
    octets = change(octets, below);
  return octets.subarray(0, OCTETS_MAX);
}

function change(octets: Uint8Array<ArrayBuffer>, below: (limit: number) => number): Uint8Array<ArrayBuffer> {
  const at = below(octets.length);
  switch (below(9)) {
    case 0:
      return octets.with(at, (octets[at] as number) ^ (1 << below(8)));
    case 1:
      return octets.with(at, TELLING[below(TELLING.length)] as number);
    case 2:
      return octets.with(at, below(256));
    case 3:
      return octets.slice(0, at);
    case 4:
      return join(
        octets,
        Uint8Array.from({ length: 1 + below(64) }, () => below(256)),
      );
    case 5: {
      const slice = octets.subarray(at, at + 1 + below(32));
      return join(octets.subarray(0, at), slice, octets.subarray(at));
    }
    case 6:
      return join(octets.subarray(0, at), octets.subarray(at + 1 + below(8)));
    case 7:
      // A compression pointer, backwards, forwards or to itself (RFC 1035 §4.1.4).
      return join(octets.subarray(0, at), Uint8Array.of(0xc0, below(octets.length)), octets.subarray(at + 2));
    default: {
      // One of the four counts of the header.
      const count = 4 + 2 * below(4);
      return octets.length < 12 ? octets : octets.with(count, below(2) * 255).with(count + 1, below(4));
    }
  }
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
