import { manualClock } from '../src/base/clock.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { storeContract } from './contract/store.ts';

const clock = manualClock(1_000_000);

storeContract({
  name: 'memory',
  skip: false,
  open: async (options) => {
    const store = createMemoryStore({ clock, ...options });
    return [store, store];
  },
  passMs: async (ms) => clock.advance(ms),
});
