/**
 * The server name in the first octets of a TLS connection (RFC 8446 §4.1.2, RFC 6066 §3): which security
 * policy a connection gets must be known before the handshake. undefined: it names none, or these are not all
 * octets yet; then `isWhole` tells which.
 */
export function serverNameOf(octets: Uint8Array): { readonly isWhole: boolean; readonly name?: string } {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (octets.length < 5) return { isWhole: false };
  const isHandshake = octets[0] === 22;
  const end = 5 + view.getUint16(3);
  if (!isHandshake || end > RECORD_OCTETS_MAX) return { isWhole: true };
  if (octets.length < end) return { isWhole: false };
  // What lies about its own lengths names nobody; the handshake will fail at it.
  try {
    const name = nameIn(view, end);
    return name === undefined ? { isWhole: true } : { isWhole: true, name };
  } catch (error) {
    if (error instanceof RangeError) return { isWhole: true };
    throw error;
  }
}

const RECORD_OCTETS_MAX = 16_389;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;

function nameIn(view: DataView, end: number): string | undefined {
  if (view.getUint8(5) !== CLIENT_HELLO) return undefined;
  // Handshake header, version, random.
  let at = 9 + 2 + 32;
  at += 1 + view.getUint8(at);
  at += 2 + view.getUint16(at);
  at += 1 + view.getUint8(at);
  at += 2;
  while (at + 4 <= end) {
    const type = view.getUint16(at);
    const length = view.getUint16(at + 2);
    if (type === SERVER_NAME && length >= 5) {
      const from = at + 9;
      const octets = new Uint8Array(view.buffer, view.byteOffset + from, view.getUint16(at + 7));
      return Buffer.from(octets).toString('latin1').toLowerCase();
    }
    at += 4 + length;
  }
  return undefined;
}
