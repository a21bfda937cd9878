import { createHash } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';

/** How TLS is spoken with a name server that zones come from (RFC 9103). */
export interface PeerTls {
  /** Name that its certificate must have, by an authority that is trusted; absent: no name is asked for. */
  readonly hostname?: string | undefined;
  /** Authorities, PEM; absent: those that come with Node. */
  readonly ca?: string | undefined;
  /** SHA-256 of public keys, base64: it must have one of them. None: any. */
  readonly pins: readonly string[];
  /** What is shown of us, PEM, where it asks. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** Connects. Nothing may be sent before `secureConnect`, and not where `tlsFault` then finds something. */
export function connectTls(where: { readonly host: string; readonly port: number }, tls: PeerTls): TLSSocket {
  const { hostname, ca, certificate, key } = tls;
  return connect({
    ...where,
    // RFC 9103 §7.1, §7.2: the token of DNS over TLS, and no older TLS.
    ALPNProtocols: ['dot'],
    minVersion: 'TLSv1.3',
    // `.test` without its dot, as certificates have it.
    ...(hostname === undefined ? {} : { servername: hostname.replace(/\.$/, '') }),
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate, key }),
    rejectUnauthorized: hostname !== undefined,
  });
}

/** Why who has answered is not the name server that was meant; undefined where it is. */
export function tlsFault(socket: TLSSocket, { pins }: PeerTls): string | undefined {
  if (pins.length === 0) return undefined;
  const shown = socket.getPeerX509Certificate();
  if (shown === undefined) return 'it shows no certificate';
  const key = shown.publicKey.export({ type: 'spki', format: 'der' });
  const pin = createHash('sha256').update(key).digest('base64');
  return pins.includes(pin) ? undefined : `its key ${pin} is none of the pins`;
}
