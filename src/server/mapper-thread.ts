import { parentPort, workerData } from 'node:worker_threads';
import { createRowMapper, type RowMapper } from '../answer/row-map.ts';
import { must } from '../base/assert.ts';
import { openClientImage } from '../geo/client-image.ts';
import { openImage } from '../steering/image.ts';
import { collectGarbage } from './engine.ts';
import type { FromMapper, MapperSetup, ToMapper } from './messages.ts';
import { loadAllocate } from './native-memory.ts';
import { stepBack } from './priority.ts';

/**
 * The thread that works out what each steering image means for this process's client image, so that no
 * thread that answers has to. It is started by mapper.ts.
 */

/** Maps and images replaced since memory was given back may be so long together, octets. */
const REPLACED_OCTETS_MAX = 128 << 20;

const port = must(parentPort, "a parent: this file is a thread's entry");
// mapper.ts, its only starter, sends this type.
const setup = workerData as MapperSetup;
const tell = (message: FromMapper): void => port.postMessage(message);

const allocate = await loadAllocate();
let isBehind = false;
if (setup.othersAnswer) fallBehind();
let mapper = open(setup.clients);
let replacedOctets = 0;

port.on('message', (message: ToMapper) => {
  if (message.kind === 'clients') mapper = open(message.bytes);
  else {
    tell(map(message.image));
    fallBehind();
    if (typeof mapper !== 'string') mapper.getReady();
    giveBack();
  }
});

/** Once somebody answers, that goes first: nobody does before the first table is there. */
function fallBehind(): void {
  if (!isBehind) stepBack();
  isBehind = true;
}

function map(given: Uint8Array): FromMapper {
  if (typeof mapper === 'string') return { kind: 'refused', reason: `the client image is bad: ${mapper}` };
  const startMs = performance.now();
  const bytes = intoShared(given);
  const image = openImage(bytes, setup);
  if (typeof image === 'string') return { kind: 'refused', reason: image };
  if (image.groupCount < setup.groups) return { kind: 'refused', reason: 'made for other services' };
  const rows = mapper.map(image);
  replacedOctets += bytes.length + rows.length;
  return { kind: 'mapped', image: bytes, rows, epoch: image.epoch, buildMs: performance.now() - startMs };
}

/** The engine does not know how large maps are, and this thread makes little else. */
function giveBack(): void {
  if (replacedOctets < REPLACED_OCTETS_MAX) return;
  replacedOctets = 0;
  collectGarbage('all');
}

function open(bytes: Uint8Array): RowMapper | string {
  const clients = openClientImage(bytes, { ...setup, isSummed: true });
  return typeof clients === 'string' ? clients : createRowMapper(clients, allocate);
}

/** The octets in memory that threads share: copied only if they are not. */
function intoShared(bytes: Uint8Array): Uint8Array<SharedArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  if (buffer instanceof SharedArrayBuffer) return new Uint8Array(buffer, byteOffset, length);
  const shared = new Uint8Array(allocate(length));
  shared.set(bytes);
  return shared;
}
