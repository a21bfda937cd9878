import { statSync } from 'node:fs';
import { join } from 'node:path';
import { formatProblem } from '../base/errors.ts';
import { type Allocate, IMAGE_KIND, imageStamp } from '../base/image-file.ts';
import { CLIENT_IMAGE_VERSION, openClientImage } from '../geo/client-image.ts';
import { loadAllocate } from '../server/native-memory.ts';
import { isServable } from '../transfer/secondary-file.ts';
import { openZoneImage, ZONE_IMAGE_VERSION } from '../zone/image.ts';
import type { Terminal } from './command.ts';
import { type CompileJob, type Compiling, startCompiling } from './compile.ts';
import { clientSources } from './geo-files.ts';
import { type Ground, stateFolder } from './ground.ts';
import { type ImageFile, type ImageNotes, readImageFile } from './image-file.ts';
import { clientDigest, fileState, zoneDigest } from './image-sources.ts';
import { allZones } from './members.ts';
import { createTurns, type Turns } from './turns.ts';
import { programVersion } from './version.ts';
import { haveKeysMoved, signingGround } from './zone-signers.ts';

/** An image in use, and how it came here. */
export interface LoadedImage {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** Read from its file, or made from its sources. */
  readonly origin: 'file' | 'sources';
  /** How long that took, ms. */
  readonly tookMs: number;
  /** When it was made, ms since 1970 UTC. */
  readonly madeAtMs: number;
  /** Digest of what it was made from. */
  readonly source: string;
  readonly notes: ImageNotes;
}

/** Both images, on their way. */
export interface LoadingImages {
  readonly zones: Promise<LoadedImage>;
  readonly clients: Promise<LoadedImage>;
  /** Ends what is still being made. */
  readonly cancel: () => Promise<void>;
}

/** One kind of image: its file, how to know that the file is good, and how to make it. */
export interface Kind {
  readonly kind: number;
  readonly version: number;
  /** What it is made from, in words. */
  readonly from: string;
  /** What is wrong with an image that is whole. */
  readonly fault: (bytes: Uint8Array<SharedArrayBuffer>) => string | undefined;
  /** Digest of the sources as they are now. */
  readonly digest: (notes: ImageNotes) => string;
  /** Whether it is to be made anew although its sources are as they were. */
  readonly isDue?: (notes: ImageNotes) => boolean;
  readonly job: Exclude<CompileJob, { kind: 'client-part' }>;
}

/** Kinds of images: each may wait for all others. */
const KINDS = 2;
/** Progress is shown from then on, ms: what is done before needs none. */
const PROGRESS_AFTER_MS = 500;
/** Zone files of more octets than this are many. */
const LARGE_ZONES_OCTETS = 16 << 20;

/**
 * Takes both images from their files in the state folder where these are whole and their sources are as they
 * were; else makes them anew, each in a thread of its own, and saves them. Says why on the terminal.
 * `othersAnswer`: the process that this one replaces does meanwhile.
 */
export function loadImages(ground: Ground, terminal: Terminal, othersAnswer: boolean): LoadingImages {
  const compilings: Compiling[] = [];
  const allocate = loadAllocate();
  // Both at a time need the memory of both.
  const isFrugal = areZonesLarge(ground);
  const turns = isFrugal ? createTurns(KINDS) : undefined;
  const load = (kind: Kind): Promise<LoadedImage> => {
    const loaded = loadImage(kind, { terminal, compilings, turns, allocate });
    // Who starts both looks at one after the other; until then a failure is nobody's.
    loaded.catch(() => undefined);
    return loaded;
  };
  return {
    zones: load(zoneKind(ground, terminal, othersAnswer)),
    clients: load(clientKind(ground, terminal, { isFrugal, othersAnswer })),
    cancel: async () => {
      // Whoever waits for it began to before, and so is under way by then.
      await allocate;
      for (const compiling of compilings) await compiling.cancel();
    },
  };
}

/** The client image alone, for a process that answers no queries: as `loadImages` does it. */
export function loadClients(
  ground: Ground,
  terminal: Terminal,
): { readonly clients: Promise<LoadedImage>; readonly cancel: () => Promise<void> } {
  const compilings: Compiling[] = [];
  const allocate = loadAllocate();
  const clients = loadImage(clientKind(ground, terminal), {
    terminal,
    compilings,
    turns: undefined,
    allocate,
  });
  clients.catch(() => undefined);
  return {
    clients,
    cancel: async () => {
      await allocate;
      for (const compiling of compilings) await compiling.cancel();
    },
  };
}

/** Makes the client image anew and saves it: its sources changed while the program runs. */
export function remakeClients(
  ground: Ground,
  terminal: Pick<Terminal, 'readText' | 'err'>,
): Compiling<LoadedImage> {
  const startedMs = performance.now();
  const kind = clientKind(ground, terminal);
  const { made, ended, cancel } = startCompiling(kind.job, { onUnsaved: warnUnsaved(kind, terminal) });
  return { made: made.then((file) => describeLoaded(file, 'sources', startedMs)), ended, cancel };
}

/** Makes the zone image anew and saves it, while the one before is answered from. */
export function remakeZones(
  ground: Ground,
  terminal: Pick<Terminal, 'readText' | 'err'>,
): Compiling<LoadedImage> {
  const startedMs = performance.now();
  const kind = zoneKind(ground, terminal, true);
  const { made, ended, cancel } = startCompiling(kind.job, { onUnsaved: warnUnsaved(kind, terminal) });
  return { made: made.then((file) => describeLoaded(file, 'sources', startedMs)), ended, cancel };
}

