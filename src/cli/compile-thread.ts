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
import { type CompileJob, type FromCompiler, type MadeFile, startCompiling } from './compile.ts';
import { clientSources, lazyGeoSources, readGeoData } from './geo-files.ts';
import { writeImageFile } from './image-file.ts';
import { clientDigest, fileState } from './image-sources.ts';
import { makeZones, PROBLEMS_MAX } from './make-zones.ts';

/** The entry of a compile thread: makes one image, says how far it is, and ends. */

type ClientJob = CompileJob & { readonly kind: 'clients' };
type PartJob = CompileJob & { readonly kind: 'client-part' };

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
  const isKept = job.kind === 'clients' || (job.kind === 'zones' && job.reload === undefined);
  if (isKept && 'notes' in made) save(job.path, made);
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
  if (wanted.kind === 'zones') return makeZones(wanted, { allocate, tell, state: rememberedState() });
  return wanted.kind === 'clients' ? makeClients(wanted) : makePart(wanted, readPlacesFile());
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
