import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readWorld } from '../../src/lab/read-world.ts';
import { WORLD_FILES, type World } from '../../src/lab/world.ts';

/** Folder of the tests' world: eight POPs, 24 cells, an event of each kind. */
export const SMALL_FOLDER = fileURLToPath(new URL('worlds/small', import.meta.url));

/** Reads a world from its folder, without the command line. */
export function worldIn(folder: string): World {
  const texts = WORLD_FILES.map((name) => [name, readFileSync(`${folder}/${name}`, 'utf8')] as const);
  return readWorld({ folder, texts: new Map(texts) });
}

export function smallWorld(): World {
  return worldIn(SMALL_FOLDER);
}