/** Digest of the client image's sources as they are now. */
export function clientSourceNow(ground: Ground, terminal: Pick<Terminal, 'readText'>): string {
  return clientKind(ground, terminal).digest({ included: [] });
}

interface LoadOptions {
  readonly terminal: Terminal;
  readonly compilings: Compiling[];
  /** Present where images are made one after the other. */
  readonly turns: Turns | undefined;
  readonly allocate: Promise<Allocate>;
}

async function loadImage(kind: Kind, options: LoadOptions): Promise<LoadedImage> {
  const { terminal, compilings } = options;
  const startedMs = performance.now();
  const found = readUsable(kind, await options.allocate);
  if (typeof found === 'object') return describeLoaded(found, 'file', startedMs);
  if (found !== undefined) terminal.err(`${kind.job.path} ${found}; made anew from ${kind.from}`);
  const done = await options.turns?.take();
  const compiling = startCompiling(kind.job, {
    onProgress: (text) => {
      if (performance.now() - startedMs > PROGRESS_AFTER_MS) terminal.passing(`${kind.job.kind}: ${text}`);
    },
    onUnsaved: warnUnsaved(kind, terminal),
  });
  compilings.push(compiling);
  void compiling.ended.then(done);
  const made = await compiling.made;
  terminal.passing('');
  for (const problem of made.warnings) terminal.err(`warning: ${formatProblem(problem)}`);
  return describeLoaded(made, 'sources', startedMs);
}

/** Whether the zone files are so long that making their image takes as much memory as that of the clients. */
function areZonesLarge(ground: Ground): boolean {
  let octets = 0;
  for (const { file } of allZones(ground)) {
    octets += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (octets > LARGE_ZONES_OCTETS) return true;
  }
  return false;
}

/** The saved image if it may be used; undefined if there is none; else why not, as the end of a sentence. */
function readUsable(kind: Kind, allocate: Allocate): ImageFile | string | undefined {
  const read = readImageFile(kind.job.path, kind, allocate);
  if (read === undefined) return undefined;
  if (typeof read === 'string') return `is not used: ${read}`;
  const fault = kind.fault(read.bytes);
  if (fault !== undefined) return `is not used: ${fault}`;
  if (imageStamp(read.bytes).source === kind.digest(read.notes))
    return kind.isDue?.(read.notes) === true ? 'has signatures that are due' : read;
  return `is out of date: ${kind.from} or the program changed since`;
}

function warnUnsaved(kind: Kind, terminal: Pick<Terminal, 'err'>): (reason: string) => void {
  return (reason) =>
    terminal.err(`warning: ${kind.job.path} cannot be written, the next start will be slower: ${reason}`);
}

/** The zone image, and how it is made. */
export function zoneKind(ground: Ground, terminal: Pick<Terminal, 'readText'>, othersAnswer: boolean): Kind {
  const { config } = ground;
  const services = config.services.map(({ name }) => name);
  const signing = signingGround(config);
  const nowMs = Date.now();
  const zones = allZones(ground).map((zone) => {
    const isThere = zone.catalog === 'produced' || !zone.isSecondary || isServable(zone.file, nowMs);
    return isThere ? zone : { ...zone, withheld: true };
  });
  const path = join(stateFolder(config), 'zones.image');
  const version = programVersion(terminal);
  return {
    kind: IMAGE_KIND.ZONES,
    version: ZONE_IMAGE_VERSION,
    from: 'the zone files',
    fault: (bytes) => faultOf(openZoneImage(bytes, { services })),
    digest: ({ included }) => {
      const maker = { programVersion: version, imageVersion: ZONE_IMAGE_VERSION };
      return zoneDigest(maker, { zones, services, signing, included }, fileState);
    },
    isDue: ({ renewAtMs = Number.POSITIVE_INFINITY, keys = {} }) =>
      Date.now() >= renewAtMs || (signing !== undefined && haveKeysMoved(zones, signing.folder, keys)),
    job: {
      kind: 'zones',
      othersAnswer,
      zones,
      configFile: config.file,
      services,
      signing,
      programVersion: version,
      path,
    },
  };
}

function clientKind(
  { config, places }: Ground,
  terminal: Pick<Terminal, 'readText'>,
  how: { readonly isFrugal: boolean; readonly othersAnswer: boolean } = {
    isFrugal: true,
    othersAnswer: true,
  },
): Kind {
  const { geo, networks } = config;
  const path = join(stateFolder(config), 'clients.image');
  const version = programVersion(terminal);
  return {
    kind: IMAGE_KIND.CLIENTS,
    version: CLIENT_IMAGE_VERSION,
    from: 'the geo databases',
    fault: (bytes) => faultOf(openClientImage(bytes, { placesDigest: places.digest })),
    digest: () => {
      const maker = { programVersion: version, imageVersion: CLIENT_IMAGE_VERSION };
      return clientDigest(maker, clientSources(config, places.digest), fileState);
    },
    job: { kind: 'clients', ...how, geo, networks, programVersion: version, path },
  };
}

function faultOf(opened: object | string): string | undefined {
  return typeof opened === 'string' ? opened : undefined;
}

/** An image that is in use from now on. */
export function describeLoaded(
  { bytes, notes }: ImageFile,
  origin: LoadedImage['origin'],
  startedMs: number,
): LoadedImage {
  const { madeAtMs, source } = imageStamp(bytes);
  return { bytes, notes, origin, tookMs: performance.now() - startedMs, madeAtMs, source };
}
