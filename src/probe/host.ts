import { existsSync, readFileSync } from 'node:fs';

/** Share of the processors' time that was used since the call before, 0..1; undefined: nobody knows yet. */
export type ReadCpu = () => number | undefined;

/** Reads /proc/stat; where there is none, it is never known. */
export function cpuReader(): ReadCpu {
  let before: readonly [used: number, all: number] | undefined;
  return () => {
    const times = cpuTimes();
    const last = before;
    before = times;
    if (times === undefined || last === undefined) return undefined;
    const all = times[1] - last[1];
    return all <= 0 ? undefined : Math.min(1, Math.max(0, (times[0] - last[0]) / all));
  };
}

function cpuTimes(): readonly [used: number, all: number] | undefined {
  const line = readOr('/proc/stat')?.split('\n', 1)[0] ?? '';
  // user nice system idle iowait irq softirq steal: guest time is within user time.
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  if (!line.startsWith('cpu ') || ticks.length < 8 || ticks.some(Number.isNaN)) return undefined;
  const all = ticks.reduce((sum, one) => sum + one, 0);
  return [all - (ticks[3] as number) - (ticks[4] as number), all];
}

/** What a network interface carried since the call before. */
export interface InterfaceUse {
  /** Megabits a second in the direction that carries more. */
  readonly throughputMbps: number;
  /** Fraction of packets that it dropped. */
  readonly lossRate: number;
}

/** The name is that of the interface: `eth0`; undefined: not known (yet). */
export type ReadInterface = (nowMs: number) => InterfaceUse | undefined;

/** Reads the interface's counters in /sys/class/net. */
export function interfaceReader(name: string): ReadInterface {
  let before: (Counters & { readonly atMs: number }) | undefined;
  return (nowMs) => {
    const counters = countersOf(name);
    const last = before;
    before = counters === undefined ? undefined : { ...counters, atMs: nowMs };
    if (counters === undefined || last === undefined || nowMs <= last.atMs) return undefined;
    const octets = Math.max(counters.rxOctets - last.rxOctets, counters.txOctets - last.txOctets);
    const dropped = counters.dropped - last.dropped;
    const packets = counters.packets - last.packets + dropped;
    return {
      throughputMbps: Math.max(0, octets) / 125 / (nowMs - last.atMs),
      lossRate: packets <= 0 ? 0 : Math.min(1, Math.max(0, dropped / packets)),
    };
  };
}

interface Counters {
  readonly rxOctets: number;
  readonly txOctets: number;
  readonly packets: number;
  readonly dropped: number;
}

function countersOf(name: string): Counters | undefined {
  const read = (counter: string): number =>
    Number(readOr(`/sys/class/net/${name}/statistics/${counter}`) ?? Number.NaN);
  const [rxOctets, txOctets] = [read('rx_bytes'), read('tx_bytes')];
  const packets = read('rx_packets') + read('tx_packets');
  const dropped = read('rx_missed_errors') + read('tx_dropped');
  const all = { rxOctets, txOctets, packets, dropped };
  return Object.values(all).some(Number.isNaN) ? undefined : all;
}

/** Whether the machine has this interface. */
export function hasInterface(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`);
}

/** First line of the file that wishes for a drain; undefined: there is no such file. */
export function drainWish(path: string): string | undefined {
  const text = readOr(path);
  return text === undefined ? undefined : (text.split('\n', 1)[0] ?? '').trim().slice(0, 200);
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
