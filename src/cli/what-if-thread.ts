import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { readPlaces } from '../geo/places.ts';
import { whatIf } from '../replay/what-if.ts';
import { stepBack } from '../server/priority.ts';
import { openImage } from '../steering/image.ts';
import { readGeoData } from './geo-files.ts';
import type { WhatIfJob } from './what-if.ts';

/** The entry of the thread that has a decision made for a world that is not: it tells what came, and ends. */

const port = must(parentPort, "a parent: this file is a thread's entry");
// what-if.ts, its only starter, hands over this type.
const { ground, known, imageBytes, without } = workerData as WhatIfJob;
stepBack();
const { text, file } = readGeoData('places.csv');
const places = readPlaces(text, file);
const expected = { fleetDigest: ground.fleet.digest, placesDigest: places.digest, isSummed: false };
const opened = imageBytes === undefined ? undefined : openImage(imageBytes, expected);
const image = typeof opened === 'string' ? undefined : opened;
port.postMessage(
  whatIf({ ...ground, geometry: places, placesDigest: places.digest }, { ...known, image }, without),
);
