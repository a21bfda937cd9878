import { parseAddress } from '../base/address.ts';
import type { ListenAddress } from './handler.ts';
import type { Libc } from './native-libc.ts';
import {
  closeNativeSockets,
  joinNativeSockets,
  type NativeSocket,
  type NativeSockets,
  type NativeSocketsOptions,
  openNativeSockets,
  shareNativeSocket,
} from './native-sockets.ts';

/**
 * Sets of sockets, one a worker, of those that another process had: worker i of N takes the i-th of each
 * address, the (i+N)-th and so on. What is missing is opened, what this configuration does not want is
 * closed. Throws `OperatorError` as `openNativeSockets` does; nothing stays open here then.
 */
export function adoptSockets(
  libc: Libc,
  inherit: readonly NativeSocket[],
  options: NativeSocketsOptions,
): NativeSockets {
  const left = new Set(inherit);
  const sets: NativeSocket[][] = Array.from({ length: options.sets }, () => []);
  const addresses: ListenAddress[] = [];
  const own: NativeSocket[] = [];
  try {
    for (const listen of options.listen) {
      const found = [...left].filter((socket) => covers(listen, socket.address));
      // Any port will do: that of the first, for UDP and TCP.
      const port = found[0]?.address.port;
      const group = found.filter(({ address }) => address.port === port);
      for (const socket of group) left.delete(socket);
      const opened = complete(libc, group, { ...options, listen: [listen] });
      own.push(...opened);
      const all = [...group, ...opened].map((socket) => {
        return { ...socket, address: { ...listen, port: socket.address.port } };
      });
      addresses.push(all[0]?.address ?? listen);
      for (const kind of ['udp', 'tcp'] as const)
        for (const [i, socket] of all.filter((one) => one.kind === kind).entries())
          sets[i % options.sets]?.push(socket);
    }
  } catch (error) {
    closeNativeSockets(libc, [...own, ...inherit]);
    throw error;
  }
  closeNativeSockets(libc, [...left]);
  return { addresses, sets };
}

/** Opens what an address lacks for each worker to have a socket. */
function complete(
  libc: Libc,
  group: readonly NativeSocket[],
  options: NativeSocketsOptions,
): readonly NativeSocket[] {
  const [first] = group;
  if (first === undefined) return openNativeSockets(libc, options).sets.flat();
  const missing = options.sets - group.filter(({ kind }) => kind === 'udp').length;
  if (missing <= 0) return [];
  // A single socket shares its port with nobody: it is let to now.
  for (const socket of group) shareNativeSocket(libc, socket);
  const { recvBufferOctets } = options;
  const listen = [first.address];
  return Array.from({ length: missing }, () => joinNativeSockets(libc, { listen, recvBufferOctets })).flat();
}

function covers(wanted: ListenAddress, has: ListenAddress): boolean {
  const same = parseAddress(wanted.host)?.octets.join() === parseAddress(has.host)?.octets.join();
  return same && (wanted.port === 0 || wanted.port === has.port);
}
