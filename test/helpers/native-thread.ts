import { workerData } from 'node:worker_threads';
import { formatAddress } from '../../src/base/address.ts';
import { openCounters, serverLayout } from '../../src/server/counters.ts';
import { type Foreseer, type Handler, TRANSFER } from '../../src/server/handler.ts';
import { loadLibc } from '../../src/server/native-libc.ts';
import { runNativeLoop } from '../../src/server/native-loop.ts';
import { countedTransfer } from './counted-transfer.ts';
import type { NativeThreadData } from './native-stage.ts';

/**
 * A thread that serves with a handler for tests. It answers with the query itself; its first octet may ask
 * for more: 0xff deserves no answer, 0xfe gets the longest one, 0xfd ends the thread, 0xfc is told who asks,
 * 0xfb how many queries were told of before they were to be answered, 0xfa gets a transfer.
 */
const { slowMs, ...rest } = workerData as NativeThreadData;

let told = 0;
let expected = 0;

const handle: Handler = (query, length, client, out) => {
  if (slowMs > 0) for (const end = performance.now() + slowMs; performance.now() < end; );
  if (query[0] === 0xff) return 0;
  if (query[0] === 0xfa) return TRANSFER;
  if (query[0] === 0xfd) throw new Error('a query of death');
  if (query[0] === 0xfb) {
    out.set(Buffer.from(`${told}`));
    return `${told}`.length;
  }
  if (query[0] === 0xfc) {
    const text = Buffer.from(`${formatAddress(client.address)} ${client.port} ${client.transport}`);
    out.set(text);
    return text.length;
  }
  for (let i = 0; i < length; i++) out[i] = query[i] as number;
  return query[0] === 0xfe ? out.length : length;
};

const foreseer: Foreseer = {
  wanted: () => true,
  expect: () => {
    expected++;
  },
  fetch: () => {
    told += expected;
    expected = 0;
  },
};

const loaded = await loadLibc();
if (!('libc' in loaded)) throw new Error(loaded.reason);
runNativeLoop({
  ...rest,
  libc: loaded.libc,
  handle,
  transferOf: countedTransfer,
  foreseer,
  counters: openCounters(serverLayout(['FRA']), rest.block),
  onMail: () => {
    rest.mails[0] = (rest.mails[0] as number) + 1;
  },
});
