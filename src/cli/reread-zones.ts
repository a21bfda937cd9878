import type { Terminal } from './command.ts';
import { type CompileJob, type Compiling, startCompiling, type ZoneReload } from './compile.ts';
import type { Ground } from './ground.ts';
import { describeLoaded, type LoadedImage, zoneKind } from './images.ts';
import type { ZoneOutcome } from './zone-outcome.ts';

/**
 * Makes the zone image in use anew: some zones are read again, the others stay. It is not saved: the next
 * start reads all.
 */
export function rereadZones(
  ground: Ground,
  terminal: Pick<Terminal, 'readText' | 'err'>,
  reload: ZoneReload,
): Compiling<{ readonly loaded: LoadedImage; readonly outcomes: readonly ZoneOutcome[] }> {
  const startedMs = performance.now();
  const { job } = zoneKind(ground, terminal, true);
  const { made, ended, cancel } = startCompiling({ ...job, reload } as CompileJob & { kind: 'zones' });
  return {
    made: made.then((file) => ({
      loaded: describeLoaded(file, 'sources', startedMs),
      outcomes: file.outcomes ?? [],
    })),
    ended,
    cancel,
  };
}

/** Digest of the zone image's sources as they are now. */
export function zoneSourceNow(
  ground: Ground & { readonly images: { readonly zones: LoadedImage } },
  terminal: Pick<Terminal, 'readText'>,
): string {
  return zoneKind(ground, terminal, true).digest(ground.images.zones.notes);
}
