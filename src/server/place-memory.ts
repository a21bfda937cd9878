import { type CounterLayout, counterBlock } from '../base/counters.ts';
import { demandWords } from './demand-table.ts';
import { dropSamplesMemory } from './drop-samples.ts';
import type { WorkerIo } from './messages.ts';
import { querySamplesMemory } from './query-samples.ts';
import type { CrewPlace } from './supervisor-state.ts';

/** A place with the memory that outlives its threads. */
export function placeWith(io: WorkerIo, layout: CounterLayout): CrewPlace {
  return {
    io,
    counters: counterBlock(layout),
    demand: demandWords(),
    samples: dropSamplesMemory(),
    queries: querySamplesMemory(),
  };
}
