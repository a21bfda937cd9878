import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import type { CounterBlock } from '../base/counters.ts';
import type { Fleet } from '../base/fleet.ts';
import { seededRandom } from '../base/random.ts';
import { createHold, HELD_MAX } from '../delays/hold.ts';
import { openQueue, type PacketQueue } from '../delays/queue.ts';
import { addressOctets, type WayOptions, wayFinder } from '../delays/ways.ts';
import { createNetModel, type WeatherByPop } from '../netmodel/model.ts';
import type { ClientPlaces } from '../netmodel/path.ts';
import { STAND_INS } from '../netmodel/stand-ins.ts';
import { noteLoaded } from '../server/native-threads.ts';
import { stepAhead } from '../server/priority.ts';

/** The entry of the thread that makes modelled delays real. */

/** What the thread is started with. */
export interface DelayJob extends Omit<WayOptions, 'model'> {
  readonly fleet: Fleet;
  readonly places: ClientPlaces;
  readonly seed: number;
  /** Not 0: the thread is to end. */
  readonly stop: Int32Array<SharedArrayBuffer>;
  readonly counts: CounterBlock;
}

/** What it says, once: it holds packets, or why it cannot. */
export type FromDelays = { readonly kind: 'ready' } | { readonly kind: 'refused'; readonly reason: string };

const port = parentPort;
assert(port !== null, 'this file is started as a thread');
const say = (message: FromDelays): void => port.postMessage(message);
const job = workerData as DelayJob;
const { here, popPort } = job;
/** The kernel has room for a few more than are held, so that what is lost is counted here. */
const opened = await openQueue({
  clients: STAND_INS,
  also: here.network < 0 ? undefined : { address: addressOctets(here.address), ports: [popPort] },
  lengthMax: HELD_MAX + 1_024,
});
noteLoaded();
if (typeof opened === 'string') say({ kind: 'refused', reason: opened });
else {
  stepAhead();
  say({ kind: 'ready' });
  try {
    holdUntilStopped(opened);
  } finally {
    opened.close();
  }
}

function holdUntilStopped(queue: PacketQueue): void {
  const { stop, seed, counts } = job;
  const findWay = wayFinder({ ...job, model: createNetModel(job) });
  const nowMs = () => performance.now();
  const hold = createHold({ queue, findWay, nowMs, random: seededRandom(seed), counts });
  let weather: WeatherByPop = new Map();
  while (Atomics.load(stop, 0) === 0) {
    const waitMs = hold.step(weather);
    if (waitMs > 0) queue.wait(waitMs);
    // This thread never returns to its event loop.
    for (let told = receiveMessageOnPort(port as never); told !== undefined; ) {
      weather = told.message as WeatherByPop;
      told = receiveMessageOnPort(port as never);
    }
  }
}
