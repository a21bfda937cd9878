import { tableOfGeography } from '../../src/cli/first-table.ts';
import { loadGround } from '../../src/cli/ground.ts';
import { processTerminal } from '../../src/cli/terminal.ts';
import { openWorld, startImages, type World } from '../../src/cli/world.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';

/** A configuration file and a state folder, which wins over the one that the file names. */
export interface WorldPaths {
  readonly config: string;
  readonly state: string;
}

const terminal = processTerminal(process, new AbortController().signal);

/** Reads a configuration as the program does. */
export function readBenchConfig({ config: file, state }: WorldPaths): Config {
  const { readText: read, listFolder: list } = terminal;
  return { ...loadConfig({ text: read(file), file, read, list }), state };
}

/** Opens or makes the images as `isochrone serve` does, and its first steering image. */
export async function openBenchWorld(
  paths: WorldPaths,
): Promise<{ readonly world: World; readonly image: Uint8Array<SharedArrayBuffer> }> {
  const closers: (() => unknown)[] = [];
  const closeLater = (close: () => unknown): void => void closers.push(close);
  const ground = loadGround(readBenchConfig(paths));
  const world = await openWorld(ground, startImages(ground, { terminal, closeLater }), {
    terminal,
    closeLater,
  });
  const { bytes } = tableOfGeography(world, Date.now());
  for (const close of closers.toReversed()) await close();
  const image = new Uint8Array(new SharedArrayBuffer(bytes.length));
  image.set(bytes);
  return { world, image };
}
