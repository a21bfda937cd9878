import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import koffi from 'koffi';

/**
 * A router in user space, in a network namespace of its own: makes a TUN device for each host (which others
 * then move into the host's namespace) and carries packets between them, each as late as its path says, or
 * not at all. For kernels without `netem`. A program of its own: `node router.ts HOSTS` with the hosts as
 * JSON, `[{ "name": "fra", "device": "tun0", "network": "198.18.1" }, …]`; prints `ready`. Each line on
 * standard input is a JSON list of `PathChange`, taken together; it answers `ok`. Ends with standard input.
 */

/** One host: packets to `network`.x (the first three octets of an IPv4 address) go to its device. */
export interface RouterHost {
  readonly name: string;
  readonly device: string;
  readonly network: string;
}

/** How packets go from one host to another from now on. */
export interface PathChange {
  readonly from: string;
  readonly to: string;
  readonly oneWayMs: number;
  /** Fraction 0..1 of packets that get lost. */
  readonly lossRate: number;
}

interface Path {
  oneWayMs: number;
  lossRate: number;
  /** In order of arrival and, because a path never overtakes itself, of departure. */
  readonly waiting: { readonly dueMs: number; readonly packet: Buffer }[];
}

/** Packets that wait on one path at most, as in a router's buffer. */
const WAITING_MAX = 4_000;
const PACKET_OCTETS_MAX = 65_536;
const COMMAND_OCTETS_MAX = 1 << 20;
/** Packets read from one device before the others get their turn. */
const READS_PER_TURN = 32;
const TUNSETIFF = 0x4004_54ca;
/** A device of IP packets, without the four octets before each. */
const IFF_TUN_NO_PI = 0x1001;
const IFREQ_OCTETS = 40;
const POLLFD_OCTETS = 8;
const POLLIN = 1;

const library = koffi.load(null);
const ioctl = library.func('int ioctl(int fd, unsigned long request, void *argument)');
const ppoll = library.func('int ppoll(void *fds, unsigned long count, void *timeout, void *mask)');

const hosts = JSON.parse(process.argv[2] ?? '[]') as RouterHost[];
const devices = hosts.map(({ device }) => openTun(device));
const byNetwork = new Map(hosts.map(({ network }, i) => [network, i]));
const paths = hosts.map(() => hosts.map((): Path => ({ oneWayMs: 0, lossRate: 0, waiting: [] })));
const packet = Buffer.alloc(PACKET_OCTETS_MAX);
let commands = '';
writeSync(1, 'ready\n');
while (turn()) {}
for (const fd of devices) closeSync(fd);

/** Waits for a packet, a due one or a command, and does what is to do. False: standard input has ended. */
function turn(): boolean {
  const ready = wait([0, ...devices], nextDueMs());
  for (const [i, fd] of devices.entries()) if (ready[i + 1] === true) readPackets(i, fd);
  deliver(performance.now());
  return ready[0] !== true || readCommands();
}

function openTun(device: string): number {
  const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  const request = Buffer.alloc(IFREQ_OCTETS);
  request.write(device, 0, 15, 'latin1');
  request.writeUInt16LE(IFF_TUN_NO_PI, 16);
  if (ioctl(fd, TUNSETIFF, request) !== 0) throw new Error(`cannot make ${device}: error ${koffi.errno()}`);
  return fd;
}

function nextDueMs(): number {
  let dueMs = Number.POSITIVE_INFINITY;
  for (const row of paths) for (const { waiting } of row) dueMs = Math.min(dueMs, waiting[0]?.dueMs ?? dueMs);
  return dueMs;
}

function wait(fds: readonly number[], untilMs: number): boolean[] {
  const list = Buffer.alloc(fds.length * POLLFD_OCTETS);
  for (const [i, fd] of fds.entries()) {
    list.writeInt32LE(fd, i * POLLFD_OCTETS);
    list.writeInt16LE(POLLIN, i * POLLFD_OCTETS + 4);
  }
  const waitMs = Math.min(1000, Math.max(0, untilMs - performance.now()));
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(BigInt(Math.floor(waitMs / 1000)), 0);
  timeout.writeBigInt64LE(BigInt(Math.floor((waitMs % 1000) * 1e6)), 8);
  ppoll(list, fds.length, timeout, null);
  return fds.map((_fd, i) => list.readInt16LE(i * POLLFD_OCTETS + 6) !== 0);
}

function readPackets(from: number, fd: number): void {
  for (let i = 0; i < READS_PER_TURN; i++) {
    let octets: number;
    try {
      octets = readSync(fd, packet);
    } catch (error) {
      // A device that is going away says so at each read; its host then sends nothing.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') writeSync(2, `${String(error)}\n`);
      return;
    }
    enqueue(from, packet.subarray(0, octets));
  }
}

function enqueue(from: number, octets: Buffer): void {
  if (octets.length < 20 || (octets[0] as number) >> 4 !== 4) return;
  const to = byNetwork.get(`${octets[16]}.${octets[17]}.${octets[18]}`);
  const path = to === undefined ? undefined : paths[from]?.[to];
  if (path === undefined || path.waiting.length >= WAITING_MAX || Math.random() < path.lossRate) return;
  const dueMs = Math.max(performance.now() + path.oneWayMs, path.waiting.at(-1)?.dueMs ?? 0);
  path.waiting.push({ dueMs, packet: Buffer.from(octets) });
}

function deliver(nowMs: number): void {
  for (const row of paths)
    for (const [to, { waiting }] of row.entries())
      while (waiting[0] !== undefined && waiting[0].dueMs <= nowMs) {
        const fd = devices[to] as number;
        try {
          writeSync(fd, waiting.shift()?.packet ?? Buffer.alloc(0));
        } catch {
          // The host's device is down or full: the packet is lost, as on any network.
        }
      }
}

function readCommands(): boolean {
  const text = Buffer.alloc(COMMAND_OCTETS_MAX);
  let octets = 0;
  try {
    octets = readSync(0, text);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN';
  }
  if (octets === 0) return false;
  const lines = (commands + text.toString('utf8', 0, octets)).split('\n');
  commands = lines.pop() ?? '';
  for (const line of lines) {
    for (const change of JSON.parse(line) as PathChange[]) changePath(change);
    writeSync(1, 'ok\n');
  }
  return true;
}

function changePath({ from, to, oneWayMs, lossRate }: PathChange): void {
  const index = (name: string): number => hosts.findIndex((host) => host.name === name);
  const path = paths[index(from)]?.[index(to)];
  if (path === undefined) throw new Error(`no path from ${from} to ${to}`);
  path.oneWayMs = oneWayMs;
  path.lossRate = lossRate;
}
