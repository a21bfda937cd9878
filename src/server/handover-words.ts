import type { NativeSocket } from './native-sockets.ts';

/** What is said at a handover: one description, then single lines. */

/** A socket that is handed over, by its descriptor in the process that says so. */
export interface OfferedSocket extends Omit<NativeSocket, 'kind'> {
  /** `admin`: the listening socket of the console. */
  readonly kind: NativeSocket['kind'] | 'admin';
}

/** Everything that a process hands over. */
export interface OfferWords {
  /** Of the program that offers. */
  readonly version: string;
  /** In the order in which their descriptors follow. */
  readonly sockets: readonly OfferedSocket[];
}

/** `sun_path` has 108 octets, the last of them 0 (unix(7)). */
export const PATH_OCTETS_MAX = 107;
/** Longest line after the description, characters. */
export const LINE_MAX = 64;
/** Longest description, octets: some six hundred sockets. */
export const OFFER_OCTETS_MAX = 60_000;
/** Raised when an older program could not follow. */
const FORMAT = 1;

/** The description: four octets of length (little-endian), then JSON. */
export function writeOffer({ version, sockets }: OfferWords): Uint8Array {
  const plain = sockets.map(({ kind, address: { host, port } }) => ({ kind, host, port }));
  const text = new TextEncoder().encode(JSON.stringify({ format: FORMAT, version, sockets: plain }));
  const octets = new Uint8Array(4 + text.length);
  new DataView(octets.buffer).setUint32(0, text.length, true);
  octets.set(text, 4);
  return octets;
}

/** Reads the JSON of a description; the descriptors are not known yet. A string says what is wrong. */
export function readOffer(text: string): OfferWords | string {
  let words: unknown;
  try {
    words = JSON.parse(text);
  } catch {
    return 'the running process said something that is no offer';
  }
  // Checked field by field below.
  const { format, version, sockets } = (words ?? {}) as Record<string, unknown>;
  if (format !== FORMAT) return `the running process speaks handover format ${format}, this one ${FORMAT}`;
  if (typeof version !== 'string' || !Array.isArray(sockets)) return 'the offer lacks a version or sockets';
  const read = sockets.map(readSocket);
  if (read.some((socket) => socket === undefined)) return 'the offer has a socket without kind or address';
  return { version, sockets: read.filter((socket) => socket !== undefined) };
}

function readSocket(words: unknown): OfferedSocket | undefined {
  const { kind, host, port } = (words ?? {}) as Record<string, unknown>;
  if (kind !== 'udp' && kind !== 'tcp' && kind !== 'admin') return undefined;
  if (typeof host !== 'string' || typeof port !== 'number') return undefined;
  return { fd: -1, kind, address: { host, port } };
}
