import type { Config } from '../config/config.ts';
import { fileState } from './image-sources.ts';
import type { ZoneOutcome } from './zone-outcome.ts';

/** Looks for zone files that changed. */
export interface ZoneWatch {
  /** Notes what zones include, as they were just read. */
  readonly note: (outcomes: readonly ZoneOutcome[]) => void;
  readonly close: () => void;
}

/** Files looked at in one turn, and how long a turn is, ms: a thousand files each second. */
const FILES_PER_TURN = 500;
const TURN_MS = 500;

/** One file, and the zones that are read from it. */
interface Watched {
  readonly origins: Set<string>;
  /** As it was when it was last read, or seen changed. */
  known: string;
  /** As it was at the last look: a file that is being written differs from look to look. */
  seen: string;
}

/**
 * Watches the files of the configuration's own zones, and those that they include (`included`: of all zones).
 * `onChange` is told of zones whose files have changed and are still.
 */
export function watchZones(
  { zones }: Pick<Config, 'zones'>,
  included: readonly string[],
  onChange: (origins: readonly string[]) => void,
): ZoneWatch {
  const files = new Map<string, Watched>();
  const watch = (path: string, origin: string): void => {
    const known = files.get(path);
    if (known !== undefined) known.origins.add(origin);
    else {
      const state = fileState(path);
      files.set(path, { origins: new Set([origin]), known: state, seen: state });
    }
  };
  const own = zones.filter(({ isSecondary }) => !isSecondary);
  for (const { origin, file } of own) watch(file, origin);
  // Which zone includes which is known once they are read again.
  for (const path of included) for (const { origin } of own) watch(path, origin);
  let turn = [...files.keys()][Symbol.iterator]();
  const timer = setInterval(() => {
    const changed = new Set<string>();
    for (let i = 0; i < FILES_PER_TURN; i++) {
      const { value: path, done } = turn.next();
      if (done === true) {
        turn = [...files.keys()][Symbol.iterator]();
        break;
      }
      const file = files.get(path);
      if (file === undefined) continue;
      const state = fileState(path);
      if (state !== file.known && state === file.seen) {
        file.known = state;
        for (const origin of file.origins) changed.add(origin);
      }
      file.seen = state;
    }
    if (changed.size > 0) onChange([...changed]);
  }, TURN_MS);
  timer.unref();
  return {
    note: (outcomes) => {
      for (const { origin, included: paths } of outcomes) for (const path of paths) watch(path, origin);
    },
    close: () => clearInterval(timer),
  };
}
