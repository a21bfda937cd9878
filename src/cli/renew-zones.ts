import type { NameServer } from '../server/supervisor.ts';
import type { Terminal } from './command.ts';
import { remakeZones } from './images.ts';
import type { World } from './world.ts';

/** Has the zones made and signed anew, and serves them. */
export async function renewZones(
  { world, terminal }: { readonly world: World; readonly terminal: Terminal },
  server: NameServer,
  stop: AbortSignal,
): Promise<void> {
  const compiling = remakeZones(world, terminal);
  const cancel = (): void => void compiling.cancel();
  stop.addEventListener('abort', cancel, { once: true });
  const made = await compiling.made.finally(() => stop.removeEventListener('abort', cancel));
  const opened = world.answering.setZones(made.bytes);
  if (typeof opened === 'string') throw new Error(opened);
  server.setZones(made.bytes);
  world.images.zones = made;
}
