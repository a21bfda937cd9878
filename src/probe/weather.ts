import type { ModelChange, Store } from '../store/store.ts';
import { oneAtATime } from './one-at-a-time.ts';

/** The changes of the modelled internet, as last read from the store. */
export interface WeatherWatch {
  /** By POP code; replaced as a whole at each reading. */
  readonly now: () => ReadonlyMap<string, ModelChange>;
  /**
   * Reads again, or once more after the reading under way. Never rejects: a store that is away changes
   * nothing.
   */
  readonly read: () => Promise<void>;
}

/**
 * Watches the changes; `onChanged` is called with the code of each POP whose change is another than before.
 */
export function watchWeather(store: Store, onChanged: (pop: string) => void): WeatherWatch {
  let weather: ReadonlyMap<string, ModelChange> = new Map();
  const read = async () => {
    if (!store.state().connected) return;
    const before = weather;
    try {
      weather = new Map((await store.modelChanges()).map((change) => [change.pop, change]));
    } catch {
      // It went away just now: the internet stays as it was until the next reading.
      return;
    }
    for (const pop of new Set([...before.keys(), ...weather.keys()]))
      if (JSON.stringify(before.get(pop)) !== JSON.stringify(weather.get(pop))) onChanged(pop);
  };
  return { now: () => weather, read: oneAtATime(read) };
}
