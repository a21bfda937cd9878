import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { readPlaces } from '../geo/places.ts';
import { comeToRest, likelyLoads, type WorldAtRest, whatIf } from '../replay/what-if.ts';
import { stepBack } from '../server/priority.ts';
import { openImage } from '../steering/image.ts';
import { readGeoData } from './geo-files.ts';
import type { WhatIfGround, WhatIfJob, WhatIfReply } from './what-if-worker.ts';

/**
 * The entry of the thread that has decisions made for worlds that are not. A job is worked up to where every
 * question about it begins, a question is answered, then how sure the answer is.
 */

const port = must(parentPort, "a parent: this file is a thread's entry");
// what-if-worker.ts, its only starter, hands over this type, and sends jobs alone.
const ground = workerData as WhatIfGround;
stepBack();
const { text, file } = readGeoData('places.csv');
const places = readPlaces(text, file);
const whole = { ...ground, geometry: places, placesDigest: places.digest };
const expected = { fleetDigest: ground.fleet.digest, placesDigest: places.digest, isSummed: false };
let rest: WorldAtRest | undefined;
const tell = (reply: WhatIfReply): void => port.postMessage(reply);

port.on('message', (job: WhatIfJob) => {
  if (job.kind === 'world') {
    const opened = job.imageBytes === undefined ? undefined : openImage(job.imageBytes, expected);
    const image = typeof opened === 'string' ? undefined : opened;
    rest = comeToRest(whole, { ...job.known, image });
    return tell({ kind: 'at-rest' });
  }
  const world = must(rest, 'a world before a question');
  rest = undefined;
  const found = whatIf(world, job.without);
  tell({ kind: 'found', found });
  tell({ kind: 'ranges', ranges: likelyLoads(world, found) });
});
