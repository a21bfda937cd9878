import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { AccessList } from '../../src/base/access-list.ts';
import { type CounterBlock, counterBlock, readCounters } from '../../src/base/counters.ts';
import { serverLayout } from '../../src/server/counters.ts';
import { workerArena } from '../../src/server/native-arena.ts';
import { type Libc, loadLibc } from '../../src/server/native-libc.ts';
import { closeNativeSockets, type NativeSocket, openNativeSockets } from '../../src/server/native-sockets.ts';
import { TCP_LIMITS, type TcpLimits } from '../../src/server/tcp-limits.ts';
import { WORD, workerWords } from '../../src/server/worker-memory.ts';

const loaded = await loadLibc();

/** Why there is nothing to test here; false where there is. */
export const noNative: string | false = 'libc' in loaded ? false : loaded.reason;

/** What native-thread.ts is started with. */
export interface NativeThreadData {
  readonly sockets: readonly NativeSocket[];
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly arena: SharedArrayBuffer;
  readonly block: CounterBlock;
  /** Word 0 counts the calls of `onMail`. */
  readonly mails: Int32Array<SharedArrayBuffer>;
  readonly limits: TcpLimits;
  readonly proxies: AccessList | undefined;
  readonly udpResponseMax: number;
  readonly skipInHand: boolean;
  /** Time that each query takes, ms. */
  readonly slowMs: number;
}

interface StageOptions {
  readonly hosts?: readonly string[];
  readonly limits?: Partial<TcpLimits>;
  readonly slowMs?: number;
  readonly proxies?: AccessList;
  readonly recvBufferOctets?: number;
}

/** The library, where `noNative` is false. */
export function testLibc(): Libc {
  if (!('libc' in loaded)) throw new Error(loaded.reason);
  return loaded.libc;
}

/** Starts one native serving thread with the handler of native-thread.ts. */
export async function startNative(context: TestContext, options: StageOptions = {}) {
  const { hosts = ['127.0.0.1'], slowMs = 0, recvBufferOctets = 4 << 20 } = options;
  const libc = testLibc();
  const listen = hosts.map((host) => ({ host, port: 0 }));
  const { addresses, sets } = openNativeSockets(libc, { listen, sets: 1, recvBufferOctets });
  const sockets = sets[0] as readonly NativeSocket[];
  const limits = { ...TCP_LIMITS, ...options.limits };
  const layout = serverLayout(['FRA']);
  const shared = {
    sockets,
    words: workerWords(),
    arena: workerArena({ udpResponseMax: 4096, limits }),
    block: counterBlock(layout),
    mails: new Int32Array(new SharedArrayBuffer(4)),
    limits,
    proxies: options.proxies,
    udpResponseMax: 4096,
  };
  const { words } = shared;
  let worker: Worker | undefined;
  /** Starts a thread on the same memory; one that lives must have been ended. */
  const run = (skipInHand = false, slow = slowMs): Worker => {
    const workerData: NativeThreadData = { ...shared, skipInHand, slowMs: slow };
    worker = new Worker(new URL('native-thread.ts', import.meta.url), { workerData });
    return worker;
  };
  const stop = async (): Promise<number> => {
    const startMs = performance.now();
    words[WORD.STOP] = 1;
    if (worker !== undefined && worker.threadId > 0) await once(worker, 'exit');
    return performance.now() - startMs;
  };
  context.after(async () => {
    await stop();
    closeNativeSockets(libc, sockets);
  });
  const value = (name: string, label: string): number =>
    readCounters(layout, [shared.block])
      .families.find((family) => family.name === name)
      ?.samples.find((sample) => label === '' || sample.values.includes(label))?.value ?? 0;
  const drops = (reason: string): number => value('isochrone_dns_drops_total', reason);
  const batches = () => {
    const { histograms } = readCounters(layout, [shared.block]);
    return histograms.find(({ name }) => name === 'isochrone_dns_batch_datagrams');
  };
  return {
    addresses,
    port: addresses[0]?.port ?? 0,
    words,
    mails: shared.mails,
    run,
    stop,
    value,
    drops,
    batches,
  };
}
