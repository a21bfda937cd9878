import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { ZoneSource } from '../config/zone-sources.ts';
import { parseName } from '../wire/name.ts';
import type { SigningGround } from './candidate-sources.ts';
import { keyFileNames } from './key-files.ts';
import { signingPaths } from './zone-signer.ts';

/**
 * What images are made from, as a digest: 16 hexadecimal digits that differ when a file, or what the
 * configuration says, differs. Files are known by path, size and both times of change (the inode's too, so
 * that a copy with an old date is seen): a thousand are looked at in milliseconds, none is read.
 */

/** What a zone image is made from. */
export interface ZoneSources {
  readonly zones: readonly (Pick<ZoneSource, 'origin' | 'file' | 'dnssec' | 'catalog'> & {
    readonly withheld?: boolean;
  })[];
  /** Names of the services, in order. */
  readonly services: readonly string[];
  /** What zones are signed with, where any is. */
  readonly signing: SigningGround | undefined;
  /** Files that the zones include. */
  readonly included: readonly string[];
}

/** Which program makes images: another one makes them anew. */
export interface Maker {
  readonly programVersion: string;
  /** Of the image's layout. */
  readonly imageVersion: number;
}

/** Digest of a zone image's sources. `state`: `fileState`, or what that was when the file was read. */
export function zoneDigest(maker: Maker, sources: ZoneSources, state: (path: string) => string): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(['zones', maker.programVersion, maker.imageVersion, sources.services]));
  for (const { origin, file, catalog = '', withheld = false } of sources.zones)
    hash.update(`\n${origin} ${file} ${withheld ? 'withheld' : state(file)} ${catalog}`);
  for (const file of sources.included) hash.update(`\n+${file} ${state(file)}`);
  const { signing } = sources;
  if (signing !== undefined) hash.update(`\n${JSON.stringify([signing.services, signing.fleet.links])}`);
  for (const { origin, dnssec } of sources.zones) {
    const name = parseName(origin);
    if (dnssec === undefined || signing === undefined || typeof name === 'string') continue;
    const { keys } = signingPaths(signing.folder, name, dnssec);
    const files = keyFileNames(keys, name).map((file) => `${file} ${state(join(keys, file))}`);
    hash.update(`\n${JSON.stringify(dnssec)} ${files.join()}`);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Digest of a client image's sources: files, and a text of all that the configuration says itself. */
export function clientDigest(
  maker: Maker,
  sources: { readonly placesDigest: number; readonly files: readonly string[]; readonly said: string },
  state: (path: string) => string,
): string {
  const { placesDigest, files, said } = sources;
  const hash = createHash('sha256');
  hash.update(JSON.stringify(['clients', maker.programVersion, maker.imageVersion, placesDigest, said]));
  for (const file of files) hash.update(`\n${file} ${state(file)}`);
  return hash.digest('hex').slice(0, 16);
}

/** Size and times of change of a file, as a text to compare; `missing` where there is none. */
export function fileState(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}
