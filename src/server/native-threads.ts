import { isMainThread, Worker, type WorkerOptions, workerData } from 'node:worker_threads';

/** Where a thread says that its native code is loaded: to end it before would abort the process. */
type Loading = Int32Array<SharedArrayBuffer>;

const loadings = new WeakMap<Worker, Loading>();
/** Loading takes so long at most, ms; a thread that never loads any is ended then. */
const LOADING_MS = 1000;

/** Starts a thread that loads native code. `data` is an object; it comes as `workerData`. */
export function startNativeThread(file: URL, data: object, options: WorkerOptions = {}): Worker {
  const loading: Loading = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(file, { ...options, workerData: { ...data, loading } });
  loadings.set(worker, loading);
  return worker;
}

/** In the thread: its native code is loaded, or will not be. */
export function noteLoaded(): void {
  if (isMainThread) return;
  const { loading } = (workerData ?? {}) as { loading?: Loading };
  if (loading === undefined) return;
  Atomics.store(loading, 0, 1);
  Atomics.notify(loading, 0);
}

/** Ends a thread, once its native code is loaded. */
export async function endThread(worker: Worker): Promise<void> {
  const loading = loadings.get(worker);
  if (loading !== undefined) {
    const gone = new Promise((resolve) => worker.once('exit', resolve));
    await Promise.race([Atomics.waitAsync(loading, 0, 0, LOADING_MS).value, gone]);
  }
  await worker.terminate();
}
