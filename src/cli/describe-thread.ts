import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { createDescriber } from '../geo/describe.ts';
import type { DescribeAnswer, DescribeQuestion } from './describer.ts';
import { type GeoConfig, readGeoSources } from './geo-files.ts';

/** The entry of the thread that reads the geo databases for people. */

const port = must(parentPort, "a parent: this file is a thread's entry");
// describer.ts, its only starter, hands over this type.
const describe = createDescriber(readGeoSources(workerData as GeoConfig));
port.on('message', ({ id, address }: DescribeQuestion) => {
  port.postMessage({ id, description: describe(address) } satisfies DescribeAnswer);
});
