import type { z } from 'zod';
import { parseName } from '../wire/name.ts';
import type { TsigKey } from '../wire/tsig.ts';
import type { configSchema } from './schema.ts';
import { type CatalogConfig, catalogsOf } from './schema-catalog.ts';
import { keyName, type ZoneTransfer, zoneTransfer } from './schema-transfer.ts';
import type { TransferTls } from './schema-transfer-tls.ts';
import type { ZoneSource } from './zone-sources.ts';

type Parsed = Pick<z.output<typeof configSchema>, 'zones' | 'keys' | 'transferTls'>;

/** What a configuration says of transfers. */
export interface TransferConfig {
  /** Zones that go elsewhere or come from there. */
  readonly transfers: readonly { readonly zone: ZoneSource; readonly transfer: ZoneTransfer }[];
  /** Keys that transfers are signed with. */
  readonly keys: readonly TsigKey[];
  /** How TLS is spoken with peers, by name. Paths ready to open. */
  readonly transferTls: Readonly<Record<string, TransferTls>>;
  readonly catalogs: CatalogConfig;
}

/** Which zones go elsewhere or come from there, and the keys for it. */
export function transfersOf(
  parsed: Parsed,
  zones: readonly ZoneSource[],
  path: (text: string) => string,
): TransferConfig {
  return {
    transfers: zones.flatMap((zone) => {
      const said = parsed.zones[zone.entry];
      const transfer = said === undefined ? undefined : zoneTransfer(said);
      return transfer === undefined ? [] : [{ zone, transfer }];
    }),
    keys: Object.entries(parsed.keys).map(([name, key]) => keyOf(name, key)),
    transferTls: Object.fromEntries(
      Object.entries(parsed.transferTls).map(([name, tls]) => [name, withPaths(tls, path)]),
    ),
    catalogs: catalogsOf(parsed.zones, zones),
  };
}

function withPaths(tls: TransferTls, path: (text: string) => string): TransferTls {
  const { ca, certificate, key } = tls;
  return {
    ...tls,
    ca: ca && path(ca),
    certificate: certificate && path(certificate),
    key: key && path(key),
  };
}

function keyOf(name: string, { algorithm, secret }: Parsed['keys'][string]): TsigKey {
  const wireName = parseName(`${keyName(name)}.`);
  if (typeof wireName === 'string') throw new Error(wireName);
  const octets = Uint8Array.from(atob(secret), (char) => char.charCodeAt(0));
  return { name: keyName(name), wireName, algorithm, secret: octets };
}
