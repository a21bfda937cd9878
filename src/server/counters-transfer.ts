import type { FamilySpec } from '../base/counters.ts';
import type { ServerCounters } from './counters.ts';

/** What a client that asks for a zone gets: all of it, differences, or word that it has the newest. */
const KINDS = ['axfr', 'ixfr', 'current'] as const;
/** How that ended: all was sent, the client was gone before, or it was told that there is nothing for it. */
const RESULTS = ['sent', 'cut', 'refused'] as const;
const NOTIFY_RESULTS = ['taken', 'refused'] as const;

export type TransferKind = (typeof KINDS)[number];
export type TransferResult = (typeof RESULTS)[number];

const NAME = {
  transfers: 'isochrone_transfers_out_total',
  octets: 'isochrone_transfer_out_octets_total',
  notifies: 'isochrone_notifies_in_total',
} as const;

/** Where the families of this file begin in a block. */
export interface TransferCounters {
  readonly transfers: number;
  readonly octets: number;
  readonly notifies: number;
}

/** What is counted of zones that others fetch, and of what others tell. */
export const TRANSFER_FAMILIES: readonly FamilySpec[] = [
  {
    name: NAME.transfers,
    help: 'Transfers of zones to others, by what they were given and how it ended.',
    kind: 'counter',
    labels: [
      { name: 'kind', values: KINDS },
      { name: 'result', values: RESULTS },
    ],
  },
  { name: NAME.octets, help: 'Octets of messages of these transfers.', kind: 'counter', labels: [] },
  {
    name: NAME.notifies,
    help: 'NOTIFY messages for zones that come from elsewhere, by whether their sender may tell.',
    kind: 'counter',
    labels: [{ name: 'result', values: NOTIFY_RESULTS }],
  },
];

/** Finds the families by their names. */
export function transferCounters(at: (name: string) => number): TransferCounters {
  return { transfers: at(NAME.transfers), octets: at(NAME.octets), notifies: at(NAME.notifies) };
}

/** Counts a transfer that is over. */
export function countTransfer(
  { block, transfer }: ServerCounters,
  kind: TransferKind,
  result: TransferResult,
): void {
  const slot = transfer.transfers + KINDS.indexOf(kind) * RESULTS.length + RESULTS.indexOf(result);
  block[slot] = (block[slot] as number) + 1;
}

/** Counts octets of a transfer. */
export function countTransferOctets({ block, transfer }: ServerCounters, octets: number): void {
  block[transfer.octets] = (block[transfer.octets] as number) + octets;
}

/** Counts a NOTIFY. */
export function countNotify({ block, transfer }: ServerCounters, isTaken: boolean): void {
  const slot = transfer.notifies + NOTIFY_RESULTS.indexOf(isTaken ? 'taken' : 'refused');
  block[slot] = (block[slot] as number) + 1;
}
