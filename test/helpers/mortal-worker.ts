/**
 * The name server's thread, which can be told to die: a thread's entry for tests of its supervision. It
 * listens on the broadcast channel `mortal-worker`.
 */
const deaths: Readonly<Record<string, () => void>> = {
  throw: () => {
    throw new Error('killed by an exception');
  },
  reject: () => void Promise.reject(new Error('killed by a rejection')),
  exit: () => process.exit(3),
  spin: () => {
    for (;;);
  },
};

const channel = new BroadcastChannel('mortal-worker');
channel.onmessage = (event) => deaths[String((event as MessageEvent).data)]?.();
channel.unref();

await import('../../src/server/worker.ts');
