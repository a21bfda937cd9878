import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import { type Offer, offerHandover } from '../server/handover.ts';
import { type TakenSockets, takeOver } from '../server/handover-take.ts';
import { stateFolder } from './ground.ts';
import type { Live } from './live.ts';

/** The flag of `serve` by which a new process takes the sockets of the one that runs. */
export const REPLACE_OPTION = {
  replace: {
    type: 'boolean',
    help: 'take over from the `serve` with the same state folder: it ends once this one answers',
  },
} as const;

/**
 * Takes the sockets of the process that serves from this configuration's state folder. Throws
 * `OperatorError`.
 */
export function takeSockets(config: Config): Promise<TakenSockets> {
  return takeOver({ path: socketPath(config) });
}

/**
 * Lets a later process take this one's sockets; `onReplaced` is called when it has them and this one is to
 * end.
 */
export function offerSockets(
  config: Config,
  options: {
    readonly live: Live;
    readonly version: string;
    readonly log: (message: string) => void;
    readonly onReplaced: () => void;
  },
): Promise<Offer> {
  const { live, version, log, onReplaced } = options;
  const { console: admin, nameServer } = live;
  try {
    mkdirSync(stateFolder(config), { recursive: true });
  } catch {
    // What follows cannot listen there, and says so.
  }
  return offerHandover(nameServer, {
    path: socketPath(config),
    version,
    admin:
      admin === undefined || admin.fd < 0
        ? undefined
        : { fd: admin.fd, kind: 'admin', address: admin.endpoint },
    log,
    // The other process has the console's socket too, and answers there with what it knows.
    onYield: () => void admin?.close(),
    onReplaced,
  });
}

function socketPath(config: Config): string {
  return join(stateFolder(config), 'handover.sock');
}
