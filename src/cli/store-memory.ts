import type { StoreMemory } from '../store/server.ts';
import type { Store } from '../store/store.ts';
import type { CloseLater } from './long-running.ts';

const ASKED_EVERY_MS = 30_000;
/** A store that does not tell may learn to: a user gets the right to ask. */
const REFUSED_EVERY_MS = 600_000;

/** What is known of the memory of the store now; undefined: nothing, or it has none of its own. */
export type MemoryWatch = () => StoreMemory | undefined;

/**
 * Asks the store for its memory every 30 s, one question at a time, so that who serves metrics need not wait
 * for it. While the store is away nothing is known. Where it does not tell, that is said once.
 */
export function watchStoreMemory(
  store: Pick<Store, 'kind' | 'memory' | 'state'>,
  { log, closeLater }: { readonly log: (message: string) => void; readonly closeLater: CloseLater },
): MemoryWatch {
  if (store.kind === 'memory') return () => undefined;
  let known: StoreMemory | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  let isSaid = false;
  const ask = async (): Promise<void> => {
    const told = await store.memory().catch(() => undefined);
    known = typeof told === 'object' ? told : undefined;
    if (typeof told === 'string' && !isSaid) {
      log(`${store.state().address} does not tell its memory, which metrics lack therefore: ${told}`);
      isSaid = true;
    }
    if (isClosed) return;
    timer = setTimeout(() => void ask(), typeof told === 'string' ? REFUSED_EVERY_MS : ASKED_EVERY_MS);
    timer.unref();
  };
  void ask();
  closeLater(() => {
    isClosed = true;
    clearTimeout(timer);
  });
  return () => known;
}
