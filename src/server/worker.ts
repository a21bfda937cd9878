import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { countingHandler, createAnswering } from './answering.ts';
import { openCounters, serverLayout } from './counters.ts';
import { type Listeners, openListeners } from './listeners.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './messages.ts';

/**
 * The thread that answers: sockets, and all that answers are made from. It is started by the supervisor. An
 * exception that nobody caught ends it, on purpose: the supervisor reports it and starts another.
 */

const port = must(parentPort, "a parent: this file is a thread's entry");
// The supervisor, its only starter, sends this type.
const setup = workerData as WorkerSetup;
const tell = (message: FromWorker): void => port.postMessage(message);

try {
  await serve();
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  tell({ kind: 'refused', code: error.code, problems: error.problems });
  port.close();
}

async function serve(): Promise<void> {
  const { data, image } = setup;
  const { context, setImage, setGeo } = createAnswering(data);
  const takeImage = (bytes: Uint8Array): void => {
    const opened = setImage(bytes);
    if (typeof opened === 'string') tell({ kind: 'image-refused', reason: opened });
    else tell({ kind: 'image-taken', epoch: opened.epoch });
  };
  if (image !== undefined) takeImage(image);
  const counters = openCounters(serverLayout(data.fleet.pops.map((pop) => pop.code)), setup.counters);
  const listeners = await openListeners({
    listen: setup.listen,
    handle: countingHandler(context, counters),
    counters,
    tcpLimits: setup.tcpLimits,
    recvBufferOctets: setup.recvBufferOctets,
    udpResponseMax: data.udpSizeMax,
    reusePort: setup.reusePort,
  });
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'image') takeImage(message.bytes);
    else if (message.kind === 'geo') setGeo(message.geo);
    else void stop(listeners);
  });
  tell({ kind: 'listening', addresses: listeners.addresses });
}

async function stop(listeners: Listeners): Promise<void> {
  await listeners.close();
  port.close();
}
