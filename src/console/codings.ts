import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** Shorter bodies fit a packet or two as they are. */
const GZIP_FROM_OCTETS = 4096;
/** The level that costs least: these replies are made anew each time. */
const LEVEL = 1;
const pack = promisify(gzip);

/** Codings that a client takes, by its Accept-Encoding (RFC 9110 §12.5.3). */
export function codingsOf(header: string | readonly string[] | undefined): ReadonlySet<string> {
  const taken = String(header ?? '')
    .toLowerCase()
    .split(',')
    .map((one) => one.split(';').map((part) => part.trim()))
    .filter(([, quality = 'q=1']) => !/^q=0(?:\.0*)?$/.test(quality));
  return new Set(taken.map(([coding = '']) => coding));
}

/** A long body with gzip, packed off the main thread, where the client takes it; undefined: as it is. */
export async function packed(
  body: string | Uint8Array,
  accepted: string | readonly string[] | undefined,
): Promise<Uint8Array | undefined> {
  if (body.length < GZIP_FROM_OCTETS || !codingsOf(accepted).has('gzip')) return undefined;
  return pack(body, { level: LEVEL });
}
