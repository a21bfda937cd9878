import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Ports to choose from must be so many, or the kernel chooses. */
const CHOICE_MIN = 256;
const PORT_MAX = 65_535;
const PORT_RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
const FIRST_UNPRIVILEGED = '/proc/sys/net/ipv4/ip_unprivileged_port_start';

/**
 * A port for a server that may have any: one that the kernel gives to no client. Sockets of several threads
 * share their port, and one of the kernel's choice is shared with any socket of the same user that lets its
 * own port be chosen and be shared, as dig's and BIND's do: such a client can get the server's port, and then
 * talks to itself. Whether it is free is for the caller to find out. 0, which leaves the choice to the
 * kernel, where there is no such range or no telling.
 */
export function serverPort(): number {
  const [first, last] = numbers(PORT_RANGE);
  if (first === undefined || last === undefined) return 0;
  const [lowest = 1024] = numbers(FIRST_UNPRIVILEGED);
  // Above it first: below are the ports that well-known programs expect to have.
  if (PORT_MAX - last >= CHOICE_MIN) return randomInt(last + 1, PORT_MAX + 1);
  if (first - lowest >= CHOICE_MIN) return randomInt(lowest, first);
  return 0;
}

function numbers(file: string): number[] {
  try {
    return readFileSync(file, 'latin1').trim().split(/\s+/).map(Number);
  } catch {
    return [];
  }
}
