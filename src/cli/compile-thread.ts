import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { plainMemory } from '../base/image-file.ts';
import { type ClientPart, compileClientPart, joinClientParts } from '../geo/client-build.ts';
import { CLIENT_IMAGE_VERSION } from '../geo/client-image.ts';
import type { DatabaseFile } from '../geo/mmdb.ts';
import { type Places, readPlaces } from '../geo/places.ts';
import { loadAllocate } from '../server/native-memory.ts';
import { stepBack } from '../server/priority.ts';
import { TYPE } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { ZONE_IMAGE_VERSION } from '../zone/image.ts';
import { createZoneImageBuilder } from '../zone/image-build.ts';
import type { ZoneProblem } from '../zone/problem.ts';
import type { ZoneRecord } from '../zone/record.ts';
import { type CompileJob, type FromCompiler, type MadeFile, startCompiling } from './compile.ts';
import { clientSources, lazyGeoSources, readGeoData } from './geo-files.ts';
import { writeImageFile } from './image-file.ts';
import { clientDigest, fileState, zoneDigest } from './image-sources.ts';
import { readZone, type ZoneReader } from './zone-file.ts';
import { createZoneSigners } from './zone-signers.ts';

/** The entry of a compile thread: makes one image, says how far it is, and ends. */

type ZoneJob = CompileJob & { readonly kind: 'zones' };
type ClientJob = CompileJob & { readonly kind: 'clients' };
type PartJob = CompileJob & { readonly kind: 'client-part' };

/** Time between two messages of progress, ms. */
const PROGRESS_EVERY_MS = 100;
/** Problems told of at most: 20,000 broken zones would fill the screen. */
const PROBLEMS_MAX = 1000;

const port = parentPort;
assert(port !== null, 'this file is started as a thread');
const say = (message: FromCompiler): void => port.postMessage(message);
const tell = (text: string): void => say({ kind: 'progress', text });
const job = workerData as CompileJob;
if (job.othersAnswer) stepBack();
// The thread of one part ends with its starter, at any moment: it must not be loading native code then.
const allocate = job.kind === 'client-part' ? plainMemory : await loadAllocate();
try {
  const made = await make(job);
  say({ kind: 'made', made });
  if (job.kind !== 'client-part' && 'notes' in made) save(job.path, made);
} catch (error) {
  // What is no operator's error ends the thread, and its starter hears of it.
  if (!(error instanceof OperatorError)) throw error;
  say({ kind: 'failed', code: error.code, problems: error.problems.slice(0, PROBLEMS_MAX) });
}

/** A process without the file makes the image again at the next start; it answers as well. */
function save(path: string, made: MadeFile): void {
  try {
    writeImageFile(path, made);
  } catch (error) {
    say({ kind: 'unsaved', reason: (error as Error).message });
  }
}

function make(wanted: CompileJob): MadeFile | ClientPart | Promise<MadeFile> {
  if (wanted.kind === 'zones') return makeZones(wanted);
  return wanted.kind === 'clients' ? makeClients(wanted) : makePart(wanted, readPlacesFile());
}

function makeZones({ zones, configFile, services, signing, programVersion }: ZoneJob): MadeFile {
  const signer = createZoneSigners(signing);
  const builder = createZoneImageBuilder({ services, allocate });
  const state = rememberedState();
  const problems: ZoneProblem[] = [];
  const included = new Set<string>();
  let steeredName: string | undefined;
  let saidAtMs = performance.now();
  const readText = (path: string): string => {
    // Before it is read: a change from then on makes another digest.
    state(path);
    return readFileSync(path, 'utf8');
  };
  for (const [i, { origin, file, place, dnssec }] of zones.entries()) {
    const wanted = { origin, file, services, namedAt: { file: configFile, ...place } };
    const compile: ZoneReader['compile'] = (name, records) =>
      signer.add(builder, { origin: name, records, dnssec }, state);
    const read = readZone(wanted, { readText, compile });
    problems.push(...read.problems);
    for (const path of read.included) included.add(path);
    steeredName ??= steeredNameIn(read.records);
    if (performance.now() - saidAtMs < PROGRESS_EVERY_MS) continue;
    saidAtMs = performance.now();
    tell(`${i + 1} of ${zones.length} zones`);
  }
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new OperatorError('bad-zone', errors);
  const maker = { programVersion, imageVersion: ZONE_IMAGE_VERSION };
  const files = [...included];
  const source = zoneDigest(maker, { zones, services, signing, included: files }, state);
  signer.save();
  return {
    bytes: builder.finish({ source, madeAtMs: Date.now() }),
    notes: { included: files, ...(steeredName !== undefined && { steeredName }), ...signer.notes() },
    warnings: problems.slice(0, PROBLEMS_MAX),
  };
}

/** A steered name that is no wildcard: one that begins with `www` where there is one. */
function steeredNameIn(records: readonly ZoneRecord[]): string | undefined {
  const names = records
    .filter(({ type }) => type === TYPE.STEER)
    .map(({ owner }) => formatName(owner).slice(0, -1))
    .filter((name) => !name.startsWith('*'));
  return names.find((name) => name.startsWith('www.')) ?? names[0];
}

/** Compiles IPv4 here and IPv6 in another thread: at the same time, or before to save memory. */
async function makeClients(wanted: ClientJob): Promise<MadeFile> {
  const { geo, networks, programVersion, isFrugal, othersAnswer } = wanted;
  const part6: PartJob = { kind: 'client-part', family: 6, geo, networks, othersAnswer };
  const other = startCompiling(part6, { onProgress: tell });
  if (isFrugal) {
    await other.made;
    await other.ended;
  }
  const state = rememberedState();
  const places = readPlacesFile();
  const maker = { programVersion, imageVersion: CLIENT_IMAGE_VERSION };
  const source = clientDigest(maker, clientSources({ geo, networks }, places.digest), state);
  const part = makePart({ ...part6, family: 4 }, places);
  const stamp = { source, madeAtMs: Date.now(), placesDigest: places.digest, allocate };
  const bytes = joinClientParts([part, await other.made], stamp);
  return { bytes, notes: { included: [] }, warnings: [] };
}

function makePart({ family, geo, networks }: PartJob, places: Places): ClientPart {
  const databases = lazyGeoSources({ geo, networks });
  const part = compileClientPart({ places, databases }, family, letGo);
  tell(`IPv${family}: ${part.runs.count} ranges`);
  return part;
}

/** Gives a file's memory back at once: the next one takes as much. */
function letGo({ bytes: { buffer } }: DatabaseFile): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

function readPlacesFile(): Places {
  const { text, file } = readGeoData('places.csv');
  return readPlaces(text, file);
}

/** `fileState` as it was when first asked for. */
function rememberedState(): (path: string) => string {
  const known = new Map<string, string>();
  return (path) => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const now = fileState(path);
    known.set(path, now);
    return now;
  };
}
